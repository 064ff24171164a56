/**
 * What is durable in the log and not yet in the index: a map, and its keys in order when somebody
 * asks for a range. Only keys that came since the last time are sorted then.
 */
import { compareKeys } from '../base/bytes.ts'
import type { IndexRange } from '../seams/storage.ts'

export class Table extends Map<string, Uint8Array | null> {
  #sorted: string[] = []
  /** Keys that are not in `#sorted` yet. */
  #added: string[] = []

  override set(key: string, value: Uint8Array | null): this {
    if (!this.has(key)) this.#added.push(key)
    return super.set(key, value)
  }

  /** Entries of the range in key order, null where deleted, until `limit` of them are not. */
  range({ from, to, limit }: IndexRange): (readonly [string, Uint8Array | null])[] {
    if (this.#added.length > 0) {
      this.#sorted = merged(this.#sorted, this.#added.sort(compareKeys))
      this.#added = []
    }
    const found: (readonly [string, Uint8Array | null])[] = []
    let left = limit ?? Number.POSITIVE_INFINITY
    for (let i = firstAtLeast(this.#sorted, from); i < this.#sorted.length && left > 0; i++) {
      const key = this.#sorted[i] ?? ''
      if (to !== undefined && compareKeys(key, to) >= 0) break
      const value = this.get(key) ?? null
      if (value !== null) left--
      found.push([key, value])
    }
    return found
  }
}

/** Two lists in order, without a key in common, as one. */
function merged(a: readonly string[], b: readonly string[]): string[] {
  const all: string[] = []
  let i = 0
  for (const key of b) {
    for (let next = a[i]; next !== undefined && compareKeys(next, key) < 0; next = a[++i]) {
      all.push(next)
    }
    all.push(key)
  }
  return all.concat(a.slice(i))
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
