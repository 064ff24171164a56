/** Entries of the index and of the tables before it, as one sequence in key order. */
import { compareKeys } from '../base/bytes.ts'
import type { IndexRange } from '../seams/storage.ts'
import type { Table } from './table.ts'

type Entry = readonly [string, Uint8Array]
export type Recent = readonly [string, Uint8Array | null]

/** `recent`, in key order, hides what is stored under the same key; null there: deleted. */
export async function* mergedScan(
  stored: AsyncIterable<Entry>,
  recent: readonly Recent[],
  limit: number,
): AsyncIterable<Entry> {
  let next = 0
  let left = limit
  function* recentBefore(end: string | null): Iterable<Entry> {
    for (; next < recent.length && left > 0; next++) {
      const [key, value] = recent[next] ?? ['', null]
      if (end !== null && compareKeys(key, end) >= 0) return
      if (value === null) continue
      left--
      yield [key, value]
    }
  }
  if (left <= 0) return
  for await (const entry of stored) {
    yield* recentBefore(entry[0])
    if (left <= 0) return
    if (recent[next]?.[0] === entry[0]) continue
    left--
    yield entry
    if (left <= 0) return
  }
  yield* recentBefore(null)
}

/** Entries of the range that the index does not have yet, in key order; null where deleted. */
export function recentIn(range: IndexRange, frozen: Table | null, table: Table): Recent[] {
  if (frozen === null) return table.range(range)
  // What is deleted in the one may hide what the other has: a limit says nothing of either.
  const { limit: _, ...all } = range
  const newer = table.range(all)
  const older = frozen.range(all)
  if (older.length === 0) return newer
  const overwritten = new Set(newer.map(([key]) => key))
  const merged = older.filter(([key]) => !overwritten.has(key)).concat(newer)
  return merged.sort(([a], [b]) => compareKeys(a, b))
}
