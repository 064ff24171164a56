/**
 * Where counters of ballots come from: a hybrid clock (registers.md §1; Kulkarni et al., 2014).
 * None is given twice in one run of a process; another run has another boot number. It follows
 * what it must exceed; how far that may lie ahead is for acceptors to judge (`CounterGuard`).
 */
import { AtollError } from '../base/errors.ts'
import type { Clock } from '../seams/clock.ts'

/** Counters in a millisecond. */
export const UNITS_PER_MS = 1024

export class BallotClock {
  readonly #clock: Clock
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A counter above `floor` and above all given before. */
  next(floor: number): number {
    const now = Math.max(0, Math.floor(this.#clock.wallMs())) * UNITS_PER_MS
    const counter = Math.max(now, this.#last + 1, floor + 1)
    if (!Number.isSafeInteger(counter)) {
      throw new AtollError('INTERNAL', 'the counter of ballots ran out')
    }
    this.#last = counter
    return counter
  }
}
