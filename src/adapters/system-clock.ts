/**
 * The system's clock: `performance.now` for durations, which never goes back, `Date.now` for
 * dates, timers that do not keep the process alive.
 *
 * A delay longer than Node's timers hold (2^31 − 1 ms, 24.8 days; beyond it they fire at once)
 * is waited for in stages, so any finite delay is safe to ask for.
 */
import type { Clock, Timer } from '../seams/clock.ts'

const STAGE_MS_MAX = 2 ** 31 - 1

export class SystemClock implements Clock {
  monotonicMs(): number {
    return performance.now()
  }

  wallMs(): number {
    return Date.now()
  }

  after(delayMs: number, run: () => void): Timer {
    return new SystemTimer(delayMs, run)
  }

  soon(run: () => void): Timer {
    // Not unref'd: the loop would sleep until the next event of another kind, and the batch with it.
    const immediate = setImmediate(run)
    return { cancel: () => clearImmediate(immediate) }
  }
}

class SystemTimer implements Timer {
  readonly #dueMs: number
  readonly #run: () => void
  #stage: NodeJS.Timeout | null

  constructor(delayMs: number, run: () => void) {
    // Not a number: now, as setTimeout has it, rather than never.
    this.#dueMs = performance.now() + (delayMs > 0 ? delayMs : 0)
    this.#run = run
    this.#stage = this.#next()
  }

  cancel(): void {
    if (this.#stage !== null) clearTimeout(this.#stage)
    this.#stage = null
  }

  /** Also catches Node's timers firing up to a millisecond early. */
  #next(): NodeJS.Timeout {
    const leftMs = Math.ceil(Math.max(0, this.#dueMs - performance.now()))
    const stage = setTimeout(this.#onStage, Math.min(leftMs, STAGE_MS_MAX))
    stage.unref()
    return stage
  }

  readonly #onStage = (): void => {
    if (this.#stage === null) return
    if (performance.now() < this.#dueMs) {
      this.#stage = this.#next()
      return
    }
    this.#stage = null
    this.#run()
  }
}
