/**
 * What this disk holds of some partitions in a range of keys: in order, or as one sum for each
 * partition, which is equal where two replicas hold the same.
 */
import { compareKeys } from '../../base/bytes.ts'
import { inParallel } from '../../base/in-parallel.ts'
import type { Database } from '../../disk/database.ts'
import { firstKey, KeyCursor } from '../../disk/key-cursor.ts'
import { addFingerprints, entryFingerprint, storedFingerprint } from '../fingerprint.ts'
import { partitionEnd, partitionPrefix, userKey } from '../place.ts'
import type { StoreRecord } from '../record.ts'
import { CursorHeap } from './cursor-heap.ts'
import type { ScanAnswer, ScanEntry, ScanRange } from './scan-messages.ts'

/** Partitions read at once: each is an iterator of the index. */
const READ_AT_ONCE = 8
/** A little more than its part of a page is read of each partition at first. */
const SLICE_SLACK = 1.5
const SLICE_MIN = 4
const SLICE_MAX = 256

export async function readEntries(
  database: Database,
  partitions: readonly number[],
  { prefix, after, upTo }: ScanRange,
  most: { readonly limit: number; readonly bytes: number },
): Promise<Omit<ScanAnswer<Uint8Array>, 'roots'>> {
  const slice = sliceFor(most.limit, partitions.length)
  const cursors: (readonly [KeyCursor, number])[] = []
  await inParallel(partitions, READ_AT_ONCE, async (partition) => {
    const space = partitionPrefix(partition)
    cursors.push([await KeyCursor.open(database, space, prefix, after, slice), partition])
  })
  const heap = new CursorHeap(cursors)
  const entries: ScanEntry<Uint8Array>[] = []
  let bytes = 0
  while (entries.length < most.limit && bytes < most.bytes) {
    const isEnd = heap.key === null || (upTo !== null && compareKeys(heap.key, upTo) > 0)
    if (isEnd) return { entries, done: true }
    const [partition, [key, record]] = await heap.take()
    entries.push({ partition, key, record })
    bytes += key.length + record.length
  }
  const isOver = heap.key === null || (upTo !== null && compareKeys(heap.key, upTo) > 0)
  return { entries, done: isOver }
}

function sliceFor(limit: number, partitions: number): number {
  const part = Math.ceil((limit / Math.max(1, partitions)) * SLICE_SLACK)
  return Math.min(Math.max(part, SLICE_MIN), SLICE_MAX)
}

/** A sum for each of the partitions, in their order. */
export async function readSums(
  database: Database,
  partitions: readonly number[],
  { prefix, after, upTo }: ScanRange,
): Promise<number[]> {
  const sums = new Map<number, number>()
  await inParallel(partitions, READ_AT_ONCE, async (partition) => {
    const space = partitionPrefix(partition)
    const to = upTo === null ? partitionEnd(partition) : `${space}${upTo}\0`
    let sum = 0
    for await (const [stored, record] of database.scan({
      from: space + firstKey(prefix, after),
      to,
    })) {
      const key = userKey(stored)
      if (!key.startsWith(prefix)) break
      sum = addFingerprints(sum, storedFingerprint(key, record))
    }
    sums.set(partition, sum)
  })
  return partitions.map((partition) => sums.get(partition) ?? 0)
}

/** The same sums of entries at hand, by partition; one that has none of them has the sum 0. */
export function sumsOf(entries: readonly ScanEntry<StoreRecord>[]): ReadonlyMap<number, number> {
  const sums = new Map<number, number>()
  for (const { partition, key, record } of entries) {
    sums.set(partition, addFingerprints(sums.get(partition) ?? 0, entryFingerprint(key, record)))
  }
  return sums
}
