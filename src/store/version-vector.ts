/**
 * Version vectors with dots (Preguiça, Baquero, Almeida et al., "Dotted version vectors", 2010).
 *
 * A dot names one write: the disk that coordinated it, and a number from that disk's one counter.
 * A vector says which writes of a key are known: for each disk, all its writes of this key up to
 * a number. What a vector covers was seen by whoever holds it.
 */
import { crc32 } from 'node:zlib'
import type { StorageId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { DOTS_MAX, JOINED_FACTOR, VECTOR_MAX } from './limits.ts'
import { joinSums, NO_SUMS, readSums, type Sums, writeSums } from './sums.ts'

export interface Dot {
  readonly actor: StorageId
  readonly n: number
}

export type VersionVector = ReadonlyMap<StorageId, number>

/**
 * What is known of a key: a vector, and single writes beyond it. A writer that got siblings knows
 * its own write and not theirs, and no vector can say that when one disk coordinated both.
 */
export interface Context {
  readonly vector: VersionVector
  /** Sorted, and none that the vector covers. */
  readonly dots: readonly Dot[]
  /** How much of the key's counter is known, of disks and writes that the vector covers. */
  readonly sums: Sums
}

export const EMPTY_VECTOR: VersionVector = new Map()
export const EMPTY_CONTEXT: Context = { vector: EMPTY_VECTOR, dots: [], sums: NO_SUMS }

const ACTOR_BYTES_MAX = 64
const CHECKSUM_BYTES = 4

export function compareDots(a: Dot, b: Dot): number {
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1
  return a.n - b.n
}

export function covers(vector: VersionVector, { actor, n }: Dot): boolean {
  return (vector.get(actor) ?? 0) >= n
}

export function contextCovers({ vector, dots }: Context, dot: Dot): boolean {
  return covers(vector, dot) || dots.some(({ actor, n }) => actor === dot.actor && n === dot.n)
}

/**
 * The context of a client that had `context` and then wrote `dot`: the dots from before need not
 * be carried on, since the record of the write knows them wherever it comes.
 */
export function withDot({ vector, sums }: Context, dot: Dot): Context {
  return { vector, dots: dotsBeyond(vector, [dot]), sums }
}

/** What either knows. */
export function joinContexts(a: Context, b: Context): Context {
  const vector = joinVectors(a.vector, b.vector)
  const dots = dotsBeyond(vector, [...a.dots, ...b.dots])
  return { vector, dots, sums: joinSums(a.sums, b.sums) }
}

function dotsBeyond(vector: VersionVector, dots: readonly Dot[]): readonly Dot[] {
  const beyond = dots.filter((dot) => !covers(vector, dot))
  if (beyond.length < 2) return beyond
  return beyond.sort(compareDots).filter((dot, i) => {
    const before = beyond[i - 1]
    return before === undefined || compareDots(before, dot) !== 0
  })
}

/** The least vector that covers what either does. */
export function joinVectors(a: VersionVector, b: VersionVector): VersionVector {
  let joined: Map<StorageId, number> | null = null
  for (const [actor, n] of b) {
    if (covers(a, { actor, n })) continue
    joined ??= new Map(a)
    joined.set(actor, n)
  }
  return joined ?? a
}

/** One form for one vector, so that equal vectors are equal bytes. */
export function sortedEntries(vector: VersionVector): (readonly [StorageId, number])[] {
  return vector.size < 2 ? [...vector] : [...vector].sort(([a], [b]) => (a < b ? -1 : 1))
}

function readVector(from: WireReader): VersionVector {
  const vector = new Map<StorageId, number>()
  const entries = from.list(VECTOR_MAX * JOINED_FACTOR, readEntry)
  let last: StorageId = ''
  for (const [actor, n] of entries) {
    if (actor <= last && vector.size > 0) throw new WireError('vector is not in order')
    vector.set(actor, n)
    last = actor
  }
  return vector
}

function readEntry(from: WireReader): readonly [StorageId, number] {
  return [from.string(ACTOR_BYTES_MAX), from.uint()]
}

export function writeContext(out: WireWriter, { vector, dots, sums }: Context): void {
  const entries = sortedEntries(vector)
  out.list(entries, (to, [actor, n]) => to.string(actor).uint(n))
  out.list(dots, (to, { actor, n }) => to.string(actor).uint(n))
  writeSums(out, sums, sums.length === 0 ? [] : entries.map(([actor]) => actor))
}

export function readContext(from: WireReader): Context {
  const vector = readVector(from)
  const dots = from.list(DOTS_MAX * JOINED_FACTOR, readEntry).map(([actor, n]) => ({ actor, n }))
  for (const [i, dot] of dots.entries()) {
    const before = dots[i - 1]
    const ordered = before === undefined || compareDots(before, dot) < 0
    if (!ordered || covers(vector, dot)) throw new WireError('context contradicts itself')
  }
  const sums = readSums(from, vector)
  if (!sums.every((sum) => covers(vector, sum))) throw new WireError('context contradicts itself')
  return { vector, dots, sums }
}

/**
 * The opaque context of the public API, with a checksum of it and its key: a claim that is made up,
 * or of another key, would hide writes that nobody saw. What covers nothing is of any key.
 */
export function contextText(context: Context, key: string): string {
  const out = new WireWriter()
  writeContext(out, context)
  const bytes = out.finish()
  const text = Buffer.alloc(bytes.length + CHECKSUM_BYTES)
  text.set(bytes)
  text.writeUInt32LE(checksumOf(bytes, context, key), bytes.length)
  return text.toString('base64url')
}

/** Throws WireError on anything that is no context of the key. */
export function contextOfText(text: string, key: string): Context {
  const bytes = Buffer.from(text, 'base64url')
  const end = bytes.length - CHECKSUM_BYTES
  if (end < 0) throw new WireError('too short for a context')
  const claim = bytes.subarray(0, end)
  const context = readContext(new WireReader(claim))
  if (bytes.readUInt32LE(end) === checksumOf(claim, context, key)) return context
  throw new WireError('the checksum of the context does not match')
}

function checksumOf(bytes: Uint8Array, { vector, dots }: Context, key: string): number {
  const coversNothing = vector.size === 0 && dots.length === 0
  return coversNothing ? crc32(bytes) : crc32(key, crc32(bytes))
}
