/** Members with names that are the same in every run. */
import { createHash } from 'node:crypto'
import { idFromBytes, peerIdFromPublicKey, type StorageId } from '../../src/base/ids.ts'
import { genesisTopology } from '../../src/topology/genesis.ts'
import type { Plan, PlanInput } from '../../src/topology/planner.ts'
import type { Topology, TopologyMember } from '../../src/topology/topology.ts'

export const CLUSTER = idFromBytes(hash('cluster'))

export function hash(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest())
}

export function memberOf(name: string, facts: Partial<TopologyMember> = {}): TopologyMember {
  return {
    storageId: idFromBytes(hash(`disk of ${name}`)),
    id: peerIdFromPublicKey(hash(`peer ${name}`)),
    name,
    addresses: ['/ip4/192.0.2.1/tcp/4000'],
    zone: '',
    capacity: 1,
    ...facts,
  }
}

/** `count` members; `seed` gives others of the same kind. */
export function membersOf(count: number, seed = ''): TopologyMember[] {
  return Array.from({ length: count }, (_, index) => memberOf(`${seed}n${index}`))
}

export function genesisOf(
  members: readonly TopologyMember[],
  options: { readonly partitions?: number; readonly replicationFactor?: number } = {},
): Topology {
  const [founder = memberOf('n0')] = members
  return genesisTopology({ clusterId: CLUSTER, founder, ...options })
}

export function disksOf(members: readonly TopologyMember[]): Set<StorageId> {
  return new Set(members.map(({ storageId }) => storageId))
}

/** A plan's input where everybody named is alive and settled and nothing else happens. */
export function inputOf(
  current: Topology,
  candidates: readonly TopologyMember[],
  more: Partial<PlanInput> = {},
): PlanInput {
  const known = disksOf(current.members)
  return {
    current,
    candidates,
    alive: disksOf(candidates.filter(({ storageId }) => known.has(storageId))),
    lost: new Set(),
    leaving: new Set(),
    removed: [],
    moves: [],
    installed: new Map(),
    offered: new Map(),
    ...more,
  }
}

/** Partitions that move, as if all their replicas had reported. */
export function movingOf(topology: Topology): Map<number, ReadonlySet<StorageId>> {
  return new Map(
    topology.partitions.flatMap(({ prev, replicas }, index) => {
      return prev === null ? [] : [[index, new Set(replicas)] as const]
    }),
  )
}

/** Replicas that `after` has and `before` has not. */
export function movesBetween(before: Topology, after: Topology): number {
  return after.partitions.reduce((sum, { replicas }, index) => {
    const had = new Set(before.partitions[index]?.replicas)
    return sum + replicas.filter((id) => !had.has(id)).length
  }, 0)
}

export interface Settled {
  readonly topology: Topology
  readonly steps: readonly Topology[]
  readonly moves: number
}

/** Plans on and on, every movement finishing at once, until there is nothing left to change. */
export function settle(
  plan: (input: PlanInput) => Plan,
  start: Topology,
  candidates: readonly TopologyMember[],
  more: Partial<PlanInput> = {},
): Settled {
  const steps: Topology[] = []
  let topology = start
  let moves = 0
  for (;;) {
    const input = inputOf(topology, candidates, { ...more, installed: movingOf(topology) })
    const { next } = plan(input)
    if (next === null) return { topology, steps, moves }
    if (steps.length >= 50) throw new Error('the planner does not come to rest')
    moves += movesBetween(topology, next)
    topology = next
    steps.push(next)
  }
}
