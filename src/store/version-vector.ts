/**
 * Version vectors with dots (Preguiça, Baquero, Almeida et al., "Dotted version vectors", 2010).
 *
 * A dot names one write: the disk that coordinated it, and a number from that disk's one counter.
 * A vector says which writes of a key are known: for each disk, all its writes of this key up to
 * a number. What a vector covers was seen by whoever holds it.
 */
import type { StorageId } from '../base/ids.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { VECTOR_MAX } from './limits.ts'

export interface Dot {
  readonly actor: StorageId
  readonly n: number
}

export type VersionVector = ReadonlyMap<StorageId, number>

export const EMPTY_VECTOR: VersionVector = new Map()

const ACTOR_BYTES_MAX = 64

export function covers(vector: VersionVector, { actor, n }: Dot): boolean {
  return (vector.get(actor) ?? 0) >= n
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

/** The opaque version of the public API. */
export function versionText(vector: VersionVector): string {
  const out = new WireWriter()
  writeVector(out, vector)
  const bytes = out.finish()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** Throws WireError on anything that is no version. */
export function vectorOfVersion(version: string): VersionVector {
  return readVector(new WireReader(Buffer.from(version, 'base64url')))
}
