/** What the disks that are left cannot vouch for, partition by partition. */
import type { StorageId } from '../../base/ids.ts'
import type { Partition } from '../../topology/topology.ts'
import { majorityOf } from '../../topology/validate.ts'

/** No disk of it is there. */
export function isMissing({ replicas, prev }: Partition, disks: ReadonlySet<StorageId>): boolean {
  return [...replicas, ...(prev?.replicas ?? [])].every((id) => !disks.has(id))
}

/**
 * Some are there, and a majority may have acknowledged what none of them has. While a partition
 * moves that may be the majority of either set: the old one has what was chosen before, and what is
 * chosen since only the new one has.
 */
export function isDoubtful(partition: Partition, disks: ReadonlySet<StorageId>): boolean {
  const { replicas, prev } = partition
  if (isMissing(partition, disks)) return false
  return [replicas, ...(prev === null ? [] : [prev.replicas])].some((group) => {
    const lost = group.filter((id) => !disks.has(id)).length
    return lost >= majorityOf(group.length)
  })
}
