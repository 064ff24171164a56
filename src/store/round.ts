/**
 * One question to all replicas of a key: sent to those not known to be down, decided as soon as
 * the level is met or cannot be, and watched to the end, for repair.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Level } from './api.ts'
import { type Deadlines, Expiring } from '../mesh/deadlines.ts'
import { Tally, type Verdict } from './tally.ts'

export interface RoundOptions {
  readonly groups: readonly (readonly StorageId[])[]
  readonly level: Level | undefined
  /** Whose answer is needed whatever the others say. */
  readonly required?: StorageId
  readonly signal: AbortSignal | undefined
}

/** `stale`: a replica knows a newer topology than the question was asked by. */
export type Decision = Exclude<Verdict, 'waiting'> | 'stale'

export class Round<T> extends Expiring {
  readonly tally: Tally
  readonly decided: Promise<Decision>
  /** What each replica answered, in order of arrival. */
  readonly answers = new Map<StorageId, T>()
  /**
   * Replicas that were asked and failed, or refused when it was too late to ask anew; those known to
   * be down were not asked.
   */
  readonly missed: StorageId[] = []
  /** The highest topology number that a refusal named. */
  staleNumber = 0
  staleFrom: StorageId = ''
  #error: AtollError | null = null
  readonly #groups: readonly (readonly StorageId[])[]
  #deadlines: Deadlines | null = null
  #asked = 0
  /** Of those asked, who surely has not done it. */
  #refused = 0
  #finished = 0
  #onFinished: (() => void) | null = null
  /** Nobody will ask anew, whatever a replica refuses now. */
  #isOver = false
  readonly #decide: (decision: Decision) => void
  readonly #reject: (error: Error) => void
  readonly #signal: AbortSignal | undefined
  readonly #onAbort = (): void => {
    this.#isOver = true
    this.#reject(cancelled())
  }

  constructor({ groups, level, signal, required }: RoundOptions) {
    super()
    this.#groups = groups
    this.tally = new Tally(groups, level, required)
    const { promise, resolve, reject } = Promise.withResolvers<Decision>()
    this.decided = promise
    this.#decide = resolve
    this.#reject = reject
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** The last error of a replica, for the message when all failed. */
  get error(): AtollError | null {
    return this.#error
  }

  /** Whether a replica may hold what was asked to be written although nobody said so. */
  get mayHaveApplied(): boolean {
    return this.answers.size > 0 || this.#asked > this.#refused
  }

  ask(id: StorageId, answer: Promise<T | number>): void {
    this.#asked++
    answer.then(
      (value) => this.#onAnswer(id, value),
      (error: unknown) => this.#onError(id, error),
    )
  }

  skip(id: StorageId): void {
    this.tally.failed(id)
  }

  /** All have been asked: from now on the round decides itself, by `timeoutMs` at the latest. */
  begin(deadlines: Deadlines, timeoutMs: number): void {
    if (this.#signal?.aborted === true) this.#onAbort()
    this.#deadlines = deadlines
    deadlines.add(this, timeoutMs)
    this.#look()
  }

  /** Whoever has not answered by now, this node's own disk among them, has failed. */
  override expire(): void {
    for (const group of this.#groups) for (const id of group) this.tally.failed(id)
    this.#look()
    // Nothing left to wait for: a required answer from outside the groups is late as well.
    this.#isOver = true
    this.#decide('failed')
  }

  /** Called once when every replica that was asked has answered or failed. */
  onFinished(listener: () => void): void {
    if (this.#finished === this.#asked) listener()
    else this.#onFinished = listener
  }

  #onAnswer(id: StorageId, value: T | number): void {
    if (typeof value === 'number') {
      this.#refused++
      if (value > this.staleNumber) {
        this.staleNumber = value
        this.staleFrom = id
      }
      this.tally.failed(id)
      if (this.#isOver) this.missed.push(id)
      this.#decide('stale')
    } else {
      this.answers.set(id, value)
      this.tally.answered(id)
    }
    this.#finish()
  }

  #onError(id: StorageId, error: unknown): void {
    this.#error = error instanceof AtollError ? error : unexpected(error)
    if (this.#error.outcome === 'not-applied') this.#refused++
    this.missed.push(id)
    this.tally.failed(id)
    this.#finish()
  }

  #finish(): void {
    this.#finished++
    this.#look()
    if (this.#finished === this.#asked) this.#onFinished?.()
  }

  #look(): void {
    const { verdict } = this.tally
    if (verdict === 'waiting') return
    this.#deadlines?.remove(this)
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#isOver = true
    this.#decide(verdict)
  }
}

function cancelled(): AtollError {
  return new AtollError('CANCELLED', 'the call was given up', { outcome: 'unknown' })
}

/** An answer that is none says nothing of what became of the question. */
function unexpected(cause: unknown): AtollError {
  return new AtollError('INTERNAL', String(cause), { outcome: 'unknown', cause })
}
