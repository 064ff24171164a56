/** What two replicas say to each other to become equal. Every message is bounded. */
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { PARTITION_MAX } from '../../topology/request-header.ts'
import { WireReader, WireWriter } from '../../wire/codec.ts'
import { RECORD_BYTES_MAX, SYNC_ENTRIES } from '../limits.ts'

export const DIGESTS_MAX = 512

export interface DigestQuestion {
  readonly topology: number
  readonly partitions: readonly number[]
}

export interface KeysQuestion {
  readonly topology: number
  readonly partition: number
  /** Entries after this key; '' from the start. */
  readonly after: string
}

export interface KeysPage {
  readonly entries: readonly (readonly [string, number])[]
  readonly done: boolean
}

export type Records = readonly (readonly [string, Uint8Array])[]

export interface RecordsMessage {
  readonly topology: number
  readonly partition: number
  readonly records: Records
}

export interface PullQuestion {
  readonly topology: number
  readonly partition: number
  readonly keys: readonly string[]
}

export function encodeDigestQuestion({ topology, partitions }: DigestQuestion): Uint8Array {
  return new WireWriter()
    .uint(topology)
    .list(partitions, (to, p) => to.uint(p))
    .finish()
}

export function decodeDigestQuestion(bytes: Uint8Array): DigestQuestion {
  const from = new WireReader(bytes)
  return { topology: from.uint(), partitions: from.list(DIGESTS_MAX, (e) => e.uint(PARTITION_MAX)) }
}

export function encodeDigests(digests: readonly number[]): Uint8Array {
  return new WireWriter().list(digests, (to, digest) => to.uint(digest)).finish()
}

export function decodeDigests(bytes: Uint8Array): readonly number[] {
  return new WireReader(bytes).list(DIGESTS_MAX, (each) => each.uint())
}

export function encodeKeysQuestion({ topology, partition, after }: KeysQuestion): Uint8Array {
  return new WireWriter().uint(topology).uint(partition).string(after).finish()
}

export function decodeKeysQuestion(bytes: Uint8Array): KeysQuestion {
  const from = new WireReader(bytes)
  const topology = from.uint()
  return { topology, partition: from.uint(PARTITION_MAX), after: from.string(KEY_BYTES_MAX) }
}

export function encodeKeysPage({ entries, done }: KeysPage): Uint8Array {
  return new WireWriter()
    .bool(done)
    .list(entries, (to, [key, fingerprint]) => to.string(key).uint(fingerprint))
    .finish()
}

export function decodeKeysPage(bytes: Uint8Array): KeysPage {
  const from = new WireReader(bytes)
  const done = from.bool()
  const entries = from.list(SYNC_ENTRIES, (e) => [e.string(KEY_BYTES_MAX), e.uint()] as const)
  return { entries, done }
}

export function encodePullQuestion({ topology, partition, keys }: PullQuestion): Uint8Array {
  const out = new WireWriter().uint(topology).uint(partition)
  return out.list(keys, (to, key) => to.string(key)).finish()
}

export function decodePullQuestion(bytes: Uint8Array): PullQuestion {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const partition = from.uint(PARTITION_MAX)
  return { topology, partition, keys: from.list(SYNC_ENTRIES, (e) => e.string(KEY_BYTES_MAX)) }
}

export function encodeRecords({ topology, partition, records }: RecordsMessage): Uint8Array {
  const out = new WireWriter().uint(topology).uint(partition)
  return out.list(records, (to, [key, record]) => to.string(key).bytes(record)).finish()
}

export function decodeRecords(bytes: Uint8Array): RecordsMessage {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const partition = from.uint(PARTITION_MAX)
  const records = from.list(SYNC_ENTRIES, (each) => {
    return [each.string(KEY_BYTES_MAX), each.bytes(RECORD_BYTES_MAX)] as const
  })
  return { topology, partition, records }
}
