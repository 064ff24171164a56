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
import { VECTOR_MAX } from './limits.ts'

export interface Dot {
  readonly actor: StorageId
  readonly n: number
}

export type VersionVector = ReadonlyMap<StorageId, number>

/**
 * What a client has seen of a key: a vector, and single writes beyond it. A writer that got
 * siblings knows its own write and not theirs, and no vector can say that when one disk
 * coordinated both.
 */
export interface Context {
  readonly vector: VersionVector
  readonly dots: readonly Dot[]
}

export const EMPTY_VECTOR: VersionVector = new Map()
export const EMPTY_CONTEXT: Context = { vector: EMPTY_VECTOR, dots: [] }

const ACTOR_BYTES_MAX = 64
/** Forgetting one merely leaves a client's own older write beside its newer one. */
const CONTEXT_DOTS_MAX = 16
const CHECKSUM_BYTES = 4

export function covers(vector: VersionVector, { actor, n }: Dot): boolean {
  return (vector.get(actor) ?? 0) >= n
}

export function contextCovers({ vector, dots }: Context, dot: Dot): boolean {
  return covers(vector, dot) || dots.some(({ actor, n }) => actor === dot.actor && n === dot.n)
}

/** The context of a client that had `context` and then wrote `dot`. */
export function withDot({ vector, dots }: Context, dot: Dot): Context {
  return { vector, dots: [...dots, dot].slice(-CONTEXT_DOTS_MAX) }
}

/** The least vector that covers what either does. */
export function joinVectors(a: VersionVector, b: VersionVector): VersionVector {
  if (b.size === 0) return a
  const joined = new Map(a)
  for (const [actor, n] of b) if (n > (joined.get(actor) ?? 0)) joined.set(actor, n)
  return joined
}

/** One form for one vector, so that equal vectors are equal bytes. */
export function sortedEntries(vector: VersionVector): (readonly [StorageId, number])[] {
  return vector.size < 2 ? [...vector] : [...vector].sort(([a], [b]) => (a < b ? -1 : 1))
}

export function writeVector(out: WireWriter, vector: VersionVector): void {
  out.list(sortedEntries(vector), (to, [actor, n]) => to.string(actor).uint(n))
}

export function readVector(from: WireReader): VersionVector {
  const vector = new Map<StorageId, number>()
  for (const [actor, n] of from.list(VECTOR_MAX, readEntry)) vector.set(actor, n)
  return vector
}

function readEntry(from: WireReader): readonly [StorageId, number] {
  return [from.string(ACTOR_BYTES_MAX), from.uint()]
}

export function writeContext(out: WireWriter, { vector, dots }: Context): void {
  writeVector(out, vector)
  out.list(dots, (to, { actor, n }) => to.string(actor).uint(n))
}

export function readContext(from: WireReader): Context {
  const vector = readVector(from)
  const dots = from.list(CONTEXT_DOTS_MAX, readEntry).map(([actor, n]) => ({ actor, n }))
  return { vector, dots }
}

/** The opaque version of the public API, with a checksum: a claim made up would hide writes. */
export function versionText(context: Context): string {
  const out = new WireWriter()
  writeContext(out, context)
  const bytes = out.finish()
  const text = Buffer.alloc(bytes.length + CHECKSUM_BYTES)
  text.set(bytes)
  text.writeUInt32LE(crc32(bytes), bytes.length)
  return text.toString('base64url')
}

/** Throws WireError on anything that is no version. */
export function contextOfVersion(version: string): Context {
  const bytes = Buffer.from(version, 'base64url')
  const end = bytes.length - CHECKSUM_BYTES
  if (end < 0 || bytes.readUInt32LE(end) !== crc32(bytes.subarray(0, end))) {
    throw new WireError('the checksum of the version does not match')
  }
  return readContext(new WireReader(bytes.subarray(0, end)))
}
