/**
 * Which members decide topologies: one below three members, three below seven, else five; in
 * different zones where there are enough, and the same as before where they still serve. Always an
 * odd number: a second root beside one would only be one more that must not fail.
 */
import type { StorageId } from '../base/ids.ts'
import type { TopologyMember } from './topology.ts'

export function rootCount(members: number): number {
  if (members < 3) return 1
  return members < 7 ? 3 : 5
}

export interface RootFacts {
  /** Neither leaves nor is gone for long. */
  readonly serves: (id: StorageId) => boolean
  /** May become a root: serves, is alive and settled. */
  readonly able: (id: StorageId) => boolean
  readonly alive: (id: StorageId) => boolean
}

/**
 * The roots after `current`: the first of them that is alive proposes, so the order is kept. They
 * grow only by members that are able, and do not become fewer while there are members enough: two
 * of three that are alive are better than one, whose disk would be all that knows.
 */
export function chooseRoots(
  current: readonly StorageId[],
  members: readonly TopologyMember[],
  { serves, able, alive }: RootFacts,
): StorageId[] {
  const zones = new Map(members.map(({ storageId, zone }) => [storageId, zone]))
  const count = rootCount(members.length)
  const kept = current.filter((id) => zones.has(id) && serves(id))
  const roots = pick(kept, count, alive)
  const others = [...zones.keys()].toSorted()
  const spare = others.filter((id) => able(id) && !roots.includes(id))
  while (roots.length < count && spare.length > 0) {
    const used = new Set(roots.map((id) => zones.get(id)))
    const index = spare.findIndex((id) => !used.has(zones.get(id)))
    roots.push(...spare.splice(Math.max(0, index), 1))
  }
  // Nobody able can take the place of a root that is gone: it may come back. Then anybody alive.
  const least = Math.min(count, current.length)
  const gone = current.filter((id) => zones.has(id))
  const rest = [...gone, ...others.filter(alive), ...others.filter(serves), ...others]
  for (const id of rest) {
    if (roots.length < least && !roots.includes(id)) roots.push(id)
  }
  const odd = roots.length - (roots.length % 2 === 0 ? 1 : 0)
  return spreadOver(pick(roots, odd, alive), spare, zones)
}

/** That many, in their order; the dead are left out first. */
function pick(
  ids: readonly StorageId[],
  count: number,
  alive: (id: StorageId) => boolean,
): StorageId[] {
  const best = new Set([...ids.filter(alive), ...ids.filter((id) => !alive(id))].slice(0, count))
  return ids.filter((id) => best.has(id))
}

/** Exchanges a root that shares its zone with an earlier one for a spare of a zone without. */
function spreadOver(
  roots: StorageId[],
  spare: readonly StorageId[],
  zones: ReadonlyMap<StorageId, string>,
): StorageId[] {
  for (let index = 1; index < roots.length; index++) {
    const others = new Set(roots.filter((_, i) => i !== index).map((id) => zones.get(id)))
    if (!others.has(zones.get(roots[index] ?? ''))) continue
    const better = spare.find((id) => !others.has(zones.get(id)) && !roots.includes(id))
    if (better !== undefined) roots[index] = better
  }
  return roots
}
