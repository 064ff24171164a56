/** Cursors of many partitions as one sequence in key order: a binary heap by their next keys. */
import { compareKeys } from '../../base/bytes.ts'
import type { KeyCursor } from '../../disk/key-cursor.ts'

type Entry = readonly [cursor: KeyCursor, partition: number]

export class CursorHeap {
  /** No cursor here is at its end; each comes no earlier than the one at half its index. */
  readonly #heap: Entry[] = []

  constructor(cursors: Iterable<Entry>) {
    for (const entry of cursors) {
      if (entry[0].key === null) continue
      this.#heap.push(entry)
      this.#up(this.#heap.length - 1)
    }
  }

  /** The next key; null at the end. */
  get key(): string | null {
    return this.#heap[0]?.[0].key ?? null
  }

  /** Only while there is a next key. */
  async take(): Promise<readonly [partition: number, entry: readonly [string, Uint8Array]]> {
    const [cursor, partition] = this.#heap[0] as Entry
    const taken = await cursor.take()
    const last = cursor.key === null ? this.#heap.pop() : undefined
    if (last !== undefined && this.#heap.length > 0) this.#heap[0] = last
    this.#down()
    return [partition, taken]
  }

  #up(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #down(): void {
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#isBefore(child, least)) least = child
      }
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }

  #isBefore(a: number, b: number): boolean {
    return compareKeys(this.#keyAt(a), this.#keyAt(b)) < 0
  }

  #keyAt(at: number): string {
    return this.#heap[at]?.[0].key ?? ''
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a] as Entry
    this.#heap[a] = this.#heap[b] as Entry
    this.#heap[b] = kept
  }
}
