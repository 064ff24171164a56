/**
 * Whether a member may hand its data over and go. Afterwards each of its partitions must have a
 * majority of live replicas, or the movement could not end before the dead come back, and nothing
 * could change until then.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import { liveDisks } from './describe.ts'
import type { Partition, Topology } from './topology.ts'
import { majorityOf } from './validate.ts'

/** The error to answer with, or null when it may go. */
export function refusalOfLeave(
  topology: Topology,
  membership: Membership,
  leaver: StorageId,
  othersLeaving: ReadonlySet<StorageId>,
): AtollError | null {
  const live = liveDisks(topology, membership)
  const alive = new Set([...live].filter((id) => !othersLeaving.has(id)))
  const partition = topology.partitions.find((each) => blocks(topology, each, alive, leaver))
  if (partition === undefined) return null
  const { replicas, prev } = partition
  const dead = [...replicas, ...(prev?.replicas ?? [])].filter((id) => !alive.has(id))
  const names = topology.members
    .filter(({ storageId }) => dead.includes(storageId))
    .map(({ name }) => name)
  const who = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} down or leaving`
  return new AtollError('NO_QUORUM', `${who}: too few copies of the data would be left`, {
    hint: 'start it again or let another daemon join, then leave; or stop this daemon, which stays a member',
  })
}

function blocks(
  { members }: Topology,
  { replicas, prev }: Partition,
  alive: ReadonlySet<StorageId>,
  leaver: StorageId,
): boolean {
  const live = (group: readonly StorageId[]): number => group.filter((id) => alive.has(id)).length
  if (prev !== null) {
    const groups = [replicas, prev.replicas]
    return groups.some((group) => group.includes(leaver) && live(group) < majorityOf(group.length))
  }
  if (!replicas.includes(leaver)) return false
  const rest = replicas.filter((id) => id !== leaver)
  const spare = members.some(({ storageId: id, capacity }) => {
    return capacity > 0 && alive.has(id) && !replicas.includes(id)
  })
  const left = spare ? rest.length + 1 : rest.length
  return left > 0 && live(rest) + (spare ? 1 : 0) < majorityOf(left)
}
