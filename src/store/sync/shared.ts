/** With whom which partitions are shared. */
import type { StorageId } from '../../base/ids.ts'
import type { Topology } from '../../topology/topology.ts'
import { placeIn } from '../place.ts'

/**
 * By disk, the partitions that it and this one are both replicas of, moving ones included. One walk
 * over the partitions, however many members there are. `third`: of those that are that disk's too,
 * or were and it has not let go of them.
 */
export function sharedOf(
  topology: Topology,
  self: StorageId,
  third: StorageId = self,
): Map<StorageId, number[]> {
  const shared = new Map<StorageId, number[]>()
  for (const partition of heldOf(topology, self)) {
    const { targets } = placeIn(topology, '', partition)
    const isThird =
      targets.includes(third) || topology.partitions[partition]?.former.includes(third)
    if (isThird !== true) continue
    for (const id of targets) {
      if (id === self) continue
      const partitions = shared.get(id) ?? []
      partitions.push(partition)
      shared.set(id, partitions)
    }
  }
  return shared
}

/** The partitions that this disk is a replica of, moving ones included. */
export function heldOf({ partitions }: Topology, self: StorageId): number[] {
  return partitions.flatMap(({ replicas, prev }, partition) =>
    replicas.includes(self) || prev?.replicas.includes(self) === true ? [partition] : [],
  )
}
