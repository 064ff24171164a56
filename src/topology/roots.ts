/**
 * Which members decide topologies: one below three members, three below seven, else five; in
 * different zones where there are enough, and the same as before where they still serve.
 */
import type { StorageId } from '../base/ids.ts'
import type { TopologyMember } from './topology.ts'

export function rootCount(members: number): number {
  if (members < 3) return 1
  return members < 7 ? 3 : 5
}

/**
 * The roots after `current`. The first one issues topologies and stays as long as it is a member;
 * the others stay while they serve. `able` are members that may become roots, in any order.
 */
export function chooseRoots(
  current: readonly StorageId[],
  members: readonly TopologyMember[],
  serves: (id: StorageId) => boolean,
  able: (id: StorageId) => boolean,
): StorageId[] {
  const zones = new Map(members.map(({ storageId, zone }) => [storageId, zone]))
  const count = rootCount(members.length)
  const first = current[0]
  const kept = current.filter((id) => zones.has(id) && (id === first || serves(id)))
  const roots = kept.slice(0, count)
  const spare = members
    .map(({ storageId }) => storageId)
    .filter((id) => able(id) && !roots.includes(id))
    .toSorted()
  while (roots.length < count && spare.length > 0) {
    const used = new Set(roots.map((id) => zones.get(id)))
    const index = spare.findIndex((id) => !used.has(zones.get(id)))
    roots.push(...spare.splice(Math.max(0, index), 1))
  }
  // Nobody can take the place of a root that is gone: it may come back.
  const gone = current.filter((id) => zones.has(id) && !roots.includes(id))
  roots.push(...gone.slice(0, count - roots.length))
  return spreadOver(roots, spare, zones)
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
