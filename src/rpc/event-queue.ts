/**
 * Events between the connection and the loop that reads them, in order. The reader may be slow:
 * at `EVENTS_MAX` waiting events the rest is lost, and the loop is told so: by an error, or by an
 * event in the place of those that waited, where the method has one. Where the last one is enough,
 * only that waits.
 */
import { AtollError } from '../base/errors.ts'
import type { Keeps } from './method.ts'

const EVENTS_MAX = 8192
/** Of the lines that the waiting events came in. */
const CHARACTERS_MAX = 64 * 1024 * 1024

type Missed = (last: never) => unknown

export class EventQueue implements AsyncIterable<unknown> {
  /** Bounded by EVENTS_MAX. */
  #events: unknown[] = []
  /** How it ends, once what waits has been read. */
  #end: { readonly error: AtollError | null } | null = null
  #wake: (() => void) | null = null
  #characters = 0
  readonly #keeps: Keeps
  readonly #missed: Missed | undefined

  constructor(keeps: Keeps, missed?: Missed) {
    this.#keeps = keeps
    this.#missed = missed
  }

  /** `characters`: of the line that they came in. */
  push(events: readonly unknown[], characters = 0): void {
    if (this.#end !== null || events.length === 0) return
    if (this.#keeps === 'last') {
      this.#events = [...this.#events, ...events].slice(-1)
    } else if (this.#isTooMuch(events.length, characters)) {
      this.#overflow(events)
    } else {
      this.#events.push(...events)
      this.#characters += characters
    }
    this.#wake?.()
  }

  #isTooMuch(events: number, characters: number): boolean {
    const waiting = this.#events.length
    if (waiting + events > EVENTS_MAX) return true
    return waiting > 0 && this.#characters + characters > CHARACTERS_MAX
  }

  #overflow(events: readonly unknown[]): void {
    if (this.#missed === undefined) return this.gap(events.length)
    this.#events = [this.#missed(events.at(-1) as never)]
    this.#characters = 0
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
      this.#characters = 0
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
