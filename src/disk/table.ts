/**
 * What is durable in the log and not yet in the index: a map, and its keys in order when somebody
 * asks for a range. Keys that came since are sorted apart and put in place when they are many: to
 * look at a small range costs little while others write.
 */
import { compareKeys } from '../base/bytes.ts'
import type { IndexRange } from '../seams/storage.ts'

const APART_MAX = 1024

export class Table extends Map<string, Uint8Array | null> {
  #sorted: string[] = []
  /** Keys that are not in `#sorted` yet, at most APART_MAX when a range has been given. */
  #apart: string[] = []
  #isApartSorted = true

  override set(key: string, value: Uint8Array | null): this {
    if (!this.has(key)) {
      this.#apart.push(key)
      this.#isApartSorted = false
    }
    return super.set(key, value)
  }

  /** Entries of the range in key order, null where deleted, until `limit` of them are not. */
  range({ from, to, limit }: IndexRange): (readonly [string, Uint8Array | null])[] {
    this.#order()
    const found: (readonly [string, Uint8Array | null])[] = []
    let left = limit ?? Number.POSITIVE_INFINITY
    for (const key of inOrder(this.#sorted, this.#apart, from)) {
      if (left <= 0 || (to !== undefined && compareKeys(key, to) >= 0)) break
      const value = this.get(key) ?? null
      if (value !== null) left--
      found.push([key, value])
    }
    return found
  }

  #order(): void {
    if (!this.#isApartSorted) this.#apart.sort(compareKeys)
    this.#isApartSorted = true
    if (this.#apart.length <= APART_MAX) return
    this.#sorted = [...inOrder(this.#sorted, this.#apart, '')]
    this.#apart = []
  }
}

/** The keys of two lists in order, from one on; they have none in common. */
function* inOrder(a: readonly string[], b: readonly string[], from: string): Iterable<string> {
  let i = firstAtLeast(a, from)
  let j = firstAtLeast(b, from)
  for (;;) {
    const x = a[i]
    const y = b[j]
    if (x === undefined && y === undefined) return
    if (y === undefined || (x !== undefined && compareKeys(x, y) < 0)) {
      i++
      if (x !== undefined) yield x
    } else {
      j++
      yield y
    }
  }
}

function firstAtLeast(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(sorted[middle] ?? '', key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
