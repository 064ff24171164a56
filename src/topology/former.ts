/**
 * Former replicas: disks whose partition moved away from them and that may still hold data of it. A
 * disk that is away for weeks and returns has values that were deleted meanwhile; it offers them
 * before it drops them, so whoever forgets a deletion before then lets them come back. The list is
 * agreed, and outlives the disk's membership.
 *
 * One comes when a movement ends. It goes when it says that it holds nothing of the partition any
 * more, when it becomes a replica again (from then on it is asked as one), or when the operator
 * removes the disk, which is refused for ever.
 */
import type { StorageId } from '../base/ids.ts'
import type { AwayDisk, Configuration, Offered, Partition, Topology } from './topology.ts'

/** Who is a former replica after a step in which nobody has offered anything. */
export function formerAfter(
  before: Partition,
  after: Configuration & { readonly prev: Configuration | null },
  removed: ReadonlySet<StorageId>,
): readonly StorageId[] {
  const left = before.prev !== null && after.prev === null ? before.prev.replicas : []
  if (before.former.length === 0 && left.length === 0) return before.former
  const may = new Set([...before.former, ...left])
  const stay = [...may].filter((id) => !after.replicas.includes(id) && !removed.has(id))
  const isSame = left.length === 0 && stay.length === before.former.length
  return isSame ? before.former : stay
}

/** By partition: the disks that a topology shows as having offered. */
export function offeredByPartition(offered: readonly Offered[]): Map<number, Set<StorageId>> {
  const byPartition = new Map<number, Set<StorageId>>()
  for (const { disk, partitions } of offered) {
    for (const partition of partitions) {
      const disks = byPartition.get(partition) ?? new Set()
      byPartition.set(partition, disks.add(disk))
    }
  }
  return byPartition
}

/** All disks that are former replicas of some partition. */
export function formerDisks({ partitions }: Pick<Topology, 'partitions'>): Set<StorageId> {
  return new Set(partitions.flatMap(({ former }) => former))
}

/** Of how many partitions each disk is a former replica. */
export function oldCopies({ partitions }: Topology): Map<StorageId, number> {
  const counts = new Map<StorageId, number>()
  for (const id of partitions.flatMap(({ former }) => former)) {
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}

/** Former replicas that are no members of the next topology, with the names that they last had. */
export function awayAfter(before: Topology, next: Pick<Topology, 'members' | 'partitions'>) {
  const formers = formerDisks(next)
  for (const { storageId } of next.members) formers.delete(storageId)
  if (formers.size === 0) return []
  const names = [...before.away, ...before.members].map(({ storageId, name }): AwayDisk => {
    return { storageId, name }
  })
  return names.filter(({ storageId }) => formers.delete(storageId))
}
