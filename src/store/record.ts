/**
 * What a replica holds of a key: all the writes that it knows of, and what of them no other of them
 * replaces: siblings (values that were put), elements (of a set) and sums (of a counter). Immutable.
 *
 * One form for one record: everything in it is sorted, so replicas that agree hold equal bytes, and
 * fingerprints of bytes compare records.
 */
import type { StorageId } from '../base/ids.ts'
import type { ValueKind } from '../base/value.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import {
  ELEMENTS_MAX,
  JOINED_FACTOR,
  RECORD_BYTES_MAX,
  SET_BYTES_MAX,
  SIBLINGS_MAX,
  VALUE_BYTES_MAX,
} from './limits.ts'
import { isCounting, NO_SUMS, readSums, type Sums, writeSums } from './sums.ts'
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

/** On disk and on the wire by their place: only ever added to at the end. */
export const KINDS = ['bytes', 'text', 'json', 'tombstone'] as const
export const ELEMENT_KINDS = ['bytes', 'text', 'json'] as const
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

/** Of a set. Each has a dot of its own; equal ones of several dots are one element. */
export interface Element {
  readonly dot: Dot
  readonly kind: ValueKind
  readonly value: Uint8Array
}

export interface StoreRecord {
  /** The writes that are known. Dots beyond the vector are of writes replaced before they came. */
  readonly known: Context
  /** Sorted by dot; every dot is covered by the vector. */
  readonly siblings: readonly Sibling[]
  /** As siblings. */
  readonly elements: readonly Element[]
  /** How much of the known sums has been replaced; of none of their disks more than is known. */
  readonly replaced: Sums
}

export const NO_ELEMENTS: readonly Element[] = []
export const EMPTY_RECORD: StoreRecord = {
  known: EMPTY_CONTEXT,
  siblings: [],
  elements: NO_ELEMENTS,
  replaced: NO_SUMS,
}

const FORMAT = 2

/** Newest first; the dot breaks ties, so that all nodes show the same. */
function compareRecency(a: Sibling, b: Sibling): number {
  return b.stamp - a.stamp || compareDots(b.dot, a.dot)
}

export function encodeRecord({ known, siblings, elements, replaced }: StoreRecord): Uint8Array {
  const actors = sortedEntries(known.vector).map(([actor]) => actor)
  const out = new WireWriter().uint(FORMAT)
  writeContext(out, known)
  out.list(siblings, (to, { dot, stamp, expiresAtMs, kind, value }) => {
    writeDot(to, dot, actors).uint(stamp).uint(expiresAtMs).uint(KINDS.indexOf(kind)).bytes(value)
  })
  out.list(elements, (to, { dot, kind, value }) => {
    writeDot(to, dot, actors).uint(ELEMENT_KINDS.indexOf(kind)).bytes(value)
  })
  writeSums(out, replaced, actors)
  return out.finish()
}

/** Of what a disk has under a key. null: nothing, or nothing that can be read; others have it. */
export function recordIfSound(stored: Uint8Array | undefined): StoreRecord | null {
  if (stored === undefined) return null
  try {
    return decodeRecord(stored)
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
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
  const elements = from.list(ELEMENTS_MAX * JOINED_FACTOR, (each) => readElement(each, actors))
  const replaced = readSums(from, known.vector)
  const isOrdered = areOrdered(siblings, known) && areOrdered(elements, known)
  if (!isOrdered || !arePartOf(known.sums, replaced)) {
    throw new WireError('record contradicts itself')
  }
  return { known, siblings, elements: elements.length === 0 ? NO_ELEMENTS : elements, replaced }
}

function writeDot(to: WireWriter, dot: Dot, actors: readonly StorageId[]): WireWriter {
  return to.uint(actors.indexOf(dot.actor)).uint(dot.n)
}

function readDot(from: WireReader, actors: readonly StorageId[]): Dot {
  const actor = actors[from.uint(actors.length)]
  if (actor === undefined) throw new WireError('malformed dot')
  return { actor, n: from.uint() }
}

function readSibling(from: WireReader, actors: readonly StorageId[]): Sibling {
  const dot = readDot(from, actors)
  const stamp = from.uint()
  const expiresAtMs = from.uint()
  const kind = KINDS[from.uint(KINDS.length)]
  const value = from.bytes(VALUE_BYTES_MAX)
  if (kind === undefined) throw new WireError('malformed sibling')
  return { dot, stamp, expiresAtMs, kind, value }
}

function readElement(from: WireReader, actors: readonly StorageId[]): Element {
  const dot = readDot(from, actors)
  const kind = ELEMENT_KINDS[from.uint(ELEMENT_KINDS.length)]
  const value = from.bytes(SET_BYTES_MAX)
  if (kind === undefined) throw new WireError('malformed element')
  return { dot, kind, value }
}

function areOrdered(items: readonly { readonly dot: Dot }[], { vector }: Context): boolean {
  let before: Dot | null = null
  for (const { dot } of items) {
    if (!covers(vector, dot) || (before !== null && compareDots(before, dot) >= 0)) return false
    before = dot
  }
  return true
}

function arePartOf(sums: Sums, replaced: Sums): boolean {
  if (replaced.length === 0) return true
  const known = new Map(sums.map((sum) => [sum.actor, sum]))
  return replaced.every(({ actor, start, n, total }) => {
    const whole = known.get(actor)
    if (whole === undefined || whole.start !== start || n > whole.n) return false
    return n < whole.n || total === whole.total
  })
}

/** The values that were put and that a reader sees, newest first. */
export function visibleSiblings(record: StoreRecord, nowMs: number): readonly Sibling[] {
  const seen = record.siblings.filter((sibling) => isVisible(sibling, nowMs))
  return seen.length < 2 ? seen : seen.sort(compareRecency)
}

/** What is past its time reads as a deletion by the same write: whoever looks, by its own clock. */
export function isVisible({ kind, expiresAtMs }: Sibling, nowMs: number): boolean {
  return kind !== 'tombstone' && (expiresAtMs === 0 || nowMs < expiresAtMs)
}

/** How many values a reader is shown: siblings, one for a counter and one for a set. */
export function siblingCountOf(record: StoreRecord, nowMs: number): number {
  const { known, siblings, elements, replaced } = record
  let count = Number(elements.length > 0) + Number(isCounting(known.sums, replaced))
  for (const sibling of siblings) if (isVisible(sibling, nowMs)) count++
  return count
}

/** Whether a reader sees nothing of it. At the time 0 nothing has expired. */
export function isDead(record: StoreRecord, nowMs: number): boolean {
  const { known, siblings, elements, replaced } = record
  if (siblings.some((sibling) => isVisible(sibling, nowMs))) return false
  return elements.length === 0 && !isCounting(known.sums, replaced)
}
