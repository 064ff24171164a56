/**
 * An operation that waits at the proposer, from the call to its outcome, the end of its time, or the
 * moment when its caller gives it up.
 */
import { AtollError, withOutcome } from '../base/errors.ts'
import { Expiring } from '../mesh/deadlines.ts'
import type { Attempt, Call, Outcome } from './fold.ts'
import type { Operation } from './operation.ts'

export type Asked = Pick<Call, 'operation' | 'id' | 'since'>

/** What stands for an operation that is over: its value need not be kept. */
const OVER: Operation = { kind: 'read' }

export class Pending extends Expiring implements Call {
  readonly id: string | null
  since: number | null
  readonly key: string
  readonly startMs: number
  readonly endMs: number
  readonly result: Promise<Outcome>
  attempts: readonly Attempt[] = []
  isDone = false
  /** Called once, when it is over. */
  onEnd: () => void = () => undefined
  /** What it says when its time is over. */
  lateError: () => AtollError
  #operation: Operation
  readonly #signal: AbortSignal | undefined
  #resolve: (outcome: Outcome) => void
  #reject: (error: Error) => void

  constructor(key: string, asked: Asked, startMs: number, endMs: number, signal?: AbortSignal) {
    super()
    this.key = key
    this.#operation = asked.operation
    this.id = asked.id
    this.since = asked.since
    this.startMs = startMs
    this.endMs = endMs
    this.#signal = signal
    this.lateError = () => new AtollError('TIMEOUT', `"${key}": time is over`)
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.result = promise
    this.#resolve = resolve
    this.#reject = reject
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  get operation(): Operation {
    return this.#operation
  }

  /** Neither a read nor a mere renewal of the vote. */
  get isChange(): boolean {
    return this.#operation.kind !== 'read' && this.#operation.kind !== 'touch'
  }

  get valueBytes(): number {
    return this.#operation.kind === 'set' ? this.#operation.value.length : 0
  }

  /** An operation that was sent for acceptance may have been chosen, or yet be. */
  get outcome(): 'unknown' | 'not-applied' {
    return this.attempts.length > 0 ? 'unknown' : 'not-applied'
  }

  resolve(outcome: Outcome): void {
    if (this.#end()) this.#resolve(outcome)
  }

  /** With what is known of the operation, whatever the error says of itself. */
  reject(error: Error): void {
    const told = error instanceof AtollError ? withOutcome(error, this.outcome) : error
    if (this.#end()) this.#reject(told)
  }

  override expire(): void {
    if (!this.isDone) this.reject(this.lateError())
  }

  readonly #onAbort = (): void => {
    this.reject(new AtollError('CANCELLED', 'the call was given up'))
  }

  #end(): boolean {
    if (this.isDone) return false
    this.isDone = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.onEnd()
    this.#operation = OVER
    return true
  }
}
