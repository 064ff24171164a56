/**
 * One replica of a partition, moved because the operator says so (REGISTERS.md §4): by the rules of
 * every movement, and only where the planner would leave it. Afterwards it is a placement like any
 * other: joins and leaves may move it again.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import { liveDisks, loads } from './describe.ts'
import { boundOf, sharesOf } from './shares.ts'
import type { Partition, Topology, TopologyMember } from './topology.ts'
import { majorityOf } from './validate.ts'

export interface Move {
  readonly partition: number
  readonly from: StorageId
  readonly to: StorageId
}

/** Whether the topology shows it. */
export function isMoved({ partitions }: Topology, { partition, from, to }: Move): boolean {
  const replicas = partitions[partition]?.replicas ?? []
  return replicas.includes(to) && !replicas.includes(from)
}

/** The error to answer with, or null when it may go ahead. */
export function refusalOfMove(
  topology: Topology,
  membership: Membership,
  move: Move,
): AtollError | null {
  const state = topology.partitions[move.partition]
  const last = topology.partitions.length - 1
  if (state === undefined) {
    return new AtollError('NOT_FOUND', `partitions are numbered from 0 to ${last}`)
  }
  const to = topology.members.find(({ storageId }) => storageId === move.to)
  if (to === undefined) return new AtollError('NOT_FOUND', 'the target is not in the topology')
  const why = conflict(topology, state, move, to)
  if (why !== null) return new AtollError('CONFLICT', `partition ${move.partition}: ${why}`)
  const live = liveDisks(topology, membership)
  const isLive = (id: StorageId) => live.has(id)
  const needed = majorityOf(state.replicas.length)
  const after = replaced(state.replicas, move)
  if (isLive(to.storageId)) {
    const short = [state.replicas, after].some((set) => set.filter(isLive).length < needed)
    return short ? new AtollError('NO_QUORUM', 'too few of its replicas are up to move it') : null
  }
  return new AtollError('NO_QUORUM', `${to.name} is down`)
}

function conflict(
  topology: Topology,
  { replicas, prev }: Partition,
  move: Move,
  to: TopologyMember,
): string | null {
  const { members, partitions, replicationFactor } = topology
  if (prev !== null) return 'it moves already; see: atoll topology plan'
  if (replicas.includes(to.storageId)) return `${to.name} is a replica of it`
  if (!replicas.includes(move.from)) return 'the source is no replica of it'
  const zoneOf = (id: StorageId) => members.find(({ storageId }) => storageId === id)?.zone
  const zones = (ids: readonly StorageId[]) => new Set(ids.map(zoneOf)).size
  if (zones(replaced(replicas, move)) < zones(replicas))
    return `its replicas would share the zone ${to.zone}`
  const index = members.indexOf(to)
  const share = sharesOf(members, partitions.length, replicationFactor)[index] ?? 0
  const load = loads(topology).get(to.storageId) ?? 0
  if (load < boundOf(share, partitions.length)) return null
  return `${to.name} holds ${load} partitions, as many as it may by its capacity`
}

function replaced(replicas: readonly StorageId[], { from, to }: Move): readonly StorageId[] {
  return replicas.map((id) => (id === from ? to : id))
}
