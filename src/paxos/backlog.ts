/**
 * What waits at a proposer: one line a key, bounded over all of them. An operation has its place from
 * the call to its end, and not longer: what is over makes room at once, and where nobody is left to
 * be told, what is under way for the key ends too.
 */
import { AtollError } from '../base/errors.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import { WAITING_BYTES_MAX, WAITING_MAX, WAITING_PER_KEY_MAX } from './limits.ts'
import type { Pending } from './pending.ts'
import type { Failure } from './verdicts.ts'

/** What a key's operations wait for: a round, or a pause between two. */
export interface UnderWay {
  readonly sinceMs: number
  /** What it would come to if it ended now. */
  standing(): Failure | null
  /** Nobody waits for it any more. */
  giveUp(): void
}

/** The operations on one key: those that share the ballot under way, and those behind them. */
export class Line {
  readonly key: string
  /** Why the last round failed; null when it did not. */
  failure: Failure | null = null
  underWay: UnderWay | null = null
  /** First come, first served. */
  readonly #behind = new Set<Pending>()
  #batch: readonly Pending[] = []

  constructor(key: string) {
    this.key = key
  }

  get behind(): ReadonlySet<Pending> {
    return this.#behind
  }

  /** By when everybody's time is over that waits for what is under way. */
  get endMs(): number {
    return this.#batch.reduce(
      (endMs, each) => (each.isDone ? endMs : Math.max(endMs, each.endMs)),
      0,
    )
  }

  /** Why an operation has no outcome by now; null: nothing has gone wrong. */
  why({ startMs }: Pending, nowMs: number): Failure | null {
    const { underWay, failure } = this
    // It has waited for this more than for anything else.
    const isThis = underWay !== null && nowMs - underWay.sinceMs >= (nowMs - startMs) / 2
    return isThis ? underWay.standing() : failure
  }

  add(pending: Pending): void {
    this.#behind.add(pending)
  }

  /** The next ones, which are under way from now on. */
  take(most: number): readonly Pending[] {
    const batch: Pending[] = []
    for (const pending of this.#behind) {
      if (batch.length === most) break
      batch.push(pending)
      this.#behind.delete(pending)
    }
    this.#batch = batch
    return batch
  }

  onEnd(pending: Pending): void {
    if (this.#behind.delete(pending)) return
    if (this.underWay !== null && this.#batch.every(({ isDone }) => isDone)) this.underWay.giveUp()
  }
}

export class Backlog {
  readonly #deadlines: Deadlines
  /** A key is here as long as it is worked on. */
  readonly #lines = new Map<string, Line>()
  #size = 0
  #bytes = 0

  constructor(deadlines: Deadlines) {
    this.#deadlines = deadlines
  }

  /** Operations that wait or are under way. */
  get size(): number {
    return this.#size
  }

  has(key: string): boolean {
    return this.#lines.has(key)
  }

  /** BUSY, when there is no room for it. */
  refusal({ key, valueBytes }: Pending): AtollError | null {
    const atKey = this.#lines.get(key)?.behind.size ?? 0
    const isFull =
      this.#size >= WAITING_MAX ||
      atKey >= WAITING_PER_KEY_MAX ||
      this.#bytes + valueBytes > WAITING_BYTES_MAX
    if (!isFull) return null
    return new AtollError('BUSY', `too many operations wait on this node, ${atKey} for "${key}"`)
  }

  /** Its line; a new one is for the caller to work on, until it calls `close`. */
  add(pending: Pending): { readonly line: Line; readonly isNew: boolean } {
    const { key, valueBytes, startMs, endMs } = pending
    const known = this.#lines.get(key)
    const line = known ?? new Line(key)
    if (known === undefined) this.#lines.set(key, line)
    line.add(pending)
    this.#size++
    this.#bytes += valueBytes
    this.#deadlines.add(pending, Math.max(0, endMs - startMs))
    pending.onEnd = () => {
      this.#deadlines.remove(pending)
      this.#size--
      this.#bytes -= valueBytes
      line.onEnd(pending)
    }
    return { line, isNew: known === undefined }
  }

  close({ key }: Line): void {
    this.#lines.delete(key)
  }
}
