/**
 * Whether this disk had no room for a write of late. Writes that go to others and to a full disk at
 * once end with an outcome that nobody knows; one that is stored here first and finds no room has
 * surely done nothing, and another replica may coordinate it.
 */
import { isAtollError } from '../base/errors.ts'
import type { Clock } from '../seams/clock.ts'

/** Small writes find room where large ones do not: one that was stored proves little. */
const DOUBT_MS = 10_000

export class FullDisk {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #untilMs = Number.NEGATIVE_INFINITY

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  get isLikely(): boolean {
    return this.#clock.monotonicMs() < this.#untilMs
  }

  /** Follows a write of this disk. */
  watch(stored: Promise<unknown>): void {
    stored.catch((error: unknown) => {
      if (isAtollError(error, 'DISK_FULL')) this.#untilMs = this.#clock.monotonicMs() + DOUBT_MS
    })
  }
}
