/**
 * What the roots promise about former replicas, each rule a scenario over fake nodes that rejects
 * when it is broken: run on the real code, and on code with a rule taken out.
 */
import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { formerDisks, oldCopies } from '../../src/topology/former.ts'
import { OfferedEvidence } from '../../src/topology/offered.ts'
import { isMember, type Topology, type TopologyMember } from '../../src/topology/topology.ts'
import { planTopology } from '../../src/topology/planner.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { Cluster } from './cluster.ts'
import { genesisOf, memberOf, membersOf, settle } from './members.ts'

const REPLACE_MS = 600_000
const WEEK_MS = 7 * 86_400_000

const members = membersOf(5, 'w')
const [a, b, c, d, e] = members as [
  TopologyMember,
  TopologyMember,
  TopologyMember,
  TopologyMember,
  TopologyMember,
]

async function clusterOf(count: number): Promise<Cluster> {
  const cluster = new Cluster(a)
  await cluster.found()
  for (const member of members.slice(1, count)) cluster.start(member)
  await cluster.until('placed', 60_000, () =>
    cluster.isPlaced(members.slice(0, count), Math.min(3, count)),
  )
  await cluster.until('nobody is a former replica', 60_000, () => formers(cluster).size === 0)
  return cluster
}

function formers(cluster: Cluster, at: TopologyMember = a): ReadonlySet<string> {
  return formerDisks(cluster.topologyOf(at))
}

/** `d` dies and is replaced, and nothing moves any more. */
async function withoutD(cluster: Cluster): Promise<number> {
  const held = cluster.topologyOf(a).partitions.filter(({ replicas }) => {
    return replicas.includes(d.storageId)
  }).length
  await cluster.crash(d)
  await cluster.until('d is replaced', REPLACE_MS + 60_000, () => isGone(cluster.topologyOf(a)))
  await cluster.until('nothing moves', 60_000, () =>
    cluster.topologyOf(a).partitions.every(({ prev }) => prev === null),
  )
  return held
}

function isGone(topology: Topology): boolean {
  return !isMember(topology, d.storageId)
}

type Rule = () => Promise<void>

export const RULES: Readonly<Record<string, Rule>> = {
  'whoever lost a partition is waited for until it says that it holds nothing': async () => {
    const cluster = await clusterOf(3)
    cluster.keeping.add(b.storageId)
    cluster.start(d)
    await cluster.until('d has its share', 60_000, () => cluster.isPlaced(members.slice(0, 4), 3))
    await cluster.clock.advance(120_000)
    assert.deepEqual(formers(cluster), new Set([b.storageId]), 'a and c have said so')
    cluster.keeping.delete(b.storageId)
    saysSo(cluster, b)
    await cluster.until('b has said so', 60_000, () => formers(cluster).size === 0)
    await cluster.clock.advance(1000)
    assert.equal(cluster.node(b).reporter.pending, 0)
  },

  'a word that was lost is said again': async () => {
    const cluster = await clusterOf(4)
    const { roots } = cluster.topologyOf(a)
    // A root hears itself.
    const other = [a, b, c, d].find(({ storageId }) => !roots.includes(storageId))
    assert.ok(other !== undefined)
    cluster.keeping.add(other.storageId)
    cluster.start(e)
    await cluster.until('e has its share', 60_000, () => isPlacedWith(cluster, e))
    assert.ok(formers(cluster).has(other.storageId))
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_REPORT)
    saysSo(cluster, other)
    await cluster.clock.advance(60_000)
    assert.ok(formers(cluster).has(other.storageId))
    cluster.hub.lost.clear()
    await cluster.until('all is let go', 60_000, () => formers(cluster).size === 0)
  },

  'who speaks is believed of itself alone, and under the configuration that counts': async () => {
    const { topology } = settle(planTopology, genesisOf(members, { partitions: 8 }), [a, b, c])
    const [x, y] = [members[4]?.storageId ?? '', b.storageId]
    const partitions = topology.partitions.map((each) => ({ ...each, former: [x] }))
    const named = { ...topology, members, partitions }
    const evidence = new OfferedEvidence()
    const all = partitions.map(({ cfg }, partition) => ({ partition, cfg }))
    const offered = (by: Topology = named, ended: readonly string[] = []): number[] => {
      return [...evidence.offered(by, new Set(ended)).keys()]
    }
    evidence.add(named, y, all)
    const early = all.map(({ partition, cfg }) => ({ partition, cfg: cfg - 1 }))
    evidence.add(named, x, early)
    evidence.add(named, x, [{ partition: 8, cfg: 1 }])
    assert.deepEqual(offered(), [])
    evidence.add(named, x, all.slice(0, 3))
    evidence.add(named, y, all.slice(3, 5))
    evidence.add(named, x, early)
    assert.deepEqual(offered(), [0, 1, 2])
    assert.equal(offered(named, [x]).length, 8, 'a disk that is no more')
    const moved = partitions.map((each, i) => (i === 0 ? { ...each, cfg: 99 } : each))
    assert.deepEqual(offered({ ...named, partitions: moved }), [1, 2])
    // Whoever comes on the list again must say it again.
    evidence.prune({ ...named, partitions: topology.partitions })
    assert.deepEqual(offered(), [])
  },

  'a disk that is away for weeks stays on the list, member or not': async () => {
    const cluster = await clusterOf(4)
    const held = await withoutD(cluster)
    assert.ok(held > 0)
    const { away } = cluster.topologyOf(a)
    assert.deepEqual(away, [{ storageId: d.storageId, name: d.name }])
    assert.equal(oldCopies(cluster.topologyOf(a)).get(d.storageId), held)
    await cluster.clock.advance(WEEK_MS / 100)
    // The roots forget what they heard, not what is agreed.
    for (const member of [a, b, c]) {
      await cluster.stop(member)
      cluster.start(member)
    }
    await cluster.clock.advance(60_000)
    assert.equal(oldCopies(cluster.topologyOf(a)).get(d.storageId), held)
    // It returns as a learner, becomes a member again, and says so when it has let go.
    cluster.keeping.add(d.storageId)
    cluster.start(d)
    await cluster.until('d is back', 60_000, () => isPlacedWith(cluster, d))
    const topology = cluster.topologyOf(a)
    assert.deepEqual(topology.away, [])
    for (const { replicas, former } of topology.partitions) {
      assert.ok(!(replicas.includes(d.storageId) && former.includes(d.storageId)))
    }
    const left = oldCopies(topology).get(d.storageId) ?? 0
    assert.ok(left > 0, 'of some it is no replica again')
    await cluster.clock.advance(60_000)
    assert.equal(oldCopies(cluster.topologyOf(a)).get(d.storageId), left)
    saysSo(cluster, d)
    await cluster.until('d has let go', 60_000, () => formers(cluster).size === 0)
  },

  'a disk that was removed is waited for no more': async () => {
    const cluster = await clusterOf(4)
    await withoutD(cluster)
    cluster.roll.members.delete(d.id)
    const { issuer } = cluster.node(b)
    const unknown = issuer.remove(memberOf('nobody').storageId)
    let isNotFound = false
    unknown.catch((error: unknown) => {
      isNotFound = isAtollError(error, 'NOT_FOUND')
    })
    const removed = issuer.remove(d.storageId)
    await cluster.until('d is removed', 10_000, () =>
      cluster.topologyOf(a).removed.includes(d.storageId),
    )
    await cluster.clock.advance(5000)
    await removed
    assert.ok(isNotFound)
    assert.equal(formers(cluster).size, 0)
    assert.deepEqual(cluster.topologyOf(a).away, [])
  },

  'a wiped disk is another one, and the old one is waited for': async () => {
    const cluster = await clusterOf(4)
    const held = await withoutD(cluster)
    cluster.start({ ...d, storageId: memberOf('d again').storageId })
    await cluster.until('the new disk is in', 60_000, () =>
      isMember(cluster.topologyOf(a), memberOf('d again').storageId),
    )
    await cluster.clock.advance(60_000)
    assert.equal(oldCopies(cluster.topologyOf(a)).get(d.storageId), held)
  },

  'who left in order is waited for until its goodbye': async () => {
    const cluster = await clusterOf(4)
    cluster.keeping.add(d.storageId)
    const leaving = cluster.node(d).issuer.leave()
    await cluster.until('d is out', 60_000, () => isGone(cluster.topologyOf(a)))
    await cluster.clock.advance(5000)
    await leaving
    assert.ok(formers(cluster).has(d.storageId), 'it may still give the leave up')
    await cluster.stop(d)
    cluster.roll.set(d, 'left')
    await cluster.until('nobody waits for d', 60_000, () => formers(cluster).size === 0)
    assert.deepEqual(cluster.topologyOf(a).away, [])
  },

  'and waited for no more when it joins again at once': async () => {
    const cluster = await clusterOf(4)
    cluster.keeping.add(d.storageId)
    const leaving = cluster.node(d).issuer.leave()
    await cluster.until('d is out', 60_000, () => isGone(cluster.topologyOf(a)))
    await cluster.clock.advance(5000)
    await leaving
    await cluster.stop(d)
    cluster.roll.set(d, 'left')
    await cluster.clock.advance(1000)
    assert.ok(formers(cluster).has(d.storageId))
    const again = { ...d, storageId: memberOf('d again').storageId }
    cluster.start(again)
    await cluster.until('d is back', 60_000, () => isPlacedWith(cluster, again))
    await cluster.until('nobody waits for its old disk', 60_000, () => formers(cluster).size === 0)
  },

  'old copies hold up no movement, and cost a topology each half a minute at most': async () => {
    const cluster = await clusterOf(3)
    const from = cluster.issued.length
    cluster.start(d)
    await cluster.until('all is let go', 120_000, () => {
      return isPlacedWith(cluster, d) && formers(cluster).size === 0
    })
    // It joins with its partitions, they have moved, and their old copies go.
    assert.ok(cluster.issued.length - from <= 4, `${cluster.issued.length - from} topologies`)
  },
}

/** It holds nothing of what it is no replica of. */
function saysSo(cluster: Cluster, member: TopologyMember): void {
  const { reporter } = cluster.node(member)
  for (const [index, { cfg }] of cluster.topologyOf(member).partitions.entries()) {
    reporter.reportEmptied(index, cfg)
  }
}

function isPlacedWith(cluster: Cluster, member: TopologyMember): boolean {
  const { partitions } = cluster.topologyOf(a)
  const isMoved = partitions.every(({ prev }) => prev === null)
  return isMoved && partitions.some(({ replicas }) => replicas.includes(member.storageId))
}
