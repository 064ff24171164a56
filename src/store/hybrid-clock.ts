/**
 * The stamps of writes: hybrid time (base/hybrid-time.ts). A write's stamp exceeds those of what it
 * replaces. It does not go back with the clock of the machine, unless others find it too far ahead,
 * and its clock says the same by now.
 */
import { counterLimit, counterAfter } from '../base/hybrid-time.ts'
import type { Clock } from '../seams/clock.ts'

export class HybridClock {
  readonly #clock: Clock
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A stamp later than every one given before, and than `after`. */
  next(after: number): number {
    // Too far ahead is not followed: one wild clock must not drag every other along.
    const floor = this.isTooFarAhead(after) ? 0 : after
    this.#last = counterAfter(Math.max(this.#last, floor), this.#clock.wallMs())
    return this.#last
  }

  /** Others refused a stamp of ours as too far ahead. Stamps need not be unique: dots are. */
  onRefused(): void {
    if (this.isTooFarAhead(this.#last)) this.#last = 0
  }

  isTooFarAhead(stamp: number): boolean {
    return stamp > counterLimit(0, this.#clock.wallMs())
  }
}
