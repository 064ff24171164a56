/** What is said of a partition's place: ranks, loads, and why a nearer member holds none. */
import assert from 'node:assert/strict'
import { compareDistance } from '../../src/kad/distance.ts'
import { kadIdOfPeer } from '../../src/kad/node-id.ts'
import { partitionPoint } from '../../src/kad/partition.ts'
import { planTopology } from '../../src/topology/planner.ts'
import type { Topology, TopologyMember } from '../../src/topology/topology.ts'
import { whyPlaced } from '../../src/topology/why-placed.ts'
import { importMutant, type Mutation } from '../mutate.ts'
import { genesisOf, membersOf, settle } from './members.ts'

const PARTITIONS = 32

/** Members, nearest to partition 0 first. */
function byDistance(members: readonly TopologyMember[]): TopologyMember[] {
  const point = partitionPoint(0, PARTITIONS)
  return members.toSorted((a, b) => compareDistance(point, kadIdOfPeer(a.id), kadIdOfPeer(b.id)))
}

/** Partition 0 on the members of these ranks, the others on all of the first three. */
function topologyOf(
  members: readonly TopologyMember[],
  ranks: readonly number[],
  elsewhere: readonly number[] = [1, 2, 3],
): Topology {
  const order = byDistance(members)
  const idsOf = (each: readonly number[]): string[] =>
    each.map((rank) => order[rank - 1]?.storageId ?? '')
  const genesis = genesisOf(members, { partitions: PARTITIONS })
  const partitions = Array.from({ length: PARTITIONS }, (_, i) => {
    return { cfg: 2, replicas: idsOf(i === 0 ? ranks : elsewhere), prev: null, former: [] }
  })
  return { ...genesis, number: 2, members, partitions, replicationFactor: 3 }
}

type WhyPlaced = typeof whyPlaced

const RULES: Readonly<Record<string, (why: WhyPlaced) => void>> = {
  'each replica has its rank by distance, its load and its bound': (why) => {
    const members = membersOf(5)
    const { replicas, passed } = why(topologyOf(members, [1, 2, 3]), 0)
    assert.deepEqual(
      replicas.map(({ rank, load }) => [rank, load]),
      [1, 2, 3].map((rank) => [rank, PARTITIONS]),
    )
    // 32 × 3 / 5 and a tenth more.
    assert.ok(replicas.every(({ loadMax }) => loadMax === 22))
    assert.deepEqual(passed, [])
  },
  'a nearer member that holds as much as it may is full; else it is not moved': (why) => {
    const members = membersOf(5)
    const full = why(topologyOf(members, [1, 4, 5]), 0)
    assert.deepEqual(
      full.passed.map(({ rank, reason }) => [rank, reason]),
      [
        [2, 'full'],
        [3, 'full'],
      ],
    )
    const idle = why(topologyOf(members, [3, 4, 5], [3, 4, 5]), 0)
    assert.deepEqual(
      idle.passed.map(({ rank, reason }) => [rank, reason]),
      [
        [1, 'not-moved'],
        [2, 'not-moved'],
      ],
    )
  },
  'one without capacity takes nothing': (why) => {
    const [first, ...others] = byDistance(membersOf(5))
    assert.ok(first !== undefined)
    const members = [{ ...first, capacity: 0 }, ...others]
    const { passed } = why(topologyOf(members, [2, 3, 4], [2, 3, 4]), 0)
    assert.deepEqual(passed, [{ storageId: first.storageId, rank: 1, reason: 'takes-nothing' }])
  },
  'one in the zone of a replica leaves the partition spread': (why) => {
    const zones = ['x', 'x', 'y', 'z', 'y']
    const members = byDistance(membersOf(5)).map((each, i) => ({ ...each, zone: zones[i] ?? '' }))
    const { passed } = why(topologyOf(members, [1, 3, 4], [1, 3, 4]), 0)
    assert.deepEqual(
      passed.map(({ rank, reason }) => [rank, reason]),
      [[2, 'same-zone']],
    )
    const alike = members.map((each) => ({ ...each, zone: 'x' }))
    const [only] = why(topologyOf(alike, [1, 3, 4], [1, 3, 4]), 0).passed
    assert.equal(only?.reason, 'not-moved', 'where there is one zone it is no reason')
  },
  'of a movement it tells the new set, then who else it leaves': (why) => {
    const members = membersOf(5)
    const before = topologyOf(members, [1, 2, 3])
    const order = byDistance(members)
    const replicas = [order[3], order[0]].map((each) => each?.storageId ?? '')
    const partitions = before.partitions.map((each, i) =>
      i === 0 ? { ...each, replicas, prev: { cfg: 1, replicas: each.replicas } } : each,
    )
    const moving = why({ ...before, partitions }, 0)
    assert.deepEqual(
      moving.replicas.map(({ rank }) => rank),
      [4, 1, 2, 3],
    )
    assert.deepEqual(
      moving.passed.map(({ rank }) => rank),
      [2, 3],
      'nearer than the farthest of the new set',
    )
    const gone = { ...before, members: members.filter((each) => each !== order[0]) }
    assert.equal(why(gone, 0).replicas[0]?.rank, 0)
  },
}

const MUTANTS: Readonly<Record<string, Mutation>> = {
  'ranks begin at 0': mutation('rank: i + 1', 'rank: i'),
  'a bound without slack': mutation('boundOf(share, partitions.length)', 'Math.floor(share)'),
  'replicas are passed over': mutation('&& !state.replicas.includes(storageId)', ''),
  'the farthest are passed over': mutation('rank < farthest && ', ''),
  'nobody is full': mutation("load >= loadMax ? 'full'", "load > 2 * loadMax ? 'full'"),
  'zones are no reason': mutation("if (sharesZone) return 'same-zone'", ''),
  'one zone is a reason': mutation('zones.size > 1 && ', ''),
  'capacity is no reason': mutation(
    "if (capacity === 0 || loadMax === 0) return 'takes-nothing'",
    '',
  ),
  'the old set is not told': mutation('...(state.prev?.replicas ?? [])', ''),
}

function mutation(from: string, to: string): Mutation {
  return { file: 'topology/why-placed.ts', from, to }
}

describe('why a partition lies where it does', () => {
  for (const [name, rule] of Object.entries(RULES)) it(name, () => rule(whyPlaced))

  it('no partition is over its bound, and nobody who has room is called full', () => {
    const members = membersOf(12)
    const genesis = genesisOf(members, { partitions: 64 })
    const { topology: plan } = settle(planTopology, genesis, members)
    for (const partition of plan.partitions.keys()) {
      const { replicas, passed } = whyPlaced(plan, partition)
      assert.equal(replicas.length, 3)
      for (const { load, loadMax } of replicas) assert.ok(load > 0 && load <= loadMax)
      assert.ok(passed.every(({ reason }) => reason === 'full' || reason === 'not-moved'))
    }
  })

  for (const [name, mutant] of Object.entries(MUTANTS)) {
    it(`notices the mutant: ${name}`, async () => {
      const broken = await importMutant<{ whyPlaced: WhyPlaced }>(
        'src/topology/why-placed.ts',
        mutant,
      )
      const holds = Object.values(RULES).every((rule) => {
        try {
          rule(broken.whyPlaced)
          return true
        } catch {
          return false
        }
      })
      assert.ok(!holds, 'all rules hold')
    })
  }
})
