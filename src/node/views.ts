/** What a node shows of itself: status, members, topology. */
import type { StorageId } from '../base/ids.ts'
import type { Member, Membership } from '../swim/member.ts'
import {
  failuresTolerated,
  liveDisks,
  movingPartitions,
  partitionsWithoutMajority,
  unsuspectedDisks,
} from '../topology/describe.ts'
import { oldCopies } from '../topology/former.ts'
import { majorityOf } from '../topology/validate.ts'
import type { Topology, TopologyMember } from '../topology/topology.ts'
import type { MemberInfo, MemberState, TopologyInfo } from './api.ts'

type ShownState = TopologyInfo['members'][number]['state']

/** Disks that a warning names. */
const AWAY_SHOWN = 5

export function memberInfo(member: Member, state: MemberState = member.state): MemberInfo {
  const { id, name, addresses, tags, incarnation, zone, role } = member
  return { id, name, state, addresses, tags, incarnation, zone, role }
}

export function topologyInfo(topology: Topology, membership: Membership): TopologyInfo {
  const { number, roots, replicationFactor } = topology
  const members = topology.members.map((member) => ({
    storageId: member.storageId,
    id: member.id,
    name: member.name,
    state: stateOf(member, membership),
    zone: member.zone,
    capacity: member.capacity,
  }))
  const partitions = topology.partitions.map(({ cfg, replicas, prev, former }) => {
    return { cfg, replicas, previous: prev?.replicas ?? null, former }
  })
  const copies = oldCopies(topology)
  const away = topology.away.map(({ storageId, name }) => {
    return { storageId, name, partitions: copies.get(storageId) ?? 0 }
  })
  return { number, members, roots, replicationFactor, partitions, away }
}

export function stateOf({ id, storageId }: TopologyMember, membership: Membership): ShownState {
  const member = membership.get(id)
  return member === undefined || member.storageId !== storageId ? 'unknown' : member.state
}

export interface Health {
  readonly toleratesFailures: number
  readonly movingPartitions: number
  readonly warnings: readonly string[]
}

export function healthOf(topology: Topology | null, membership: Membership): Health {
  if (topology === null) {
    const warnings = ['the topology is not known yet: no member has been reached']
    return { toleratesFailures: 0, movingPartitions: 0, warnings }
  }
  const usable = liveDisks(topology, membership)
  const warnings: string[] = []
  const { members, replicationFactor } = topology
  if (members.length < replicationFactor) {
    const copies = `${members.length} of ${replicationFactor} copies`
    warnings.push(`${copies} of the data: let more daemons join`)
  }
  const self = membership.self()
  if (self.role === 'member' && !members.some(({ storageId }) => storageId === self.storageId)) {
    warnings.push('this daemon is not in the topology: it stores nothing')
  }
  warnings.push(...rootWarnings(topology, usable), ...withoutMajority(topology, usable))
  warnings.push(...awayWarnings(topology, membership))
  const moving = movingPartitions(topology)
  return {
    toleratesFailures: failuresTolerated(topology, unsuspectedDisks(topology, membership)),
    movingPartitions: moving,
    warnings,
  }
}

/**
 * Whoever is away for good is to be removed: nobody else knows that it will not return. Whoever said
 * goodbye has let go of its data: it is named no more after half a minute.
 */
function awayWarnings(topology: Topology, membership: Membership): string[] {
  const farewells = membership.members().filter(({ state }) => state === 'left')
  const said = new Set(farewells.map(({ storageId }) => storageId))
  const away = topology.away.filter(({ storageId }) => !said.has(storageId))
  const [first] = away
  if (first === undefined) return []
  const names = away.slice(0, AWAY_SHOWN).map(({ name }) => name)
  const who = [...names, ...(away.length > AWAY_SHOWN ? ['…'] : [])].join(', ')
  const remedy = `if it is gone for good: atoll member remove ${first.storageId}`
  return [`deletions are kept until ${who} is back with its old data; ${remedy}`]
}

/** The roots decide topologies: without a majority of them nobody comes, goes, or is replaced. */
function rootWarnings(topology: Topology, usable: ReadonlySet<StorageId>): string[] {
  const { members, roots } = topology
  const down = members.filter(
    ({ storageId }) => roots.includes(storageId) && !usable.has(storageId),
  )
  const names = down.map(({ name }) => name).join(', ')
  if (down.length > roots.length - majorityOf(roots.length)) {
    const part = `${down.length} of ${roots.length} roots are down (${names})`
    return [`${part}: nobody new can store data, and nothing can move, until a majority is back`]
  }
  const [only] = roots
  const root = members.find(({ storageId }) => storageId === only)
  if (roots.length > 1 || members.length === 1 || root === undefined) return []
  return ['one root: its loss needs recover; let a third daemon join']
}

/** Partitions of which too few replicas are up, and whom they wait for. */
function withoutMajority(topology: Topology, usable: ReadonlySet<StorageId>): string[] {
  const without = partitionsWithoutMajority(topology, usable)
  if (without.length === 0) return []
  const sets = without.map((index) => topology.partitions[index])
  const named = new Set(
    sets.flatMap((set) => [...(set?.replicas ?? []), ...(set?.prev?.replicas ?? [])]),
  )
  const down = topology.members
    .filter(({ storageId }) => named.has(storageId) && !usable.has(storageId))
    .map(({ name }) => name)
    .join(', ')
  const isMoving = sets.some((set) => (set?.prev ?? null) !== null)
  const part = `${without.length} of ${topology.partitions.length} partitions lack a majority without ${down}`
  return [`${part}: strict calls fail there${isMoving ? ', and they cannot finish moving' : ''}`]
}
