/**
 * Events between a stream and one reader, in order. A reader that is slow finds a gap where its
 * events were: all that wait when they are too many are dropped, and the next one says so.
 */
import type { KvEvent } from '../api.ts'
import { WATCH_BYTES_MAX, WATCH_EVENTS_MAX } from '../limits.ts'
import { gapOf } from './gap.ts'

export class EventBuffer implements AsyncIterable<KvEvent> {
  /** At most WATCH_EVENTS_MAX, of WATCH_BYTES_MAX. */
  #events: KvEvent[] = []
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
      this.#events.length >= WATCH_EVENTS_MAX ||
      (this.#events.length > 0 && this.#bytes + bytes > WATCH_BYTES_MAX)
    if (isFull) {
      this.#onDropped(this.#events.length)
      const { cursor } = event
      this.#events = [gapOf('slow', cursor)]
      this.#bytes = 0
      this.#wake()
      return false
    }
    this.#events.push(event)
    this.#bytes += bytes
    this.#wake()
    return true
  }

  /** What waits is still told. */
  end(error: Error | null): void {
    this.#end ??= { error }
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<KvEvent, void, undefined> {
    for (;;) {
      // One at a time: what the reader has not taken counts as waiting.
      const event = this.#events.shift()
      if (event !== undefined) {
        if (this.#events.length === 0) this.#bytes = 0
        yield event
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
