/**
 * One subscription: takes events from the node as they come, and tells them in notifications
 * `{subscription, seq, cursor, events}`, as many as one turn of the event loop brought.
 *
 * The reader sets the pace. While it is behind, at most `eventsMax` events wait; then all of them
 * are dropped and the next notification says so, with `gap.missed`. Nothing is lost silently. Where
 * the last event is enough, one waits here, and what comes after it is for the source to sum up;
 * where the source keeps what nobody takes, no more than there is room for is taken.
 * `seq` counts notifications from 1 without holes; `cursor` counts events, missed ones included.
 * The last notification has `ended: true`, and `error` when the node ended it.
 */
import { errorObject } from './error-object.ts'
import type { Keeps } from './method.ts'

/** Far below what a client accepts in one line, also when each takes three bytes. */
const NOTICE_CHARACTERS_MAX = 4 * 1024 * 1024

export interface SubscriptionSink {
  /** Whether the reader is behind: then `flush` is called again once it is not. */
  readonly behind: boolean
  send(line: string): void
}

export class Subscription {
  readonly id: string
  readonly #method: string
  readonly #sink: SubscriptionSink
  readonly #eventsMax: number
  readonly #onMissed: (events: number) => void
  readonly #abort = new AbortController()
  /** Bounded by `#eventsMax`. */
  #events: unknown[] = []
  #missed = 0
  #seq = 0
  #cursor = 0
  #scheduled = false
  /** How the events ended, until that is told. */
  #end: { readonly error?: unknown } | null = null
  readonly #over = Promise.withResolvers<void>()
  /** Resolved when what waits has been told, or will not be. */
  #told = Promise.withResolvers<void>()

  constructor(
    id: string,
    method: string,
    sink: SubscriptionSink,
    eventsMax: number,
    onMissed: (events: number) => void,
  ) {
    this.#onMissed = onMissed
    this.id = id
    this.#method = method
    this.#sink = sink
    this.#eventsMax = eventsMax
  }

  get cursor(): string {
    return String(this.#cursor)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Resolves when the events have ended and that has been told, or when cancelled. */
  async run(events: AsyncIterable<unknown>, keeps: Keeps): Promise<void> {
    try {
      for await (const event of events) {
        if (this.signal.aborted) break
        this.#push(event)
        const isFull = this.#sink.behind || this.#events.length >= this.#eventsMax
        if (keeps === 'last' || (keeps === 'some' && isFull)) await this.#told.promise
      }
      this.#end = {}
    } catch (error) {
      this.#end = this.signal.aborted ? {} : { error }
    }
    this.flush()
    await this.#over.promise
  }

  /** Idempotent. The iteration ends by itself, and waits for no reader. */
  cancel(): void {
    this.#abort.abort()
    this.#told.resolve()
    this.#over.resolve()
  }

  /** Tells what waits, unless the reader is behind. */
  flush(): void {
    if (this.#sink.behind) return
    if (this.#missed > 0) {
      const missed = this.#missed
      this.#missed = 0
      this.#cursor += missed
      this.#notify({ events: [], gap: { missed } })
    }
    if (this.#events.length > 0) {
      const events = this.#events
      this.#events = []
      this.#tell(events)
      this.#told.resolve()
    }
    const end = this.#end
    if (end === null) return
    this.#end = null
    const error = 'error' in end ? { error: errorObject(end.error) } : {}
    this.#notify({ events: [], ended: true, ...error })
    this.#over.resolve()
  }

  #push(event: unknown): void {
    if (this.#events.length >= this.#eventsMax) {
      this.#missed += this.#events.length
      this.#onMissed(this.#events.length)
      this.#events = []
    }
    // After a gap nothing may be told before the gap is.
    this.#events.push(event)
    this.#told = Promise.withResolvers<void>()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.flush()
    })
  }

  /** In one notification, or in several where that would be too long a line. */
  #tell(events: readonly unknown[]): void {
    const cursor = this.#cursor + events.length
    const line = this.#lineOf({ events }, cursor)
    if (line.length > NOTICE_CHARACTERS_MAX && events.length > 1) {
      const half = events.length >> 1
      this.#tell(events.slice(0, half))
      return this.#tell(events.slice(half))
    }
    this.#cursor = cursor
    this.#seq++
    this.#sink.send(line)
  }

  #notify(what: object): void {
    const line = this.#lineOf(what, this.#cursor)
    this.#seq++
    this.#sink.send(line)
  }

  #lineOf(what: object, cursor: number): string {
    const { id: subscription } = this
    const params = { subscription, seq: this.#seq + 1, cursor: String(cursor), ...what }
    return JSON.stringify({ jsonrpc: '2.0', method: this.#method, params })
  }
}
