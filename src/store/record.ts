/**
 * What a replica holds of a key: the vector of all writes it has seen, and the siblings, which are
 * the values of those writes that no other seen write replaces. Immutable.
 *
 * One form for one record: vectors and siblings are sorted, so replicas that agree hold equal
 * bytes, and fingerprints of bytes compare records.
 */
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { RECORD_BYTES_MAX, SIBLINGS_MAX, VALUE_BYTES_MAX, VECTOR_MAX } from './limits.ts'
import {
  covers,
  type Dot,
  readVector,
  sortedEntries,
  type VersionVector,
} from './version-vector.ts'

export const KINDS = ['bytes', 'text', 'json', 'tombstone'] as const
export type Kind = (typeof KINDS)[number]

export interface Sibling {
  readonly dot: Dot
  /** Hybrid logical time of the write: breaks ties and orders display, nothing else. */
  readonly stamp: number
  /** Wall time in ms after which it reads as a tombstone; 0: never. */
  readonly expiresAtMs: number
  readonly kind: Kind
  readonly value: Uint8Array
}

export interface StoreRecord {
  readonly vector: VersionVector
  /** Sorted by dot; every dot is covered by the vector. */
  readonly siblings: readonly Sibling[]
}

export const EMPTY_RECORD: StoreRecord = { vector: new Map(), siblings: [] }

const FORMAT = 1

export function compareDots(a: Dot, b: Dot): number {
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1
  return a.n - b.n
}

/** Newest first; the dot breaks ties, so that all nodes show the same. */
export function compareRecency(a: Sibling, b: Sibling): number {
  return b.stamp - a.stamp || compareDots(b.dot, a.dot)
}

export function encodeRecord({ vector, siblings }: StoreRecord): Uint8Array {
  const entries = sortedEntries(vector)
  const out = new WireWriter().uint(FORMAT)
  out.list(entries, (to, [actor, n]) => to.string(actor).uint(n))
  out.list(siblings, (to, { dot, stamp, expiresAtMs, kind, value }) => {
    const actor = entries.findIndex(([name]) => name === dot.actor)
    to.uint(actor).uint(dot.n).uint(stamp).uint(expiresAtMs).uint(KINDS.indexOf(kind)).bytes(value)
  })
  return out.finish()
}

/** Throws WireError on anything that is no record. Values are views of `bytes`. */
export function decodeRecord(bytes: Uint8Array): StoreRecord {
  if (bytes.length > RECORD_BYTES_MAX) throw new WireError('record is over its limit')
  const from = new WireReader(bytes)
  const format = from.uint()
  if (format !== FORMAT) throw new WireError(`record of unknown format ${format}`)
  const vector = readVector(from)
  const actors = [...vector.keys()]
  const siblings = from.list(SIBLINGS_MAX, (each) => readSibling(each, actors))
  for (const [i, sibling] of siblings.entries()) {
    const before = siblings[i - 1]
    const ordered = before === undefined || compareDots(before.dot, sibling.dot) < 0
    if (!ordered || !covers(vector, sibling.dot)) throw new WireError('record contradicts itself')
  }
  return { vector, siblings }
}

function readSibling(from: WireReader, actors: readonly string[]): Sibling {
  const actor = actors[from.uint(VECTOR_MAX)]
  const n = from.uint()
  const stamp = from.uint()
  const expiresAtMs = from.uint()
  const kind = KINDS[from.uint(KINDS.length)]
  const value = from.bytes(VALUE_BYTES_MAX)
  if (actor === undefined || kind === undefined) throw new WireError('malformed sibling')
  return { dot: { actor, n }, stamp, expiresAtMs, kind, value }
}

/** The values that a reader sees, newest first. */
export function visibleSiblings(record: StoreRecord): readonly Sibling[] {
  const seen = record.siblings.filter(({ kind }) => kind !== 'tombstone')
  return seen.length < 2 ? seen : seen.sort(compareRecency)
}
