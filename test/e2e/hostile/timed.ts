/** Calls in a closed loop, each with when it began, how long it took and what it needed. */
import { AtollError } from '../../../src/base/errors.ts'

export interface Timed {
  readonly kind: string
  readonly startMs: number
  readonly tookMs: number
  readonly retries: number
  /** Null: it was done. */
  readonly failure: string | null
}

export interface Summary {
  readonly calls: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly longestMs: number
  readonly retriesMost: number
  readonly failed: number
  /** Of the first of them. */
  readonly failure: string | null
}

export function summaryOf(calls: readonly Timed[]): Summary {
  const took = calls.map(({ tookMs }) => tookMs).sort((a, b) => a - b)
  const at = (part: number): number =>
    took[Math.min(took.length - 1, Math.floor(part * took.length))] ?? Number.NaN
  const failures = calls.flatMap(({ failure }) => (failure === null ? [] : [failure]))
  return {
    calls: calls.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
    retriesMost: Math.max(0, ...calls.map(({ retries }) => retries)),
    failed: failures.length,
    failure: failures[0] ?? null,
  }
}

export function textOf(summary: Summary): string {
  const { calls, p50Ms, p99Ms, longestMs, retriesMost, failed, failure } = summary
  const times = [p50Ms, p99Ms, longestMs].map((ms) => ms.toFixed(1)).join(' / ')
  const failures = failed === 0 ? 'none failed' : `${failed} failed (${failure})`
  return `${calls} calls, p50 / p99 / longest ${times} ms, at most ${retriesMost} retries, ${failures}`
}

export class TimedLoad {
  readonly calls: Timed[] = []
  readonly #running: Promise<void>[] = []
  #stopped = false

  /** `once` makes one call and gives how often it had to be made again. */
  caller(kind: string, once: () => Promise<number>): void {
    this.#running.push(this.#loop(kind, once))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
  }

  /** Those that were under way at some time in between. */
  between(fromMs: number, toMs: number, kind?: string): Timed[] {
    return this.calls.filter(({ startMs, tookMs, kind: of }) => {
      return startMs + tookMs >= fromMs && startMs < toMs && (kind === undefined || of === kind)
    })
  }

  async #loop(kind: string, once: () => Promise<number>): Promise<void> {
    while (!this.#stopped) {
      const startMs = performance.now()
      let retries = 0
      let failure: string | null = null
      try {
        retries = await once()
      } catch (error) {
        if (!(error instanceof AtollError)) throw error
        failure = `${error.code} ${error.outcome}: ${error.message}`
      }
      this.calls.push({ kind, startMs, tookMs: performance.now() - startMs, retries, failure })
    }
  }
}
