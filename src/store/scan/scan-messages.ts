/** What a scan asks members, and what they answer, as bytes. */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { PARTITIONS_MAX } from '../../kad/partition.ts'
import { WireReader, WireWriter } from '../../wire/codec.ts'
import { PAGE_BYTES, RECORD_BYTES_MAX, SCAN_ENTRIES_MAX } from '../limits.ts'
import { FRESH, staleNumber } from '../messages.ts'
import { decodeRecord, type StoreRecord } from '../record.ts'

/** Part of the keys in order. */
export interface ScanRange {
  readonly prefix: string
  readonly after: string
  /** The last key; null: to the end. */
  readonly upTo: string | null
}

export interface ScanQuestion {
  /** Number of the topology by which the asker chose whom to ask. */
  readonly topology: number
  readonly range: ScanRange
  readonly limit: number
  /** At least one entry is given however large it is. */
  readonly bytes: number
  readonly partitions: readonly number[]
  /** What another replica gave of each partition. null: the records are asked for. */
  readonly given: readonly GivenPartition[] | null
}

export interface GivenPartition {
  /** Of the entries that were given. */
  readonly sum: number
  /** Of all that it has of the partition; null: unknown, or it changed meanwhile. */
  readonly root: number | null
}

export interface ScanEntry<T> {
  readonly partition: number
  readonly key: string
  readonly record: T
}

export interface ScanAnswer<T> {
  /** In key order. Where sums came with the question: of the partitions where they are others. */
  readonly entries: readonly ScanEntry<T>[]
  /** Nothing of the range comes after these. */
  readonly done: boolean
  /** Of the partitions that were asked for, in their order, where records were. */
  readonly roots: readonly (number | null)[]
}

export function encodeQuestion(question: ScanQuestion): Uint8Array {
  const { topology, range, limit, bytes, partitions, given } = question
  const out = new WireWriter().uint(topology).string(range.prefix).string(range.after)
  out.bool(range.upTo !== null).string(range.upTo ?? '')
  out.uint(limit).uint(bytes)
  out.list(partitions, (to, partition) => void to.uint(partition))
  out.bool(given !== null).list(given ?? [], (to, { sum, root }) => writeRoot(to.uint(sum), root))
  return out.finish()
}

/** Throws WireError. */
export function decodeQuestion(body: Uint8Array): ScanQuestion {
  const from = new WireReader(body)
  const topology = from.uint()
  const prefix = from.string(KEY_BYTES_MAX)
  const after = from.string(KEY_BYTES_MAX)
  const isBounded = from.bool()
  const last = from.string(KEY_BYTES_MAX)
  const range = { prefix, after, upTo: isBounded ? last : null }
  const limit = from.uint(SCAN_ENTRIES_MAX)
  const bytes = from.uint(PAGE_BYTES)
  const partitions = from.list(PARTITIONS_MAX, (each) => each.uint(PARTITIONS_MAX - 1))
  const isGiven = from.bool()
  const given = from.list(PARTITIONS_MAX, (each) => ({ sum: each.uint(), root: readRoot(each) }))
  return { topology, range, limit, bytes, partitions, given: isGiven ? given : null }
}

export function encodeAnswer({ entries, done, roots }: ScanAnswer<Uint8Array>): Uint8Array {
  return new WireWriter()
    .uint(FRESH)
    .bool(done)
    .list(entries, (to, { partition, key, record }) => {
      to.uint(partition).string(key).bytes(record)
    })
    .list(roots, writeRoot)
    .finish()
}

/** The answer, or the number of a newer topology. Throws WireError. */
export function decodeAnswer(bytes: Uint8Array): ScanAnswer<Uint8Array> | number {
  const from = new WireReader(bytes)
  const stale = staleNumber(from)
  if (stale !== null) return stale
  const done = from.bool()
  const entries = from.list(SCAN_ENTRIES_MAX, (each) => ({
    partition: each.uint(PARTITIONS_MAX - 1),
    key: each.string(KEY_BYTES_MAX),
    record: each.bytes(RECORD_BYTES_MAX),
  }))
  return { entries, done, roots: from.list(PARTITIONS_MAX, readRoot) }
}

/** One more than it is; 0 where there is none. */
function writeRoot(to: WireWriter, root: number | null): void {
  to.uint(root === null ? 0 : root + 1)
}

function readRoot(from: WireReader): number | null {
  const root = from.uint()
  return root === 0 ? null : root - 1
}

/** Throws WireError for a record that is damaged. */
export function decodedEntries(
  entries: readonly ScanEntry<Uint8Array>[],
): readonly ScanEntry<StoreRecord>[] {
  return entries.map((entry) => ({ ...entry, record: decodeRecord(entry.record) }))
}
