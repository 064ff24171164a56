/**
 * Whether a disk may be removed for good. It may as long as half of every replica set that names
 * it is alive: that much hands over what the set holds (REGISTERS.md, "Even groups").
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import { liveDisks } from './describe.ts'
import { REMOVED_MAX } from './limits.ts'
import { isMember, type Topology } from './topology.ts'

/** The error to answer with, or null when the removal may go ahead. */
export function refusalOfRemoval(
  topology: Topology,
  membership: Membership,
  storageId: StorageId,
): AtollError | null {
  const isKnown =
    membership.members().some((member) => member.storageId === storageId) ||
    topology.away.some((disk) => disk.storageId === storageId)
  if (!isMember(topology, storageId) && !isKnown) {
    return new AtollError('NOT_FOUND', `no member has the disk ${storageId}`)
  }
  if (topology.removed.length >= REMOVED_MAX) {
    return new AtollError('TOO_LARGE', `${REMOVED_MAX} disks have been removed already`)
  }
  if (topology.roots.length === 1 && topology.roots[0] === storageId) {
    return new AtollError('CONFLICT', 'this disk alone decides topologies', {
      hint: 'let its node leave by itself',
    })
  }
  const live = liveDisks(topology, membership)
  const isAlive = (id: StorageId) => live.has(id)
  const stuck = topology.partitions.findIndex(({ replicas, prev }) =>
    [replicas, prev?.replicas ?? []].some(
      (group) =>
        group.includes(storageId) && group.filter(isAlive).length < Math.ceil(group.length / 2),
    ),
  )
  if (stuck < 0) return null
  return new AtollError('NO_QUORUM', `too few others hold partition ${stuck}`, {
    hint: 'start more of its replicas first',
  })
}
