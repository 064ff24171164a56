/**
 * What is durable in the log and not yet in the index: a map, and its keys in order when somebody
 * asks for a range. Overwriting a key keeps the order, so only new keys cost a sort.
 */
import { compareKeys } from '../base/bytes.ts'
import type { IndexRange } from '../seams/storage.ts'

export class Table extends Map<string, Uint8Array | null> {
  #sorted: string[] | null = null

  override set(key: string, value: Uint8Array | null): this {
    if (this.#sorted !== null && !this.has(key)) this.#sorted = null
    return super.set(key, value)
  }

  /** Entries of the range in key order; null where deleted. */
  range({ from, to }: IndexRange): (readonly [string, Uint8Array | null])[] {
    this.#sorted ??= [...this.keys()].sort(compareKeys)
    const found: (readonly [string, Uint8Array | null])[] = []
    for (let i = firstAtLeast(this.#sorted, from); i < this.#sorted.length; i++) {
      const key = this.#sorted[i] ?? ''
      if (to !== undefined && compareKeys(key, to) >= 0) break
      found.push([key, this.get(key) ?? null])
    }
    return found
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
