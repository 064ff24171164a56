/** An operation that waits at the proposer, from the call to its outcome or the end of its time. */
import { AtollError } from '../base/errors.ts'
import { Expiring } from '../mesh/deadlines.ts'
import type { Attempt, Call, Outcome } from './fold.ts'
import type { Operation } from './operation.ts'
import type { Tag } from './register.ts'
import type { Failure } from './verdicts.ts'

export class Pending extends Expiring implements Call {
  readonly operation: Operation
  readonly id: string | null
  since: number | null
  readonly key: string
  readonly endMs: number
  readonly result: Promise<Outcome>
  attempts: readonly Attempt[] = []
  origin: Tag | null = null
  isDone = false
  /** Why the last round failed. */
  failure: Failure | null = null
  #resolve: (outcome: Outcome) => void
  #reject: (error: Error) => void

  constructor(key: string, call: Pick<Call, 'operation' | 'id' | 'since'>, endMs: number) {
    super()
    this.key = key
    this.operation = call.operation
    this.id = call.id
    this.since = call.since
    this.endMs = endMs
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.result = promise
    this.#resolve = resolve
    this.#reject = reject
  }

  get valueBytes(): number {
    return this.operation.kind === 'set' ? this.operation.value.length : 0
  }

  resolve(outcome: Outcome): void {
    this.isDone = true
    this.#resolve(outcome)
  }

  reject(error: Error): void {
    this.isDone = true
    this.#reject(error)
  }

  override expire(): void {
    if (!this.isDone) this.reject(this.lateError())
  }

  /** An operation that was sent for acceptance may have been chosen, or yet be. */
  get outcome(): 'unknown' | 'not-applied' {
    return this.attempts.length > 0 ? 'unknown' : 'not-applied'
  }

  lateError(): AtollError {
    const { failure, key, outcome } = this
    const hint = `see: atoll explain ${key}`
    if (failure?.kind === 'few') {
      const what = `${failure.answered} of the ${failure.needed} replicas that it takes answered`
      return new AtollError('NO_QUORUM', `${what} for "${key}" in time`, { outcome, hint })
    }
    const why = failure?.kind === 'rejected' ? 'others changed it all the time' : 'time is over'
    return new AtollError('TIMEOUT', `"${key}" could not be agreed on: ${why}`, { outcome, hint })
  }
}
