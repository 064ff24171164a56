import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  failuresTolerated,
  heldPartitions,
  loads,
  lossesOf,
  movingPartitions,
  partitionsWithoutMajority,
  unsuspectedDisks,
} from '../../src/topology/describe.ts'
import { planTopology } from '../../src/topology/planner.ts'
import type { TopologyMember } from '../../src/topology/topology.ts'
import { boundOf, sharesOf } from '../../src/topology/shares.ts'
import { Roll } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { disksOf, genesisOf, inputOf, membersOf, settle } from './members.ts'

const members = membersOf(6).map((each, i) => ({ ...each, zone: `z${i % 3}` }))
const { topology } = settle(planTopology, genesisOf(members, { partitions: 64 }), members)

describe('what a topology can bear', () => {
  it('tolerates f losses exactly when every choice of f leaves all partitions a majority', () => {
    fc.assert(
      fc.property(fc.subarray(members, { minLength: 1 }), (up) => {
        const alive = disksOf(up)
        const tolerated = failuresTolerated(topology, alive)
        const survives = (count: number) =>
          choices([...alive], count).every(
            (lost) =>
              partitionsWithoutMajority(
                topology,
                new Set([...alive].filter((id) => !lost.includes(id))),
              ).length === 0,
          )
        assert.ok(tolerated === 0 || survives(tolerated))
        assert.ok(!survives(tolerated + 1))
      }),
    )
  })

  it('counts both groups of a partition that moves', () => {
    const start = genesisOf(members, { partitions: 64 })
    const moving = planTopology(inputOf(start, members.slice(0, 3))).next
    assert.ok(moving !== null)
    assert.equal(movingPartitions(moving), 64)
    assert.equal(failuresTolerated(moving, disksOf(members)), 0, 'the founder alone has the data')
    assert.equal(movingPartitions(topology), 0)
    // Of the founder, whom all move from, each lies here once.
    const founder = start.members[0]?.storageId ?? ''
    assert.equal(heldPartitions(moving, founder), 64)
    assert.equal(heldPartitions(topology, founder), loads(topology).get(founder))
    assert.equal(heldPartitions(topology, ''), 0)
    assert.equal(failuresTolerated(topology, disksOf(members)), 1)
  })

  it('promises nothing of a member that is suspected, or down', () => {
    const roll = new Roll(new ManualClock())
    for (const member of members) roll.set(member, 'alive')
    const bearable = () =>
      failuresTolerated(
        topology,
        unsuspectedDisks(topology, roll.viewOf((members[0] as TopologyMember).id)),
      )
    assert.equal(bearable(), 1)
    for (const state of ['suspect', 'dead'] as const) {
      roll.set(members[3] as TopologyMember, state)
      assert.equal(bearable(), 0, state)
    }
  })

  it('knows what the loss of each member and zone would stop', () => {
    fc.assert(
      fc.property(fc.subarray(members, { minLength: 1 }), (up) => {
        const alive = disksOf(up)
        for (const { kind, name, partitions, decisions } of lossesOf(topology, alive)) {
          const lost =
            kind === 'zone'
              ? disksOf(members.filter((member) => member.zone === name))
              : disksOf(members.filter((member) => member.name === name))
          const rest = new Set([...alive].filter((id) => !lost.has(id)))
          const already = new Set(partitionsWithoutMajority(topology, alive))
          const stopped = partitionsWithoutMajority(topology, rest).filter((p) => !already.has(p))
          assert.deepEqual(partitions, stopped, `${kind} ${name}`)
          const left = topology.roots.filter((id) => alive.has(id) && !lost.has(id)).length
          const had = topology.roots.filter((id) => alive.has(id)).length
          const needed = Math.floor(topology.roots.length / 2) + 1
          assert.equal(decisions, had >= needed && left < needed)
        }
      }),
    )
  })

  it('counts replicas by member', () => {
    const counts = [...loads(topology).values()]
    assert.equal(counts.length, 6)
    assert.equal(
      counts.reduce((sum, count) => sum + count, 0),
      64 * 3,
    )
  })
})

describe('shares', () => {
  const vessels = fc.array(
    fc.record({
      capacity: fc.integer({ min: 0, max: 10 }),
      zone: fc.constantFrom('', 'a', 'b', 'c'),
    }),
    { minLength: 1, maxLength: 20 },
  )

  it('hand everything out, nobody more than one replica of a partition', () => {
    fc.assert(
      fc.property(vessels, fc.integer({ min: 1, max: 5 }), (given, replicas) => {
        const shares = sharesOf(given, 256, replicas)
        const able = given.filter(({ capacity }) => capacity > 0).length || given.length
        const total = shares.reduce((sum, share) => sum + share, 0)
        assert.ok(Math.abs(total - 256 * Math.min(replicas, able)) < 1e-3, `${total}`)
        for (const [index, share] of shares.entries()) {
          assert.ok(share <= 256 + 1e-6)
          const idle = given[index]?.capacity === 0 && given.some(({ capacity }) => capacity > 0)
          if (idle) assert.equal(share, 0)
        }
      }),
    )
  })

  it('are plain shares by capacity without zones, and at most stretched by half with them', () => {
    const plain = [1, 1, 2].map((capacity) => ({ capacity, zone: '' }))
    assert.deepEqual(sharesOf(plain, 256, 1), [64, 64, 128])
    const zoned = [...Array.from({ length: 10 }, () => 'a'), 'b', 'c']
    const shares = sharesOf(
      zoned.map((zone) => ({ capacity: 1, zone })),
      256,
      3,
    )
    for (const share of shares) assert.ok(share <= 1.5 * 64 + 1e-6)
    assert.ok((shares[11] ?? 0) > 90)
  })

  it('bound loads at 1.1 times, rounded up, and at every partition once', () => {
    assert.equal(boundOf(100, 256), 110)
    assert.equal(boundOf(15.36, 256), 17)
    assert.equal(boundOf(256, 256), 256)
    assert.equal(boundOf(0, 256), 0)
  })
})

function choices<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]]
  return items.flatMap((item, index) =>
    choices(items.slice(index + 1), count - 1).map((rest) => [item, ...rest]),
  )
}
