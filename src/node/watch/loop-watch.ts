/**
 * Notices when this process stood still: a timer that runs late says by how much. Keeps the last
 * minute for the doctor, tells the log of what was long, and of a wall clock that somebody set.
 */
import type { Clock, Timer } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'

/** Four looks a second: 0.02 % of a core. A standstill shorter than this may go unseen. */
export const LOOP_PERIOD_MS = 250
/** From here on a probe with the LAN's time-out fails because of us. */
export const STALL_MS = 500
/** More than a clock daemon's slewing could do between two looks. */
const STEP_MS = 1000
/** The last minute. */
const SAMPLES_MAX = 240

export interface LoopLag {
  /** Over the last minute; 0 when nothing was seen yet. */
  readonly worstMs: number
  /** How late it is 19 times of 20, at most. */
  readonly p95Ms: number
}

export class LoopWatch {
  readonly #clock: Clock
  readonly #log: Log
  /** A ring of SAMPLES_MAX. */
  readonly #samples: number[] = []
  #next = 0
  #dueMs = 0
  /** Wall clock minus monotonic clock at the last look. */
  #wallAheadMs = 0
  #timer: Timer | null = null

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  start(): void {
    if (this.#timer !== null) return
    this.#wallAheadMs = this.#clock.wallMs() - this.#clock.monotonicMs()
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  lag(): LoopLag {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const p95Ms = sorted[Math.floor((sorted.length - 1) * 0.95)] ?? 0
    return { worstMs: sorted.at(-1) ?? 0, p95Ms }
  }

  #arm(): void {
    this.#dueMs = this.#clock.monotonicMs() + LOOP_PERIOD_MS
    this.#timer = this.#clock.after(LOOP_PERIOD_MS, () => this.#look())
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs()
    const lateMs = Math.max(0, nowMs - this.#dueMs)
    this.#samples[this.#next] = lateMs
    this.#next = (this.#next + 1) % SAMPLES_MAX
    if (lateMs >= STALL_MS) this.#log.write('warn', 'node.stall', { lateMs: Math.round(lateMs) })
    const aheadMs = this.#clock.wallMs() - nowMs
    const byMs = Math.round(aheadMs - this.#wallAheadMs)
    this.#wallAheadMs = aheadMs
    if (Math.abs(byMs) >= STEP_MS) this.#log.write('warn', 'node.clock-stepped', { byMs })
    this.#arm()
  }
}
