/**
 * Events between a stream and one reader, in order. A reader that is slow finds a gap where its
 * events were: all that wait when they are too many are dropped, and the next one says so.
 */
import type { KvEvent } from '../api.ts'
import { WATCH_BYTES_MAX, WATCH_EVENTS_MAX } from '../limits.ts'
import { gapOf } from './gap.ts'

interface Waiting {
  readonly event: KvEvent
  readonly bytes: number
}

export class EventBuffer implements AsyncIterable<KvEvent> {
  /** At most WATCH_EVENTS_MAX, of WATCH_BYTES_MAX. */
  #waiting: Waiting[] = []
  /** Of those that wait. */
  #bytes = 0
  #end: { readonly error: Error | null } | null = null
  #wake: () => void = () => {}
  readonly #onDropped: (events: number) => void

  constructor(onDropped: (events: number) => void) {
    this.#onDropped = onDropped
  }

  /** `bytes`: about what it takes. False: a gap stands for it and those before. */
  push(event: KvEvent, bytes: number): boolean {
    if (this.#end !== null) return true
    const isFull =
      this.#waiting.length >= WATCH_EVENTS_MAX ||
      (this.#waiting.length > 0 && this.#bytes + bytes > WATCH_BYTES_MAX)
    if (isFull) {
      this.#onDropped(this.#waiting.length)
      this.#waiting = [{ event: gapOf('slow', event.cursor), bytes: 0 }]
      this.#bytes = 0
    } else {
      this.#waiting.push({ event, bytes })
      this.#bytes += bytes
    }
    this.#wake()
    return !isFull
  }

  /** What waits is still told. */
  end(error: Error | null): void {
    this.#end ??= { error }
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<KvEvent, void, undefined> {
    for (;;) {
      // One at a time: what the reader has not taken counts as waiting.
      const next = this.#waiting.shift()
      if (next !== undefined) {
        this.#bytes -= next.bytes
        yield next.event
      } else if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error
        return
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
