/**
 * The XOR metric (Maymounkov and Mazières, Kademlia, 2002, §2.1). Distances are compared as
 * unsigned numbers, most significant byte first; two different ids are never equally far from a
 * third.
 */
import type { KadId } from './node-id.ts'

/** Negative when `a` is nearer to `target` than `b`. */
export function compareDistance(target: KadId, a: KadId, b: KadId): number {
  for (let i = 0; i < target.length; i++) {
    const t = target[i] ?? 0
    const difference = (t ^ (a[i] ?? 0)) - (t ^ (b[i] ?? 0))
    if (difference !== 0) return difference
  }
  return 0
}

/** The `count` items nearest to `target`, nearest first. */
export function closest<T>(
  target: KadId,
  items: readonly T[],
  count: number,
  idOf: (item: T) => KadId,
): T[] {
  const placed = items.map((item) => ({ item, id: idOf(item) }))
  placed.sort((a, b) => compareDistance(target, a.id, b.id))
  return placed.slice(0, count).map(({ item }) => item)
}
