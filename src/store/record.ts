/**
 * What a replica holds of a key: all the writes that it knows of, and the siblings, which are the
 * values of those that no other of them replaces. Immutable.
 *
 * One form for one record: everything in it is sorted, so replicas that agree hold equal bytes, and
 * fingerprints of bytes compare records.
 */
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { JOINED_FACTOR, RECORD_BYTES_MAX, SIBLINGS_MAX, VALUE_BYTES_MAX } from './limits.ts'
import {
  compareDots,
  type Context,
  covers,
  type Dot,
  EMPTY_CONTEXT,
  readContext,
  sortedEntries,
  writeContext,
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
  /** The writes that are known. Dots beyond the vector are of writes replaced before they came. */
  readonly known: Context
  /** Sorted by dot; every dot is covered by the vector. */
  readonly siblings: readonly Sibling[]
}

export const EMPTY_RECORD: StoreRecord = { known: EMPTY_CONTEXT, siblings: [] }

const FORMAT = 1

/** Newest first; the dot breaks ties, so that all nodes show the same. */
export function compareRecency(a: Sibling, b: Sibling): number {
  return b.stamp - a.stamp || compareDots(b.dot, a.dot)
}

export function encodeRecord({ known, siblings }: StoreRecord): Uint8Array {
  const entries = sortedEntries(known.vector)
  const out = new WireWriter().uint(FORMAT)
  writeContext(out, known)
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
  const known = readContext(from)
  const actors = [...known.vector.keys()]
  const siblings = from.list(SIBLINGS_MAX * JOINED_FACTOR, (each) => readSibling(each, actors))
  for (const [i, sibling] of siblings.entries()) {
    const before = siblings[i - 1]
    const ordered = before === undefined || compareDots(before.dot, sibling.dot) < 0
    if (!ordered || !covers(known.vector, sibling.dot))
      throw new WireError('record contradicts itself')
  }
  return { known, siblings }
}

function readSibling(from: WireReader, actors: readonly string[]): Sibling {
  const actor = actors[from.uint(actors.length)]
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
