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

/** Partitions that have a majority now and would not without these members. */
export function stoppedByLoss(
  topology: Topology,
  alive: ReadonlySet<StorageId>,
  lost: ReadonlySet<StorageId>,
): number[] {
  const already = new Set(partitionsWithoutMajority(topology, alive))
  const left = new Set([...alive].filter((id) => !lost.has(id)))
  return partitionsWithoutMajority(topology, left).filter((index) => !already.has(index))
}

export function membersOfZone(topology: Topology, zone: string): Set<StorageId> {
  const members = topology.members.filter((member) => member.zone === zone)
  return new Set(members.map(({ storageId }) => storageId))
}

export function movingPartitions(topology: Topology): number {
  return topology.partitions.filter(({ prev }) => prev !== null).length
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
