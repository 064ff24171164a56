/**
 * Counters: of each disk, the sum of all that it has added to the key so far. The latest statement
 * of a disk holds all its earlier ones, so joining takes that with the larger number and no
 * addition is lost or counted twice.
 *
 * A delete keeps, for each disk, the sum that it has seen; the counter is what has been added
 * since. Nobody hears of a disk's sum before that is on the disk itself (writer.ts): a crash would
 * let its next sum go back behind one that a delete elsewhere has subtracted.
 */
import type { StorageId } from '../base/ids.ts'
import { WireError, type WireReader, type WireWriter } from '../wire/codec.ts'

export interface Sum {
  readonly actor: StorageId
  /** The write that the disk began to count with: what it had counted before, all had dropped. */
  readonly start: number
  /** The last write that is counted. */
  readonly n: number
  /** Beyond 53 bits when this disk adds what others take away. */
  readonly total: bigint
}

/** Sorted by actor, one for each. */
export type Sums = readonly Sum[]

export const NO_SUMS: Sums = []

/** A total is written in two numbers of 53 bits: ages of additions of that size. */
const HALF = 2n ** 53n
const HALF_MAX = Number(HALF - 1n)

/** Of each disk the later one. */
export function joinSums(a: Sums, b: Sums): Sums {
  if (b.length === 0 || a === b) return a
  if (a.length === 0) return b
  const joined: Sum[] = []
  let j = 0
  for (const mine of a) {
    let other = b[j]
    while (other !== undefined && other.actor < mine.actor) {
      joined.push(other)
      other = b[++j]
    }
    const isBoth = other?.actor === mine.actor
    if (isBoth) j++
    joined.push(isBoth && other !== undefined && other.n > mine.n ? other : mine)
  }
  return j < b.length ? [...joined, ...b.slice(j)] : joined
}

/** Those of `replaced` that are about what `sums` still counts. */
export function stillCounted(replaced: Sums, sums: Sums): Sums {
  if (replaced.length === 0) return replaced
  const starts = new Map(sums.map(({ actor, start }) => [actor, start]))
  const kept = replaced.filter(({ actor, start }) => starts.get(actor) === start)
  return kept.length === replaced.length ? replaced : kept
}

/** Whether anything has been added that is not replaced. */
export function isCounting(sums: Sums, replaced: Sums): boolean {
  if (replaced.length === 0) return sums.length > 0
  const ends = new Map(replaced.map(({ actor, n }) => [actor, n]))
  return sums.some(({ actor, n }) => ends.get(actor) !== n)
}

/** What has been added and is not replaced. Exact, whatever disks have added apart. */
export function countOf(sums: Sums, replaced: Sums): bigint {
  let count = 0n
  for (const { total } of sums) count += total
  for (const { total } of replaced) count -= total
  return count
}

/** Beyond 53 bits, where only additions that were made apart can bring a count, their end. */
export function numberOf(count: bigint): number {
  return Math.max(Math.min(Number(count), Number.MAX_SAFE_INTEGER), Number.MIN_SAFE_INTEGER)
}

/** Actors by their place among those of a vector, which are sorted. */
export function writeSums(out: WireWriter, sums: Sums, actors: readonly StorageId[]): void {
  out.list(sums, (to, { actor, start, n, total }) => {
    to.uint(actors.indexOf(actor))
      .uint(start)
      .uint(n - start)
    const size = total < 0n ? -total : total
    to.bool(total < 0n)
      .uint(Number(size / HALF))
      .uint(Number(size % HALF))
  })
}

export function readSums(from: WireReader, vector: ReadonlyMap<StorageId, number>): Sums {
  let actors: readonly StorageId[] | null = null
  let last = -1
  const sums = from.list(vector.size, (each) => {
    actors ??= [...vector.keys()]
    const place = each.uint(vector.size)
    const actor = actors[place]
    const start = each.uint()
    const n = start + each.uint()
    const isNegative = each.bool()
    const size = BigInt(each.uint()) * HALF + BigInt(each.uint(HALF_MAX))
    const isSum = actor !== undefined && start > 0 && Number.isSafeInteger(n)
    if (!isSum || place <= last || (isNegative && size === 0n)) throw new WireError('malformed sum')
    last = place
    return { actor, start, n, total: isNegative ? -size : size }
  })
  return sums.length === 0 ? NO_SUMS : sums
}
