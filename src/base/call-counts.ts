/** Counts how calls of one kind ended, and how long they took. */
import { isAtollError } from './errors.ts'
import { Histogram, LATENCY_SECONDS } from './histogram.ts'

/** `failed`: certainly without effect. */
export const OUTCOMES = ['ok', 'partial', 'failed', 'unknown'] as const
export type CallOutcome = (typeof OUTCOMES)[number]

export class CallCounts {
  readonly outcomes: Record<CallOutcome, number> = { ok: 0, partial: 0, failed: 0, unknown: 0 }
  readonly seconds = new Histogram(LATENCY_SECONDS)

  /** Runs one call. */
  async during<T extends object | null>(
    clock: { monotonicMs(): number },
    run: () => Promise<T>,
  ): Promise<T> {
    const { outcomes, seconds } = this
    const startedMs = clock.monotonicMs()
    try {
      const result = await run()
      const isPartial = result !== null && 'partial' in result && result.partial === true
      outcomes[isPartial ? 'partial' : 'ok']++
      return result
    } catch (error) {
      const isWithoutEffect = isAtollError(error) && error.outcome === 'not-applied'
      outcomes[isWithoutEffect ? 'failed' : 'unknown']++
      throw error
    } finally {
      seconds.observe((clock.monotonicMs() - startedMs) / 1000)
    }
  }
}
