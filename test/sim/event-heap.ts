/** A binary heap of events in the order (time, sequence): the order is total, so runs repeat. */
import type { SimProcess } from './process.ts'

export interface SimEvent {
  /** Virtual microseconds. */
  timeUs: number
  /** Order of scheduling; breaks ties of time. */
  readonly seq: number
  /** Whose event it is; null: the world's own, which no crash undoes. */
  readonly process: SimProcess | null
  /** A number of `EVENT_KINDS`. */
  readonly kind: number
  /** Whatever tells two events of one kind apart in the trace. */
  readonly label: number
  readonly run: () => void
  cancelled: boolean
}

export class EventHeap {
  #items: SimEvent[] = []

  get size(): number {
    return this.#items.length
  }

  push(event: SimEvent): void {
    const items = this.#items
    let i = items.length
    items.push(event)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = items[parent] as SimEvent
      if (!before(event, above)) break
      items[i] = above
      i = parent
    }
    items[i] = event
  }

  pop(): SimEvent | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (items.length > 0 && last !== undefined) this.#sink(0, last)
    return first
  }

  /** Forgets cancelled events: time-outs that never fire would else fill the heap. */
  compact(): void {
    this.#items = this.#items.filter((event) => !event.cancelled)
    for (let i = (this.#items.length >> 1) - 1; i >= 0; i--) {
      this.#sink(i, this.#items[i] as SimEvent)
    }
  }

  #sink(start: number, event: SimEvent): void {
    const items = this.#items
    const size = items.length
    let i = start
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && before(items[right] as SimEvent, items[child] as SimEvent)) child = right
      const below = items[child] as SimEvent
      if (!before(below, event)) break
      items[i] = below
      i = child
    }
    items[i] = event
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.timeUs < b.timeUs || (a.timeUs === b.timeUs && a.seq < b.seq)
}
