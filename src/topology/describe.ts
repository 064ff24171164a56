/** What a topology can bear, in figures for `status` and `explain`. Pure. */
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import type { Partition, Topology } from './topology.ts'
import { majorityOf } from './validate.ts'

/** Disks of members that are up, this node's own among them. */
export function liveDisks(topology: Topology, membership: Membership): Set<StorageId> {
  const self = membership.self()
  const live = topology.members.filter(({ id, storageId }) => {
    return storageId === self.storageId || membership.isUsable(id, storageId)
  })
  return new Set(live.map(({ storageId }) => storageId))
}

/** Those that nobody suspects, for who must not promise too much. */
export function unsuspectedDisks(topology: Topology, membership: Membership): Set<StorageId> {
  const live = liveDisks(topology, membership)
  for (const { id, storageId } of topology.members) {
    if (membership.get(id)?.state === 'suspect') live.delete(storageId)
  }
  return live
}

/**
 * The most members of which any may fail now, and still every partition keeps a majority in its
 * replica set, and in the set that it moves from. 0 as well when a partition has none already.
 */
export function failuresTolerated(topology: Topology, alive: ReadonlySet<StorageId>): number {
  let least = topology.members.length
  for (const group of topology.partitions.flatMap(groupsOf)) {
    const live = group.filter((id) => alive.has(id)).length
    least = Math.min(least, live - majorityOf(group.length))
  }
  return Math.max(0, least)
}

/** Partitions that lack a majority in one of their groups: strict reads and writes fail there. */
export function partitionsWithoutMajority(
  topology: Topology,
  alive: ReadonlySet<StorageId>,
): number[] {
  return topology.partitions.flatMap((partition, index) =>
    groupsOf(partition).every(
      (group) => group.filter((id) => alive.has(id)).length >= majorityOf(group.length),
    )
      ? []
      : [index],
  )
}

export interface Loss {
  readonly kind: 'member' | 'zone'
  readonly name: string
  /** Partitions that have a majority now and would not. */
  readonly partitions: readonly number[]
  /** Whether the roots have a majority now and would not. */
  readonly decisions: boolean
}

/**
 * What the loss of any one live member would stop, and of any one zone where there are several. One
 * pass over the partitions: clusters may be large.
 */
export function lossesOf(topology: Topology, alive: ReadonlySet<StorageId>): Loss[] {
  const zoneOf = new Map(topology.members.map(({ storageId, zone }) => [storageId, zone]))
  const byMember = new Map<StorageId, number[]>()
  const byZone = new Map<string, number[]>()
  for (const [index, partition] of topology.partitions.entries()) {
    const vital = groupsOf(partition).map((group) => vitalTo(group, alive, zoneOf))
    if (vital.some((each) => each === null)) continue
    for (const id of new Set(vital.flatMap((each) => each?.members ?? [])))
      push(byMember, id, index)
    for (const zone of new Set(vital.flatMap((each) => each?.zones ?? [])))
      push(byZone, zone, index)
  }
  const roots = vitalTo(topology.roots, alive, zoneOf)
  const members = topology.members
    .filter(({ storageId }) => alive.has(storageId))
    .map(({ storageId, name }): Loss => {
      const decisions = roots?.members.includes(storageId) === true
      return { kind: 'member', name, partitions: byMember.get(storageId) ?? [], decisions }
    })
  const zones = [...new Set(zoneOf.values())]
  if (zones.length < 2) return members
  const ofZones = zones.map((name): Loss => {
    const decisions = roots?.zones.includes(name) === true
    return { kind: 'zone', name, partitions: byZone.get(name) ?? [], decisions }
  })
  return [...members, ...ofZones]
}

/** Without whom a group that has a majority has none; null when it has none already. */
function vitalTo(
  group: readonly StorageId[],
  alive: ReadonlySet<StorageId>,
  zoneOf: ReadonlyMap<StorageId, string>,
): { readonly members: readonly StorageId[]; readonly zones: readonly string[] } | null {
  const live = group.filter((id) => alive.has(id))
  const spare = live.length - majorityOf(group.length)
  if (spare < 0) return null
  const zones = live.map((id) => zoneOf.get(id) ?? '')
  const vital = zones.filter((zone) => zones.filter((each) => each === zone).length > spare)
  return { members: spare === 0 ? live : [], zones: [...new Set(vital)] }
}

function push<K>(lists: Map<K, number[]>, key: K, item: number): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

export function movingPartitions(topology: Topology): number {
  return topology.partitions.filter(({ prev }) => prev !== null).length
}

/** Partitions that lie on the disk, those included that move from it. */
export function heldPartitions({ partitions }: Topology, id: StorageId): number {
  return partitions.filter(({ replicas, prev }) =>
    [replicas, prev?.replicas ?? []].flat().includes(id),
  ).length
}

/** Replicas by member, sets that data moves from not counted. */
export function loads(topology: Topology): Map<StorageId, number> {
  const counts = new Map(topology.members.map(({ storageId }) => [storageId, 0]))
  for (const id of topology.partitions.flatMap(({ replicas }) => replicas)) {
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

function groupsOf({ replicas, prev }: Partition): (readonly StorageId[])[] {
  return prev === null ? [replicas] : [replicas, prev.replicas]
}
