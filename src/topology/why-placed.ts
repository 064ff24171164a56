/**
 * Why a partition lies where it does, for `explain`: how near each replica is to the partition's
 * point, how full it is against what it may hold, and why nearer members hold none (placement.ts). Pure.
 *
 * The reasons are those that hold in this topology; when it was decided, loads may have been others.
 */
import type { StorageId } from '../base/ids.ts'
import { loads } from './describe.ts'
import { Ranking } from './ranking.ts'
import { boundOf, sharesOf } from './shares.ts'
import type { Topology, TopologyMember } from './topology.ts'

export interface PlacedReplica {
  readonly storageId: StorageId
  /** 1: the nearest of all members; 0: no member any more. */
  readonly rank: number
  /** Partitions that it holds, and that it may hold. */
  readonly load: number
  readonly loadMax: number
}

/** Why a nearer member is passed over: it takes no data, is full, shares a zone with a replica, or
 * nothing but distance speaks for it, and no more is moved than must be. */
export type PassedReason = 'takes-nothing' | 'full' | 'same-zone' | 'not-moved'

export interface PassedMember {
  readonly storageId: StorageId
  readonly rank: number
  readonly reason: PassedReason
}

export interface Placed {
  /** Of the current set, then of the set that it moves from. */
  readonly replicas: readonly PlacedReplica[]
  /** Nearer than the farthest current replica, nearest first. */
  readonly passed: readonly PassedMember[]
}

export function whyPlaced(topology: Topology, partition: number): Placed {
  const { members, partitions, replicationFactor } = topology
  const state = partitions[partition]
  if (state === undefined) return { replicas: [], passed: [] }
  const holds = loads(topology)
  const shares = sharesOf(members, partitions.length, replicationFactor)
  const order = orderOf(topology, partition)
  const placed = order.map(({ storageId }, i): PlacedReplica => {
    const share = shares[members.findIndex((each) => each.storageId === storageId)] ?? 0
    const loadMax = boundOf(share, partitions.length)
    return { storageId, rank: i + 1, load: holds.get(storageId) ?? 0, loadMax }
  })
  const byId = new Map(placed.map((each) => [each.storageId, each]))
  const all = [...new Set([...state.replicas, ...(state.prev?.replicas ?? [])])]
  const replicas = all.map((storageId) => {
    return byId.get(storageId) ?? { storageId, rank: 0, load: 0, loadMax: 0 }
  })
  const ranks = state.replicas.map((id) => byId.get(id)?.rank ?? 0)
  const farthest = Math.max(0, ...ranks)
  const zones = zonesOf(members, state.replicas)
  const passed = placed
    .filter(({ storageId, rank }) => rank < farthest && !state.replicas.includes(storageId))
    .map((each) => {
      const { capacity, zone } = members.find((m) => m.storageId === each.storageId) ?? NOBODY
      const reason = reasonOf(each, capacity, zones.size > 1 && zones.has(zone))
      return { storageId: each.storageId, rank: each.rank, reason }
    })
  return { replicas, passed }
}

const NOBODY = { capacity: 0, zone: '' }

/** All members, nearest to the partition first. */
function orderOf({ members, partitions }: Topology, partition: number): TopologyMember[] {
  if (members.length === 0) return []
  const ranking = new Ranking(
    members.map(({ id }) => id),
    partitions.length,
  )
  const sorted = ranking.sorted(
    partition,
    members.map((_, i) => i),
  )
  return sorted.flatMap((i) => members[i] ?? [])
}

function zonesOf(members: readonly TopologyMember[], ids: readonly StorageId[]): Set<string> {
  const named = members.filter(({ storageId }) => ids.includes(storageId))
  return new Set(named.map(({ zone }) => zone))
}

function reasonOf(
  { load, loadMax }: PlacedReplica,
  capacity: number,
  sharesZone: boolean,
): PassedReason {
  if (capacity === 0 || loadMax === 0) return 'takes-nothing'
  if (sharesZone) return 'same-zone'
  return load >= loadMax ? 'full' : 'not-moved'
}
