/** How fast repair may be: it leaves most of a link, and of the disks, to the calls of users. */
import { type Clock, sleep } from '../../seams/clock.ts'

const BYTES_PER_SECOND = 32 * 1024 * 1024
/** So much may be ahead of its time: small messages never wait. */
const AHEAD_MS = 20

export class Pace {
  readonly #clock: Clock
  /** When all that was spent by now would have been sent at that rate. */
  #dueMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when more may be sent. Rejects with the signal's reason. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    this.#dueMs = Math.max(this.#dueMs, nowMs) + (bytes / BYTES_PER_SECOND) * 1000
    const aheadMs = this.#dueMs - nowMs
    if (aheadMs > AHEAD_MS) await sleep(this.#clock, aheadMs, signal)
  }
}
