/**
 * Where counters of ballots come from: hybrid time that gives none twice in one run of a process;
 * another run has another boot number. It follows what it must exceed; how far that may lie ahead is
 * for acceptors to judge (`CounterGuard`).
 */
import { CounterSource } from '../base/counter-source.ts'
import { counterLimit, SKEW_MS_MAX, UNITS_PER_MS } from '../base/hybrid-time.ts'
import type { Clock } from '../seams/clock.ts'

const NEAR = SKEW_MS_MAX * UNITS_PER_MS

export class BallotClock {
  readonly #clock: Clock
  readonly #source = new CounterSource()
  /** The highest counter of ours that another disk has taken. */
  #taken = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A counter above `floor` that was never given before. */
  next(floor: number): number {
    // What nobody took and our own clock disowns by now is not tried again.
    if (this.isUntried(this.#source.last)) this.onRefused()
    return this.#source.next(floor, this.#clock.wallMs())
  }

  onTaken(counter: number): void {
    this.#taken = Math.max(this.#taken, counter)
  }

  /** Whether no other disk has taken a counter anywhere near. */
  isUntried(counter: number): boolean {
    return counter > this.#taken + NEAR
  }

  /** Too few took one of ours: perhaps since it is too far ahead. */
  onRefused(): void {
    this.#source.goBack(this.#clock.wallMs())
  }

  /** Whether a counter that stands in the way is of a wild clock, by this machine's clock alone. */
  isWild(counter: number): boolean {
    return counter > counterLimit(0, this.#clock.wallMs())
  }
}
