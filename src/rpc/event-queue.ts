/**
 * Events between the connection and the loop that reads them, in order. The reader may be slow:
 * at `EVENTS_MAX` waiting events the rest is lost, and the loop is told so by an error. Where the
 * last one is enough, only that waits.
 */
import { AtollError } from '../base/errors.ts'
import type { Keeps } from './method.ts'

const EVENTS_MAX = 8192

export class EventQueue implements AsyncIterable<unknown> {
  /** Bounded by EVENTS_MAX. */
  #events: unknown[] = []
  /** How it ends, once what waits has been read. */
  #end: { readonly error: AtollError | null } | null = null
  #wake: (() => void) | null = null
  readonly #keeps: Keeps

  constructor(keeps: Keeps) {
    this.#keeps = keeps
  }

  push(events: readonly unknown[]): void {
    if (this.#end !== null) return
    if (this.#keeps === 'last') {
      this.#events = [...this.#events, ...events].slice(-1)
    } else {
      if (this.#events.length + events.length > EVENTS_MAX) return this.gap(events.length)
      this.#events.push(...events)
    }
    this.#wake?.()
  }

  /** Events were lost between what was delivered and what would come next. */
  gap(missed: number): void {
    this.end(
      new AtollError('BUSY', `the reader fell behind and missed ${missed} events`, {
        hint: 'watch again: it begins with things as they are',
      }),
    )
  }

  end(error: AtollError | null): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    for (;;) {
      const events = this.#events
      this.#events = []
      yield* events
      if (this.#events.length > 0) continue
      if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error
        return
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
  }
}
