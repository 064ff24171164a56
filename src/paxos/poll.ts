/**
 * One question to several replicas, judged as their answers come in. The judge says when it has
 * heard enough; the poll sees to whom was asked, who failed, who is slow, and when time is over.
 */
import { Expiring, type Deadlines } from '../mesh/deadlines.ts'
import type { StorageId } from '../base/ids.ts'
import type { Reply } from './messages.ts'

export interface Judge<T, R> {
  /** A verdict, or null: go on. */
  onReply(id: StorageId, reply: Reply<T>): R | null
  /** It is down, failed, or will not be asked. */
  onMissing(id: StorageId): R | null
  /** Nobody is left to wait for, or time is over. */
  late(): R
}

export interface Ask<T> {
  readonly id: StorageId
  /** Null when it is known to be down. */
  send(): Promise<Reply<T>> | null
}

export interface PollTime {
  readonly roundMs: number
  /** After this long those in reserve are asked as well. */
  readonly hedgeMs?: number
  /** After a rejection the others are waited for so long: another round is better than a silent one. */
  readonly rejectedMs?: number
  /** Called when it is that late, with those who have not answered yet. */
  readonly onSlow?: (ids: ReadonlySet<StorageId>) => void
}

export class Poll<T, R> extends Expiring {
  readonly verdict: Promise<R>
  readonly #judge: Judge<T, R>
  #resolve: (verdict: R) => void
  #waiting = 0
  #isOver = false
  #reserve: readonly Ask<T>[] = []
  #deadlines: Deadlines | null = null
  #leftMs = 0
  /** Null: it makes no difference, or has made it. */
  #rejectedMs: number | null = null
  #onSlow: ((ids: ReadonlySet<StorageId>) => void) | null = null
  /** Who was asked and has said nothing. */
  readonly #silent = new Set<StorageId>()
  /** What went wrong last, for the message when all failed. */
  error: Error | null = null

  constructor(judge: Judge<T, R>) {
    super()
    this.#judge = judge
    const { promise, resolve } = Promise.withResolvers<R>()
    this.verdict = promise
    this.#resolve = resolve
  }

  /** `reserve` is asked when the others are slow, fail, or do not settle it. */
  begin(
    asks: readonly Ask<T>[],
    reserve: readonly Ask<T>[],
    deadlines: Deadlines,
    { roundMs, hedgeMs, rejectedMs, onSlow }: PollTime,
  ): void {
    this.#deadlines = deadlines
    this.#reserve = reserve
    this.#onSlow = onSlow ?? null
    this.#rejectedMs = rejectedMs ?? null
    const hasReserve = reserve.length > 0 && hedgeMs !== undefined
    const firstMs = hasReserve ? Math.min(hedgeMs, roundMs) : roundMs
    this.#leftMs = Math.max(0, roundMs - firstMs)
    deadlines.add(this, firstMs)
    // Counted first: an answer that is there at once must not look like the last.
    this.#waiting = asks.length
    for (const ask of asks) this.#ask(ask)
  }

  /** Nobody waits for it any more. */
  giveUp(): void {
    this.#end(this.#judge.late())
  }

  override expire(): void {
    if (this.#isOver) return
    if (this.#reserve.length === 0) return this.#end(this.#judge.late())
    this.#onSlow?.(this.#silent)
    this.#askReserve()
  }

  #askReserve(): void {
    const asks = this.#reserve
    this.#reserve = []
    // Whether the first were slow or all answered: these have the rest of the round.
    this.#deadlines?.remove(this)
    this.#deadlines?.add(this, this.#leftMs)
    this.#waiting += asks.length
    for (const ask of asks) this.#ask(ask)
  }

  #ask(ask: Ask<T>): void {
    const answer = this.#isOver ? null : ask.send()
    if (answer === null) return this.#onMissing(ask.id)
    this.#silent.add(ask.id)
    answer.then(
      (reply) => this.#onReply(ask.id, reply),
      (error: unknown) => this.#onError(ask.id, error),
    )
  }

  #onReply(id: StorageId, reply: Reply<T>): void {
    this.#silent.delete(id)
    let verdict: R | null
    try {
      verdict = this.#judge.onReply(id, reply)
    } catch (error) {
      // A register that cannot be read, perhaps of a later version: as if it had failed.
      return this.#onError(id, error)
    }
    this.#take(verdict)
    if (reply.kind === 'rejected') this.#onRejected()
  }

  #onRejected(): void {
    if (this.#isOver || this.#rejectedMs === null) return
    this.#deadlines?.remove(this)
    this.#deadlines?.add(this, this.#rejectedMs)
    this.#rejectedMs = null
  }

  #onError(id: StorageId, error: unknown): void {
    this.#silent.delete(id)
    this.error = error instanceof Error ? error : new Error(String(error))
    this.#onMissing(id)
  }

  #onMissing(id: StorageId): void {
    this.#take(this.#judge.onMissing(id))
  }

  #take(verdict: R | null): void {
    this.#waiting--
    if (this.#isOver) return
    if (verdict !== null) return this.#end(verdict)
    if (this.#waiting > 0) return
    if (this.#reserve.length > 0) this.#askReserve()
    else this.#end(this.#judge.late())
  }

  #end(verdict: R): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deadlines?.remove(this)
    this.#resolve(verdict)
  }
}
