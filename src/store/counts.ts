/** What the store has counted since it was made; read by metrics.ts. */
import { isAtollError } from '../base/errors.ts'
import { Histogram, LATENCY_SECONDS } from '../base/histogram.ts'
import type { Clock } from '../seams/clock.ts'

export const OPERATIONS = ['put', 'get', 'del', 'ls'] as const
export type Operation = (typeof OPERATIONS)[number]

/** `failed`: certainly without effect. */
export const OUTCOMES = ['ok', 'partial', 'failed', 'unknown'] as const
type OperationOutcome = (typeof OUTCOMES)[number]

class OperationCounts {
  readonly outcomes: Record<OperationOutcome, number> = { ok: 0, partial: 0, failed: 0, unknown: 0 }
  readonly seconds = new Histogram(LATENCY_SECONDS)
}

export class StoreCounts {
  readonly operations: Readonly<Record<Operation, OperationCounts>> = {
    put: new OperationCounts(),
    get: new OperationCounts(),
    del: new OperationCounts(),
    ls: new OperationCounts(),
  }
  /** Replicas that a read found behind and wrote to. */
  readRepairs = 0
  /** Replicas that a write or repair did not reach. */
  replicasMissed = 0
  comparedEqual = 0
  comparedDifferent = 0
  reconciled = 0
  /** Reconciled but for records that cannot be joined. */
  reconciledInPart = 0
  syncFailures = 0
  keysPulled = 0
  keysPushed = 0
  syncBytes = 0
  partitionsDropped = 0

  /** Runs one operation of a caller, and counts how it ended and how long that took. */
  async during<T extends { readonly partial: boolean } | null>(
    operation: Operation,
    clock: Clock,
    run: () => Promise<T>,
  ): Promise<T> {
    const { outcomes, seconds } = this.operations[operation]
    const startedMs = clock.monotonicMs()
    try {
      const result = await run()
      outcomes[result?.partial === true ? 'partial' : 'ok']++
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
