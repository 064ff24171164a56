/**
 * Hybrid logical time (Kulkarni et al., 2014) in one number: milliseconds times 1024, plus a
 * counter. It never goes back on a node, and a write's stamp exceeds those of what it replaces.
 */
import type { Clock } from '../seams/clock.ts'
import { SKEW_MS_MAX } from './limits.ts'

const UNITS_PER_MS = 1024

export class HybridClock {
  readonly #clock: Clock
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A stamp later than every one given before, and than `after`. */
  next(after: number): number {
    const wall = Math.floor(this.#clock.wallMs()) * UNITS_PER_MS
    // Too far ahead is not followed: one wild clock must not drag every other along.
    const floor = this.isTooFarAhead(after) ? 0 : after
    this.#last = Math.max(wall, this.#last + 1, floor + 1)
    return this.#last
  }

  isTooFarAhead(stamp: number): boolean {
    return stamp > (this.#clock.wallMs() + SKEW_MS_MAX) * UNITS_PER_MS
  }
}
