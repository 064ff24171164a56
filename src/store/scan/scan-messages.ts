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
  /** Of what another replica gave of each partition. Absent: the records are asked for. */
  readonly sums: readonly number[] | null
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
}

export function encodeQuestion(question: ScanQuestion): Uint8Array {
  const { topology, range, limit, bytes, partitions, sums } = question
  const out = new WireWriter().uint(topology).string(range.prefix).string(range.after)
  out.bool(range.upTo !== null).string(range.upTo ?? '')
  out.uint(limit).uint(bytes)
  out.list(partitions, (to, partition) => void to.uint(partition))
  out.bool(sums !== null).list(sums ?? [], (to, sum) => void to.uint(sum))
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
  const hasSums = from.bool()
  const sums = from.list(PARTITIONS_MAX, (each) => each.uint())
  return { topology, range, limit, bytes, partitions, sums: hasSums ? sums : null }
}

export function encodeAnswer({ entries, done }: ScanAnswer<Uint8Array>): Uint8Array {
  return new WireWriter()
    .uint(FRESH)
    .bool(done)
    .list(entries, (to, { partition, key, record }) => {
      to.uint(partition).string(key).bytes(record)
    })
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
  return { entries, done }
}

/** Throws WireError for a record that is damaged. */
export function decodedEntries(
  entries: readonly ScanEntry<Uint8Array>[],
): readonly ScanEntry<StoreRecord>[] {
  return entries.map((entry) => ({ ...entry, record: decodeRecord(entry.record) }))
}
