import assert from 'node:assert/strict'
import { planTopology } from '../../src/topology/planner.ts'
import { chooseRoots } from '../../src/topology/roots.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { disksOf, genesisOf, inputOf, memberOf, membersOf, settle } from './members.ts'
import { importMutant, type Mutation } from '../mutate.ts'
import { type Planner, RULES } from './planner-rules.ts'

const MUTANTS: Readonly<Record<string, Mutation>> = {
  'moves while it still moves': {
    file: 'topology/planner.ts',
    from: 'fixed: prev !== null || live < needed ||',
    to: 'fixed: live < needed ||',
  },
  'moves to the dead': {
    file: 'topology/planner.ts',
    from: 'now !== slots[index]?.replicas && canFinish',
    to: 'now !== slots[index]?.replicas && [canFinish].length > 0',
  },
  'clears prev before it is installed': {
    file: 'topology/planner.ts',
    from: 'partition.prev !== null && installed.has(index)',
    to: 'partition.prev !== null',
  },
  'load bound of 1.5': {
    file: 'topology/shares.ts',
    from: 'LOAD_SLACK = 1.1',
    to: 'LOAD_SLACK = 1.5',
  },
  'zones ignored when balancing': {
    file: 'topology/assignment.ts',
    from: 'if (this.zone(from) === this.zone(to)) return true',
    to: 'return true',
  },
  'zones not spread': {
    file: 'topology/placement.ts',
    from: '    this.#spreadZones()\n',
    to: '',
  },
  'not sticky: places anew': {
    file: 'topology/planner.ts',
    from: 'replicas: replicas.map((id) => indexes.get(id) ?? 0),',
    to: 'replicas: draft.length === current.members.length ? replicas.map((id) => indexes.get(id) ?? 0) : [],',
  },
  'not sticky: newcomers take all that is near': {
    file: 'topology/placement.ts',
    from: 'const wanted = isNew ? Math.floor(share * FED)',
    to: 'const wanted = isNew ? Math.floor(share * 2)',
  },
  'farthest instead of nearest': {
    file: 'topology/ranking.ts',
    from: 'walk(isOne ? trie.one : trie.zero, point, accepts) ??',
    to: 'walk(isOne ? trie.zero : trie.one, point, accepts) ??',
  },
  'several replicas of one partition at once': {
    file: 'topology/assignment.ts',
    from: '(this.slots[slot]?.fixed === false && !this.isTouched(slot))',
    to: '(this.slots[slot]?.fixed === false)',
  },
  'one replica too few': {
    file: 'topology/placement.ts',
    from: 'this.#target = Math.min(replicationFactor, this.#staying)',
    to: 'this.#target = Math.min(replicationFactor - 1, this.#staying)',
  },
  'depends on the order of members': {
    file: 'topology/planner.ts',
    from: '.toSorted((a, b) => (a.storageId < b.storageId ? -1 : 1))',
    to: '',
  },
}

describe('planner', () => {
  for (const [name, rule] of Object.entries(RULES)) {
    it(`keeps its rule: ${name}`, () => rule(planTopology))
  }

  it('plans 1000 members and 256 partitions in well under 100 ms', () => {
    const members = membersOf(1000)
    const start = genesisOf(members)
    const times = Array.from({ length: 5 }, () => {
      const before = performance.now()
      assert.ok(planTopology(inputOf(start, members)).next !== null)
      return performance.now() - before
    })
    assert.ok(Math.min(...times) < 100, `took ${times.map(Math.round).join(', ')} ms`)
  })

  describe('mutants', () => {
    for (const [name, mutant] of Object.entries(MUTANTS)) {
      it(`notices: ${name}`, async () => {
        const { planTopology: broken } = await importMutant<{ planTopology: Planner }>(
          'src/topology/planner.ts',
          mutant,
        )
        assert.ok(
          Object.values(RULES).some((rule) => breaks(rule, broken)),
          'no rule notices this mutant',
        )
      })
    }
  })
})

function breaks(rule: (plan: Planner) => void, plan: Planner): boolean {
  try {
    rule(plan)
    return false
  } catch {
    return true
  }
}

describe('planner: the dead and those who go', () => {
  const members = membersOf(7)
  const placed = (count: number) =>
    settle(planTopology, genesisOf(members), members.slice(0, count)).topology
  const holds = (topology: Topology, id: string) =>
    topology.partitions.some(({ replicas }) => replicas.includes(id))

  it('replaces the lost where there is a live spare', () => {
    const topology = placed(5)
    const [lost] = members.slice(4)
    const live = members.slice(0, 4)
    const result = settle(planTopology, topology, live, { lost: disksOf([lost ?? memberOf('')]) })
    assert.equal(result.topology.members.length, 4)
    assert.ok(result.topology.partitions.every(({ replicas }) => replicas.length === 3))
  })

  it('keeps the lost where nobody could take over: never below the replication factor', () => {
    const topology = placed(3)
    const lost = disksOf(members.slice(2, 3))
    assert.ok(planTopology(inputOf(topology, members.slice(0, 2), { lost })).next === null)
  })

  it('replaces nobody while more than a third are gone', () => {
    const topology = placed(6)
    const halted = disksOf(members.slice(3, 6))
    const live = members.slice(0, 3)
    assert.ok(planTopology(inputOf(topology, live, { lost: halted })).next === null)
  })

  it('moves nothing of a partition that has no live majority', () => {
    const topology = placed(6)
    const live = members.slice(0, 4)
    const lost = disksOf(members.slice(4, 6))
    const { next } = planTopology(inputOf(topology, live, { lost }))
    assert.ok(next !== null)
    for (const [index, { replicas }] of topology.partitions.entries()) {
      if (replicas.filter((id) => !lost.has(id)).length >= 2) continue
      assert.equal(next.partitions[index], topology.partitions[index])
    }
  })

  it('empties a disk that leaves, even where fewer replicas remain', () => {
    const leaving = disksOf(members.slice(2, 3))
    const { topology } = settle(planTopology, placed(3), members.slice(0, 3), { leaving })
    assert.equal(topology.members.length, 2)
    assert.ok(topology.partitions.every(({ replicas }) => replicas.length === 2))
  })

  it('drops a dead second member that the operator removed', () => {
    const [dead = memberOf('')] = members.slice(1, 2)
    const removed = [dead.storageId]
    const { topology } = settle(planTopology, placed(2), members.slice(0, 1), { removed })
    assert.equal(topology.members.length, 1)
    assert.deepEqual(topology.removed, removed)
    assert.equal(holds(topology, dead.storageId), false)
  })

  it('does not empty the last replica', () => {
    const leaving = disksOf(members.slice(0, 1))
    assert.ok(planTopology(inputOf(placed(1), members.slice(0, 1), { leaving })).next === null)
  })

  it('lets a removed disk not come back', () => {
    const [back = memberOf('')] = members.slice(3, 4)
    const { topology } = settle(planTopology, placed(3), members.slice(0, 3), {
      removed: [back.storageId],
    })
    const { next } = planTopology(inputOf(topology, members.slice(0, 4)))
    assert.ok(next === null)
  })

  it('gives nothing to a member without capacity', () => {
    const idle = memberOf('idle', { capacity: 0 })
    const all = [...members.slice(0, 3), idle]
    const { topology } = settle(planTopology, genesisOf(members), all)
    assert.equal(topology.members.length, 4)
    assert.equal(holds(topology, idle.storageId), false)
  })

  it('keeps a founder without capacity until somebody can hold its data', () => {
    const idle = memberOf('idle', { capacity: 0 })
    const start = genesisOf([idle])
    assert.ok(planTopology(inputOf(start, [idle])).next === null)
    const { topology } = settle(planTopology, start, [idle, ...members.slice(0, 3)])
    assert.equal(holds(topology, idle.storageId), false)
  })

  it('has 1, 3 or 5 roots, the founder first, in different zones', () => {
    const zoned = members.map((member, i) => ({ ...member, zone: i < 3 ? 'a' : `z${i}` }))
    for (const [count, roots] of [
      [1, 1],
      [2, 1],
      [3, 3],
      [6, 3],
      [7, 5],
    ] as const) {
      const { topology } = settle(planTopology, genesisOf(zoned), zoned.slice(0, count))
      assert.equal(topology.roots.length, roots)
      assert.equal(topology.roots[0], zoned[0]?.storageId)
      if (count < 6) continue
      const zones = topology.members.filter(({ storageId }) => topology.roots.includes(storageId))
      assert.equal(new Set(zones.map(({ zone }) => zone)).size, roots)
    }
  })

  it('gives the office of a root that leaves to another at once, if there is one', () => {
    const leaving = disksOf(members.slice(0, 1))
    const [leaver = ''] = leaving
    const four = settle(planTopology, placed(4), members.slice(0, 4), { leaving })
    for (const { roots } of four.steps) {
      assert.equal(roots.length, 3)
      assert.ok(!roots.includes(leaver))
    }
    const three = settle(planTopology, placed(3), members.slice(0, 3), { leaving })
    for (const { roots } of three.steps.slice(0, -1)) assert.ok(roots.includes(leaver))
    assert.equal(three.topology.roots.length, 1)
    assert.ok(!three.topology.roots.includes(leaver))
  })

  it('replaces a root that is lost, and no root that may come back', () => {
    const topology = placed(5)
    const [dead = ''] = topology.roots
    const others = members.slice(0, 5).filter(({ storageId }) => storageId !== dead)
    assert.equal(planTopology(inputOf(topology, others)).next, null)
    const { next } = planTopology(inputOf(topology, others, { lost: new Set([dead]) }))
    assert.equal(next?.roots.length, 3)
    assert.ok(!next?.roots.includes(dead))
  })

  it('leaves the decision to the living when there are too many roots, and to an odd number', () => {
    const topology = placed(3)
    const [dead = '', ...living] = topology.roots
    const members3 = topology.members
    const facts = {
      serves: () => true,
      able: () => false,
      alive: (id: string) => id !== dead,
    }
    const two = members3.filter(({ storageId }) => storageId !== living[1])
    assert.deepEqual(chooseRoots(topology.roots, two, facts), living.slice(0, 1))
    const four = [...two, ...members.slice(3, 5)]
    const three = chooseRoots(topology.roots, four, facts)
    assert.equal(three.length, 3, 'neither one nor two: there are members enough')
    assert.ok(three.includes(living[0] ?? '') && !three.includes(living[1] ?? ''))
    const [one] = topology.roots
    const grown = chooseRoots([one ?? ''], topology.members, { ...facts, alive: () => true })
    assert.deepEqual(grown, [one], 'nobody able, nobody more')
  })

  it('takes new facts in, and says that addresses alone may wait', () => {
    const topology = placed(2)
    const moved = members
      .slice(0, 2)
      .map((member) => ({ ...member, addresses: ['/ip4/1.1.1.1/tcp/1'] }))
    const plan = planTopology(inputOf(topology, moved))
    assert.equal(plan.minor, true)
    assert.deepEqual(plan.next?.members, moved)
  })
})
