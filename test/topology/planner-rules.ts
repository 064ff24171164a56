/**
 * What the planner promises, each rule a function that throws when a planner breaks it: run on the
 * real one, and on ones with a rule taken out.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareDistance } from '../../src/kad/distance.ts'
import { kadIdOfPeer } from '../../src/kad/node-id.ts'
import { partitionPoint } from '../../src/kad/partition.ts'
import { loads } from '../../src/topology/describe.ts'
import type { Plan, PlanInput } from '../../src/topology/planner.ts'
import { boundOf, sharesOf } from '../../src/topology/shares.ts'
import type { Topology, TopologyMember } from '../../src/topology/topology.ts'
import { refusalOfSuccessor } from '../../src/topology/validate.ts'
import { disksOf, genesisOf, inputOf, membersOf, settle } from './members.ts'

export type Planner = (input: PlanInput) => Plan

/** Fixed, so that a mutant that is noticed stays noticed. */
const RUNS = { numRuns: 12, seed: 20260101, endOnFailure: true }
const seeds = fc.string({ minLength: 1, maxLength: 6 })
const P = 64

export function completeAndDistinct(plan: Planner): void {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }), check),
    RUNS,
  )
  function check(seed: string, count: number, replicationFactor: number) {
    const members = membersOf(count, seed)
    const start = genesisOf(members, { partitions: P, replicationFactor })
    const { topology } = settle(plan, start, members)
    for (const { replicas } of topology.partitions) {
      assert.equal(replicas.length, Math.min(count, replicationFactor))
      assert.equal(new Set(replicas).size, replicas.length)
    }
  }
}

/** Every step follows by the acceptors' rules, and moves one replica a partition but for growth. */
export function stepsAreValid(plan: Planner): void {
  fc.assert(fc.property(seeds, fc.array(fc.nat({ max: 5 }), { maxLength: 6 }), check), RUNS)
  function check(seed: string, script: readonly number[]) {
    let members = membersOf(4, seed)
    let topology = genesisOf(members, { partitions: P })
    for (const [turn, choice] of script.entries()) {
      const leaving = choice === 0 ? members.slice(-1) : []
      if (choice > 0) members = [...members, ...membersOf(choice, `${seed}${turn}`)]
      const result = settle(plan, topology, members, { leaving: disksOf(leaving) })
      members = members.filter((member) => !leaving.includes(member))
      assertSteps([topology, ...result.steps])
      topology = result.topology
    }
  }
}

function assertSteps(steps: readonly Topology[]): void {
  for (const [index, next] of steps.entries()) {
    const before = steps[index - 1]
    if (before === undefined) continue
    assert.equal(refusalOfSuccessor(before, next), null)
    for (const [p, { replicas }] of next.partitions.entries()) {
      const had = before.partitions[p]?.replicas ?? []
      const lost = had.filter((id) => !replicas.includes(id)).length
      const grows = had.length < before.replicationFactor
      assert.ok(lost <= 1, `partition ${p} loses ${lost} replicas at once`)
      const gained = replicas.filter((id) => !had.includes(id)).length
      assert.ok(gained <= 1 || grows, `partition ${p} gains ${gained} replicas at once`)
    }
  }
}

/** Nobody holds more than 1.1 times his share by capacity, rounded up. */
export function loadIsBounded(plan: Planner): void {
  const capacities = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 16 })
  fc.assert(
    fc.property(seeds, capacities, (seed, given) => {
      const members = membersOf(given.length, seed).map((member, index) => ({
        ...member,
        capacity: given[index] ?? 1,
      }))
      const { topology } = settle(plan, genesisOf(members, { partitions: 256 }), members)
      const total = given.reduce((sum, capacity) => sum + capacity, 0)
      const fair = sharesOf(topology.members, 256, 3)
      const held = loads(topology)
      for (const [index, { storageId, capacity }] of topology.members.entries()) {
        const share = fair[index] ?? 0
        const plain = (256 * 3 * capacity) / total
        assert.ok(share <= 256 && (share >= plain - 1e-6 || share === 256))
        const most = boundOf(share, 256)
        assert.ok(most <= Math.ceil(share * 1.1))
        assert.ok((held.get(storageId) ?? 0) <= most, `${held.get(storageId)} is over ${most}`)
      }
    }),
    RUNS,
  )
}

/** With as many equal zones as replicas or more, every partition lies in as many zones. */
export function zonesAreSpread(plan: Planner): void {
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 2, max: 5 }),
      fc.integer({ min: 1, max: 4 }),
      (seed, zones, each) => {
        const members = membersOf(zones * each, seed).map((member, index) => ({
          ...member,
          zone: `z${index % zones}`,
        }))
        const start = genesisOf(members, { partitions: 256 })
        const { topology } = settle(plan, start, members)
        assertZones(topology, Math.min(3, zones))
      },
    ),
    RUNS,
  )
}

/** A cluster of one zone gets two more: what lay together moves apart. */
export function newZonesAreUsed(plan: Planner): void {
  const members = membersOf(12).map((member, i) => ({ ...member, zone: `z${Math.floor(i / 4)}` }))
  const first = settle(plan, genesisOf(members), members.slice(0, 4))
  assertZones(settle(plan, first.topology, members).topology, 3)
}

/** Who takes over from a member that leaves is chosen by zone at once. */
export function leavesKeepZones(plan: Planner): void {
  const members = membersOf(12).map((member, i) => ({ ...member, zone: `z${i % 4}` }))
  const { topology } = settle(plan, genesisOf(members), members)
  const { next } = plan(inputOf(topology, members, { leaving: disksOf(members.slice(3, 4)) }))
  assert.ok(next !== null)
  assertZones(next, 3)
}

function assertZones(topology: Topology, atLeast: number): void {
  const zones = new Map(topology.members.map(({ storageId, zone }) => [storageId, zone]))
  for (const [p, { replicas }] of topology.partitions.entries()) {
    const used = new Set(replicas.map((id) => zones.get(id))).size
    assert.ok(used >= Math.min(atLeast, replicas.length), `partition ${p} lies in ${used} zones`)
  }
}

/** A join or a leave moves at most 1.5 times what one member holds. */
export function movesAreFew(plan: Planner): void {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 3, max: 24 }), (seed, count) => {
      const members = membersOf(count + 1, seed)
      const start = settle(plan, genesisOf(members, { partitions: 256 }), members.slice(0, count))
      const limit = 1.5 * Math.ceil((256 * 3) / (count + 1))
      const joined = settle(plan, start.topology, members)
      assert.ok(joined.moves <= limit, `a join moved ${joined.moves}, at most ${limit}`)
      const leaving = disksOf(members.slice(1, 2))
      const left = settle(plan, joined.topology, members, { leaving })
      assert.ok(left.moves <= limit, `a leave moved ${left.moves}, at most ${limit}`)
      assert.ok(!left.topology.members.some(({ storageId }) => leaving.has(storageId)))
    }),
    RUNS,
  )
}

/** With 16 and 50 members, taken in at once or one by one. */
export function placementIsNear(plan: Planner): void {
  for (const count of [16, 50]) {
    const members = membersOf(count)
    const atOnce = settle(plan, genesisOf(members), members).topology
    let oneByOne = genesisOf(members)
    for (let n = 2; n <= count; n++) {
      oneByOne = settle(plan, oneByOne, members.slice(0, n)).topology
    }
    for (const topology of [atOnce, oneByOne]) {
      const near = nearPart(topology, members)
      assert.ok(near >= 0.99, `${near} of partitions keep one of their 3 nearest`)
    }
  }
}

export function nearPart(topology: Topology, members: readonly TopologyMember[]): number {
  const ids = members.map(({ id, storageId }) => ({ storageId, kad: kadIdOfPeer(id) }))
  const near = topology.partitions.filter(({ replicas }, index) => {
    const point = partitionPoint(index, topology.partitions.length)
    const three = ids.toSorted((a, b) => compareDistance(point, a.kad, b.kad)).slice(0, 3)
    return three.some(({ storageId }) => replicas.includes(storageId))
  })
  return near.length / topology.partitions.length
}

/** What is settled stays as it is, whoever asks and in whatever order members are named. */
export function restsAndIsDeterministic(plan: Planner): void {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 20 }), (seed, count) => {
      const members = membersOf(count, seed)
      const start = genesisOf(members, { partitions: P })
      const a = plan(inputOf(start, members))
      const b = plan(inputOf(start, members.toReversed()))
      assert.deepEqual(a, b)
      const { topology } = settle(plan, start, members)
      assert.ok(plan(inputOf(topology, members)).next === null)
    }),
    RUNS,
  )
}

/** A partition that moves is left alone, whatever happens meanwhile. */
export function movingIsLeftAlone(plan: Planner): void {
  const members = membersOf(8)
  const first = plan(inputOf(genesisOf(members), members.slice(0, 4))).next
  assert.ok(first !== null)
  const second = plan(inputOf(first, members)).next
  assert.ok(second !== null)
  assert.deepEqual(second.partitions, first.partitions)
  assert.equal(second.members.length, 8)
}

/** `prev` goes for exactly those partitions that are installed, and cfg stays. */
export function prevGoesWhenInstalled(plan: Planner): void {
  const members = membersOf(3)
  const first = plan(inputOf(genesisOf(members), members)).next
  assert.ok(first !== null)
  const { next } = plan(
    inputOf(first, members, { installed: new Map([[7, new Set(first.partitions[7]?.replicas)]]) }),
  )
  for (const [index, partition] of (next?.partitions ?? []).entries()) {
    assert.equal(partition.prev === null, index === 7)
    assert.equal(partition.cfg, 2)
  }
  assert.ok(plan(inputOf(first, members)).next === null)
}

/** Whoever is dead, no partition moves to a set that has no live majority. */
export function movesCanFinish(plan: Planner): void {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 2, max: 7 }), fc.nat({ max: 2 }), (seed, count, dead) => {
      const members = membersOf(count, seed)
      const { topology } = settle(plan, genesisOf(members, { partitions: P }), members)
      const up = members.slice(dead)
      const alive = new Set(disksOf(up))
      const leaving = disksOf(up.slice(-1))
      const { next } = plan(inputOf(topology, up, { alive, leaving: new Set(leaving) }))
      for (const { prev, replicas } of next?.partitions ?? []) {
        if (prev === null) continue
        const live = replicas.filter((id) => alive.has(id)).length
        assert.ok(live * 2 > replicas.length, `${live} of ${replicas.length} are alive`)
      }
    }),
    { ...RUNS, numRuns: 60 },
  )
}

export const RULES: Readonly<Record<string, (plan: Planner) => void>> = {
  completeAndDistinct,
  stepsAreValid,
  loadIsBounded,
  zonesAreSpread,
  newZonesAreUsed,
  leavesKeepZones,
  movesAreFew,
  placementIsNear,
  restsAndIsDeterministic,
  movingIsLeftAlone,
  prevGoesWhenInstalled,
  movesCanFinish,
}
