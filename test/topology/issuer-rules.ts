/**
 * What the roots promise the rest of the cluster, each rule a scenario over fake nodes that rejects
 * when it is broken: run on the real code, and on code with a rule taken out.
 */
import assert from 'node:assert/strict'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { encodeTopology, hashTopology } from '../../src/topology/codec.ts'
import { encodeReport } from '../../src/topology/requests.ts'
import { loads } from '../../src/topology/describe.ts'
import type { LeaveOptions } from '../../src/topology/issuer.ts'
import type { Move } from '../../src/topology/manual-move.ts'
import { isMember, type Topology, type TopologyMember } from '../../src/topology/topology.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { Cluster } from './cluster.ts'
import { membersOf } from './members.ts'

const REPLACE_MS = 600_000

async function clusterOf(members: readonly TopologyMember[], count: number): Promise<Cluster> {
  const [founder] = members
  assert.ok(founder !== undefined)
  const cluster = new Cluster(founder)
  await cluster.found()
  for (const member of members.slice(1, count)) cluster.start(member)
  await cluster.until('placed', 30_000, () =>
    cluster.isPlaced(members.slice(0, count), Math.min(3, count)),
  )
  await cluster.until('old copies are gone', 60_000, () =>
    cluster.topologyOf(founder).partitions.every(({ former }) => former.length === 0),
  )
  return cluster
}

function settlesWith(work: Promise<unknown>): { error: unknown; done: boolean } {
  const seen = { error: null as unknown, done: false }
  work.then(
    () => Object.assign(seen, { done: true }),
    (error: unknown) => Object.assign(seen, { done: true, error }),
  )
  return seen
}

const members = membersOf(8)
const [a, b, c, d, e] = members as [
  TopologyMember,
  TopologyMember,
  TopologyMember,
  TopologyMember,
  TopologyMember,
]

/** A move that may go ahead: to the member that holds least. */
function handMove(cluster: Cluster): Move {
  const topology = cluster.topologyOf(a)
  const byLoad = [...loads(topology)].toSorted(([, x], [, y]) => x - y).map(([id]) => id)
  const to = byLoad[0] ?? ''
  const from = byLoad.at(-1) ?? ''
  const partition = topology.partitions.findIndex(({ replicas }) => {
    return replicas.includes(from) && !replicas.includes(to)
  })
  return { partition, from, to }
}

/** A move to one who holds all that it may. */
function overBound(topology: Topology): Move {
  const [to = ''] = [...loads(topology)].toSorted(([, x], [, y]) => y - x).map(([id]) => id)
  const partition = topology.partitions.findIndex(({ replicas }) => !replicas.includes(to))
  return { partition, from: topology.partitions[partition]?.replicas[0] ?? '', to }
}

/** Of five, a goes; the last topology has reached one of three roots, and the others are cut off. */
async function toldToFew(options: LeaveOptions) {
  const cluster = await clusterOf(members, 5)
  cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_PUSH)
  cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_GET)
  const leave = settlesWith(cluster.node(a).issuer.leave(options))
  const all = members.slice(0, 5)
  let last = cluster.topologyOf(a)
  // Nobody tells anybody: the steps in between are handed on, the last one to the leaver alone.
  for (let turn = 0; turn < 100 && isMember(last, a.storageId); turn++) {
    await cluster.clock.advance(100)
    for (const each of all.map((member) => cluster.topologyOf(member))) {
      if (each.number > last.number) last = each
    }
    const told = isMember(last, a.storageId) ? all : [a]
    const shown = told.map((member) => cluster.node(member).log.learn(last))
    await Promise.all([cluster.clock.advance(10), ...shown])
  }
  const roots = all.filter(({ storageId }) => last.roots.includes(storageId))
  assert.equal(roots.length, 3)
  const ahead = roots.filter((root) => cluster.topologyOf(root).number === last.number)
  const behind = roots.filter((root) => !ahead.includes(root))
  assert.equal(ahead.length, 1)
  for (const { id } of behind) cluster.hub.cut.add(id)
  cluster.hub.lost.clear()
  return { cluster, leave, behind, last }
}

/** A move after which the two, who share a zone, would hold the same partition. */
function intoZone(topology: Topology, one: TopologyMember, other: TopologyMember): Move {
  const partition = topology.partitions.findIndex(({ replicas }) => {
    return replicas.includes(one.storageId) && !replicas.includes(other.storageId)
  })
  const { replicas } = topology.partitions[partition] ?? { replicas: [] }
  return { partition, from: replicas.find((id) => id !== one.storageId) ?? '', to: other.storageId }
}

async function refusesMove(
  cluster: Cluster,
  move: Move,
  code: 'CONFLICT' | 'NOT_FOUND' | 'NO_QUORUM',
): Promise<void> {
  const { number } = cluster.topologyOf(a)
  const asked = settlesWith(cluster.node(a).issuer.move(move))
  await cluster.until('answered', 20_000, () => asked.done)
  assert.ok(isAtollError(asked.error, code), `${code}, not ${String(asked.error)}`)
  assert.equal(cluster.topologyOf(a).number, number)
}

const push = (cluster: Cluster, from: TopologyMember, bytes: Uint8Array) => {
  const sent = settlesWith(
    cluster.node(from).mesh.request(b.id, REQUEST_KINDS.TOPOLOGY_PUSH, bytes, { timeoutMs: 1000 }),
  )
  return cluster.clock.advance(10).then(() => sent)
}

export const RULES: Readonly<Record<string, () => Promise<void>>> = {
  'places three daemons of a developer within 3 s': async () => {
    const cluster = new Cluster(a)
    await cluster.found()
    await cluster.clock.advance(100)
    cluster.start(b)
    await cluster.clock.advance(300)
    cluster.start(c)
    const tookMs = await cluster.until('placed', 3000, () => cluster.isPlaced([a, b, c], 3))
    assert.ok(tookMs < 3000)
    assert.equal(cluster.topologyOf(a).number, 3, 'the two newcomers share one movement')
  },

  'grows from 1 to 2 to 3 to 5, at most one topology a second': async () => {
    const cluster = new Cluster(a)
    await cluster.found()
    for (const [count, member] of [b, c, d, e].entries()) {
      cluster.start(member)
      const now = members.slice(0, count + 2)
      await cluster.until(`${now.length} placed`, 30_000, () =>
        cluster.isPlaced(now, Math.min(3, now.length)),
      )
    }
    assert.equal(cluster.topologyOf(e).roots.length, 3)
    for (const [index, { atMs }] of cluster.issued.entries()) {
      const beforeMs = cluster.issued[index - 1]?.atMs ?? Number.NEGATIVE_INFINITY
      assert.ok(index <= 1 || atMs - beforeMs >= 1000, 'two topologies within a second')
    }
  },

  'shows a new topology to every member within 100 ms': async () => {
    const cluster = await clusterOf(members, 5)
    cluster.start(members[5] as TopologyMember)
    const before = cluster.topologyOf(a).number
    await cluster.until('issued', 30_000, () => cluster.topologyOf(a).number > before)
    await cluster.until('known', 100, () =>
      members.slice(0, 6).every((member) => cluster.topologyOf(member).number > before),
    )
  },

  'takes nobody in who is not alive for the settle time, or is an edge': async () => {
    const cluster = await clusterOf(members, 5)
    const { number } = cluster.topologyOf(a)
    cluster.roll.set(members[6] as TopologyMember, 'alive', { role: 'edge' })
    for (let turn = 0; turn < 8; turn++) {
      cluster.roll.set(members[5] as TopologyMember, turn % 2 === 0 ? 'alive' : 'suspect')
      await cluster.clock.advance(3000)
    }
    assert.equal(cluster.topologyOf(a).number, number)
  },

  'empties a member that leaves, and tells it when nothing needs its disk': async () => {
    const cluster = await clusterOf(members, 4)
    const leave = settlesWith(cluster.node(d).issuer.leave())
    cluster.slow.add(b.storageId)
    await cluster.clock.advance(5000)
    assert.equal(leave.done, false, 'b does not hold the data yet')
    cluster.slow.delete(b.storageId)
    const { partitions } = cluster.topologyOf(b)
    for (const [index, { cfg }] of partitions.entries()) {
      cluster.node(b).reporter.reportInstalled(index, cfg)
    }
    await cluster.until('left', 10_000, () => leave.done)
    assert.equal(leave.error, null)
    cluster.roll.set(d, 'left')
    await cluster.stop(d)
    await cluster.until('placed', 5000, () => cluster.isPlaced([a, b, c], 3))
    await cluster.clock.advance(20_000)
    assert.ok(cluster.isPlaced([a, b, c], 3), 'nobody takes it back in')
  },

  'lets a member go when its disk has let go of all, and takes it in no sooner': async () => {
    const cluster = await clusterOf(members, 4)
    let letsGo = false
    const options = { hasLetGo: () => Promise.resolve(letsGo) }
    const leave = settlesWith(cluster.node(d).issuer.leave(options))
    await cluster.until('moved', 10_000, () => cluster.isPlaced([a, b, c], 3))
    await cluster.clock.advance(60_000)
    assert.equal(leave.done, false)
    assert.ok(cluster.isPlaced([a, b, c], 3), 'it goes on asking to go')
    letsGo = true
    await cluster.until('left', 1000, () => leave.done)
    assert.equal(leave.error, null)
  },

  'takes a member that left back in when it returns': async () => {
    const cluster = await clusterOf(members, 4)
    const leave = settlesWith(cluster.node(d).issuer.leave())
    await cluster.until('left', 10_000, () => leave.done)
    cluster.roll.set(d, 'left')
    await cluster.stop(d)
    await cluster.clock.advance(1000)
    cluster.start(d)
    await cluster.until('placed', 20_000, () => cluster.isPlaced([a, b, c, d], 3))
  },

  'refuses a leave after which too few live copies would be left, and says who is down':
    async () => {
      const cluster = await clusterOf(members, 3)
      cluster.roll.set(b, 'dead')
      await cluster.stop(b)
      const { number } = cluster.topologyOf(a)
      for (const leaver of [c, a]) {
        const leave = settlesWith(cluster.node(leaver).issuer.leave())
        await cluster.until('answered', 5000, () => leave.done)
        assert.ok(isAtollError(leave.error, 'NO_QUORUM'))
        assert.match(leave.error.message, new RegExp(`${b.name} is down`))
      }
      await cluster.clock.advance(10_000)
      assert.equal(cluster.topologyOf(a).number, number, 'nothing moves')
    },

  'lets a member leave beside a dead one when a spare takes over': async () => {
    const cluster = await clusterOf(members, 4)
    cluster.roll.set(b, 'dead')
    await cluster.stop(b)
    const leave = settlesWith(cluster.node(d).issuer.leave())
    await cluster.until('left', 20_000, () => leave.done)
    assert.equal(leave.error, null)
    await cluster.until('settled', 10_000, () => {
      return cluster.topologyOf(a).partitions.every(({ prev }) => prev === null)
    })
  },

  'refuses to let the only member leave': async () => {
    const cluster = new Cluster(a)
    const founder = await cluster.found()
    await assert.rejects(founder.issuer.leave(), (error) => isAtollError(error, 'CONFLICT'))
  },

  'ends a leave that its caller gives up': async () => {
    const cluster = await clusterOf(members, 3)
    cluster.slow.add(a.storageId)
    const aborter = new AbortController()
    const leave = settlesWith(cluster.node(c).issuer.leave({ signal: aborter.signal }))
    await cluster.clock.advance(50)
    aborter.abort(new AtollError('CANCELLED', 'given up'))
    await cluster.clock.advance(3000)
    assert.ok(isAtollError(leave.error, 'CANCELLED'))
  },

  'forgets a leave that was given up, and gives the data back': async () => {
    const cluster = await clusterOf(members, 4)
    const aborter = new AbortController()
    cluster.slow.add(b.storageId)
    const leave = settlesWith(cluster.node(d).issuer.leave({ signal: aborter.signal }))
    await cluster.clock.advance(1500)
    aborter.abort(new AtollError('CANCELLED', 'given up'))
    await cluster.until('told', 5000, () => leave.done)
    await cluster.clock.advance(20_000)
    cluster.slow.delete(b.storageId)
    for (const [index, { cfg }] of cluster.topologyOf(b).partitions.entries()) {
      cluster.node(b).reporter.reportInstalled(index, cfg)
    }
    for (let second = 0; second < 40; second++) {
      await cluster.clock.advance(1000)
      assert.ok(isMember(cluster.topologyOf(a), d.storageId))
    }
    assert.ok(cluster.isPlaced([a, b, c, d], 3))
  },

  'takes a process back in that went and never said goodbye': async () => {
    const cluster = await clusterOf(members, 4)
    const leave = settlesWith(cluster.node(d).issuer.leave())
    await cluster.until('left', 10_000, () => leave.done)
    await cluster.clock.advance(10_000)
    assert.equal(cluster.topologyOf(a).members.length, 3)
    await cluster.until('back', 60_000, () => cluster.isPlaced([a, b, c, d], 3))
  },

  'refuses the last leave when all want to go at once': async () => {
    const cluster = await clusterOf(members, 3)
    const leaves = [a, b, c].map((each) => settlesWith(cluster.node(each).issuer.leave()))
    await cluster.until('answered', 60_000, () => leaves.some(({ error }) => error !== null))
    const refused = leaves.filter(({ error }) => error !== null)
    assert.ok(refused.every(({ error }) => isAtollError(error, 'NO_QUORUM')))
    assert.ok(refused.length < 3, 'one may go')
  },

  'hands the office over also after a restart in between, and not to nobody': async () => {
    const cluster = await clusterOf(members, 3)
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_PUSH)
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_GET)
    settlesWith(cluster.node(a).issuer.leave())
    for (let turn = 0; turn < 40; turn++) {
      const current = cluster.topologyOf(a)
      if (current.roots[0] !== a.storageId) break
      await Promise.all([
        cluster.clock.advance(500),
        cluster.node(b).log.learn(current),
        cluster.node(c).log.learn(current),
      ])
    }
    await cluster.crash(a)
    cluster.start(a)
    const aborter = new AbortController()
    const given = settlesWith(cluster.node(a).issuer.leave({ signal: aborter.signal }))
    await cluster.clock.advance(3000)
    assert.equal(given.done, false, 'nobody else knows the last topology')
    aborter.abort(new AtollError('CANCELLED', 'given up'))
    await cluster.until('told', 5000, () => given.done)
    assert.ok(isAtollError(given.error, 'CANCELLED'))
    cluster.hub.lost.clear()
    const leave = settlesWith(cluster.node(a).issuer.leave())
    await cluster.until('left', 5000, () => leave.done)
    assert.equal(leave.error, null)
    const heir = cluster.topologyOf(a).roots[0]
    const holder = [b, c].find(({ storageId }) => storageId === heir)
    assert.equal(cluster.topologyOf(holder).number, cluster.topologyOf(a).number)
  },

  'hands the office over when the founder leaves': async () => {
    const cluster = await clusterOf(members, 4)
    const leave = settlesWith(cluster.node(a).issuer.leave())
    await cluster.until('left', 10_000, () => leave.done)
    assert.equal(leave.error, null)
    await cluster.clock.advance(3000)
    assert.equal(cluster.topologyOf(b).members.length, 3, 'it has not said goodbye yet')
    cluster.roll.set(a, 'left')
    await cluster.stop(a)
    const heir = cluster.topologyOf(b).roots[0]
    assert.notEqual(heir, a.storageId)
    cluster.start(e)
    await cluster.until('placed', 20_000, () => cluster.isPlaced([b, c, d, e], 3))
  },

  'tries the handover until the heir has it': async () => {
    const cluster = await clusterOf(members, 3)
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_PUSH)
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_GET)
    const leave = settlesWith(cluster.node(a).issuer.leave())
    for (let turn = 0; turn < 40; turn++) {
      // Gossip is deaf as well: hand the intermediate steps over by hand.
      const { log } = cluster.node(a)
      const current = cluster.topologyOf(a)
      if (current.roots[0] !== a.storageId) break
      await Promise.all([
        cluster.clock.advance(500),
        cluster.node(b).log.learn(current),
        cluster.node(c).log.learn(current),
      ])
      assert.ok(log.digest >= current.number)
    }
    await cluster.clock.advance(5000)
    assert.notEqual(cluster.topologyOf(a).roots[0], a.storageId)
    assert.equal(leave.done, false, 'nobody else knows the last topology')
    cluster.hub.lost.clear()
    await cluster.until('left', 5000, () => leave.done)
    assert.equal(leave.error, null)
  },

  'replaces the dead after ten minutes, where there is a live spare': async () => {
    const cluster = await clusterOf(members, 5)
    await cluster.crash(e)
    await cluster.clock.advance(REPLACE_MS - 10_000)
    assert.equal(cluster.topologyOf(a).members.length, 5)
    await cluster.until('replaced', 30_000, () => cluster.isPlaced([a, b, c, d], 3))
    cluster.start(e)
    await cluster.until('back', 30_000, () => cluster.isPlaced([a, b, c, d, e], 3))
  },

  'drops a disk that is no more by its own word, and waits for nothing': async () => {
    for (const word of ['goodbye', 'another disk'] as const) {
      const cluster = await clusterOf(members, 4)
      await cluster.crash(d)
      const other = { ...d, storageId: members[7]?.storageId ?? '' }
      if (word === 'goodbye') cluster.roll.set(d, 'left')
      else cluster.roll.set(d, 'alive', { storageId: other.storageId })
      await cluster.until('dropped', 20_000, () => {
        return cluster.topologyOf(a).members.every(({ storageId }) => storageId !== d.storageId)
      })
    }
  },

  'counts anew when the dead come back in between': async () => {
    const cluster = await clusterOf(members, 5)
    await cluster.crash(e)
    await cluster.clock.advance(REPLACE_MS - 10_000)
    cluster.start(e)
    await cluster.clock.advance(5000)
    await cluster.crash(e)
    await cluster.clock.advance(REPLACE_MS - 10_000)
    assert.equal(cluster.topologyOf(a).members.length, 5)
  },

  'replaces nobody while more than a third are dead': async () => {
    const cluster = await clusterOf(members, 5)
    await cluster.crash(e)
    await cluster.crash(d)
    const { number } = cluster.topologyOf(a)
    await cluster.clock.advance(2 * REPLACE_MS)
    assert.equal(cluster.topologyOf(a).number, number)
  },

  'goes on where it was when it restarts in the middle of a movement': async () => {
    const cluster = await clusterOf(members, 3)
    cluster.slow.add(b.storageId)
    cluster.start(d)
    await cluster.until('moving', 10_000, () =>
      cluster.topologyOf(a).partitions.some(({ prev }) => prev !== null),
    )
    await cluster.clock.advance(3000)
    const { number } = cluster.topologyOf(a)
    await cluster.stop(a)
    await cluster.clock.advance(5000)
    cluster.start(a)
    assert.equal(cluster.topologyOf(a).number, number)
    cluster.slow.clear()
    for (const [index, { cfg }] of cluster.topologyOf(b).partitions.entries()) {
      cluster.node(b).reporter.reportInstalled(index, cfg)
    }
    await cluster.until('placed', 20_000, () => cluster.isPlaced([a, b, c, d], 3))
  },

  'says again what was not heard': async () => {
    const cluster = new Cluster(a)
    await cluster.found()
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_REPORT)
    cluster.start(b)
    await cluster.until('moving', 10_000, () => cluster.topologyOf(a).members.length === 2)
    await cluster.clock.advance(5000)
    assert.ok(cluster.topologyOf(a).partitions.every(({ prev }) => prev !== null))
    cluster.hub.lost.clear()
    await cluster.until('placed', 5000, () => cluster.isPlaced([a, b], 2))
  },

  'keeps prev until every live replica has the data': async () => {
    const cluster = await clusterOf(members, 3)
    cluster.slow.add(d.storageId)
    cluster.start(d)
    await cluster.clock.advance(20_000)
    const moving = cluster.topologyOf(a).partitions.filter(({ prev }) => prev !== null)
    assert.ok(moving.length > 0)
    assert.ok(moving.every(({ replicas }) => replicas.includes(d.storageId)))
    await cluster.crash(d)
    await cluster.until('a majority is enough once d is dead', 5000, () =>
      cluster.topologyOf(a).partitions.every(({ prev }) => prev === null),
    )
  },

  'drops reports that are late, early, twice, or of somebody else': async () => {
    const cluster = await clusterOf(members, 3)
    for (const member of [a, b, c, d]) cluster.slow.add(member.storageId)
    const outsider = cluster.start(e)
    cluster.roll.set(e, 'suspect')
    cluster.start(d)
    await cluster.until('moving', 10_000, () =>
      cluster.topologyOf(a).partitions.some(({ prev }) => prev !== null),
    )
    const { number, partitions } = cluster.topologyOf(a)
    const report = (from: typeof outsider, cfgOf: (cfg: number) => number) =>
      from.mesh.request(
        a.id,
        REQUEST_KINDS.TOPOLOGY_REPORT,
        encodeReport({
          installed: partitions.map(({ cfg }, partition) => ({ partition, cfg: cfgOf(cfg) })),
          emptied: [],
        }),
        { timeoutMs: 1000 },
      )
    const all = [
      ...[a, b, c, d].flatMap((member) => [
        report(cluster.node(member), (cfg) => cfg - 1),
        report(cluster.node(member), (cfg) => cfg + 1),
      ]),
      ...[1, 2, 3].map(() => report(outsider, (cfg) => cfg)),
      ...[1, 2, 3].map(() => report(cluster.node(b), (cfg) => cfg)),
    ]
    await cluster.clock.advance(10_000)
    await Promise.all(all)
    assert.equal(cluster.topologyOf(a).number, number)
  },

  'lets a member that was cut off catch up': async () => {
    const cluster = await clusterOf(members, 4)
    const seen: (readonly [number, number])[] = []
    cluster.node(d).log.beforeLearn((previous, next) => {
      seen.push([previous?.number ?? 0, next.number])
      return [{ key: 'other/layer', value: Uint8Array.of(next.number) }]
    })
    const before = cluster.topologyOf(d).number
    cluster.hub.cut.add(d.id)
    cluster.start(e)
    await cluster.until('e joins', 30_000, () => cluster.topologyOf(a).members.length === 5)
    await cluster.clock.advance(3000)
    assert.equal(cluster.topologyOf(d).number, before)
    cluster.hub.cut.clear()
    await cluster.until('placed', 10_000, () => cluster.isPlaced([a, b, c, d, e], 3))
    assert.equal(seen[0]?.[0], before)
    assert.ok((seen[0]?.[1] ?? 0) > before + 1, 'numbers in between are skipped')
    assert.deepEqual(
      cluster.disks.get(d.storageId)?.get('other/layer'),
      Uint8Array.of(cluster.topologyOf(d).number),
    )
  },

  'shows nothing that its disk refused, and tries again': async () => {
    const cluster = await clusterOf(members, 2)
    const disk = cluster.disks.get(a.storageId)
    assert.ok(disk !== undefined)
    disk.failure = new AtollError('DISK_FULL', 'no space')
    const { number } = cluster.topologyOf(a)
    cluster.start(c)
    await cluster.clock.advance(5000)
    assert.equal(cluster.topologyOf(a).number, number)
    assert.equal(cluster.topologyOf(b).number, number)
    disk.failure = null
    await cluster.until('placed', 10_000, () => cluster.isPlaced([a, b, c], 3))
  },

  'goes on when the first root is up and its disk refuses': async () => {
    const cluster = await clusterOf(members, 3)
    const disk = cluster.disks.get(a.storageId)
    assert.ok(disk !== undefined)
    disk.failure = new AtollError('DISK_FULL', 'no space')
    const { number } = cluster.topologyOf(a)
    cluster.start(d)
    await cluster.until('the others decide', 20_000, () => {
      return cluster.topologyOf(b).members.length === 4
    })
    await cluster.clock.advance(3000)
    assert.equal(cluster.topologyOf(a).number, number, 'it shows nothing that is not on its disk')
    disk.failure = null
    await cluster.until('placed', 60_000, () => cluster.isPlaced([a, b, c, d], 3))
  },

  'loses nothing when the founder dies after the third has joined': async () => {
    const cluster = await clusterOf(members, 3)
    await cluster.crash(a)
    cluster.start(d)
    await cluster.until('placed', 20_000, () => cluster.isPlaced([b, c, d, a], 3))
    const remove = settlesWith(cluster.node(b).issuer.remove(a.storageId))
    await cluster.until('removed', 20_000, () => cluster.isPlaced([b, c, d], 3))
    assert.equal(remove.error, null)
    assert.equal(cluster.topologyOf(d).roots.length, 3)
  },

  'decides nothing without a majority of the roots, and goes on when it is back': async () => {
    const cluster = await clusterOf(members, 4)
    for (const member of [b, c, d]) {
      if (cluster.topologyOf(a).roots.includes(member.storageId)) await cluster.crash(member)
    }
    const { number } = cluster.topologyOf(a)
    cluster.start(e)
    await cluster.clock.advance(60_000)
    assert.equal(cluster.topologyOf(a).number, number)
    const remove = settlesWith(cluster.node(a).issuer.remove(e.storageId))
    await cluster.until('told', 20_000, () => remove.done)
    assert.ok(isAtollError(remove.error, 'TIMEOUT'))
    assert.equal(remove.error.outcome, 'unknown')
    for (const member of [b, c, d]) {
      if (!cluster.nodes.has(member.storageId)) cluster.start(member)
    }
    await cluster.until('it goes on', 30_000, () => cluster.topologyOf(a).number > number)
  },

  'asks another root when the first does not answer': async () => {
    const cluster = await clusterOf(members, 4)
    const first = members.find(({ storageId }) => storageId === cluster.topologyOf(a).roots[0])
    assert.ok(first !== undefined)
    cluster.hub.cut.add(first.id)
    const others = members.slice(0, 4).filter(({ id }) => id !== first.id)
    const asker = others.find(({ storageId }) => !cluster.topologyOf(a).roots.includes(storageId))
    const remove = settlesWith(cluster.node(asker).issuer.remove(first.storageId))
    await cluster.until('removed', 20_000, () => remove.done)
    assert.equal(remove.error, null)
    assert.ok(cluster.topologyOf(asker).removed.includes(first.storageId))
  },

  'has one root propose while that is up': async () => {
    const cluster = await clusterOf(members, 5)
    const [first] = cluster.topologyOf(a).roots
    for (const member of members.slice(5)) cluster.start(member)
    cluster.hub.requests.length = 0
    await cluster.until('placed', 60_000, () => cluster.isPlaced(members, 3))
    const tries = cluster.hub.requests.filter(({ kind }) => kind === REQUEST_KINDS.TOPOLOGY_PREPARE)
    const proposers = new Set(tries.map(({ from }) => from))
    const peer = members.find(({ storageId }) => storageId === first)?.id
    assert.deepEqual([...proposers], [peer])
  },

  'sees to it that what was voted for is decided': async () => {
    const cluster = await clusterOf(members, 3)
    const { number } = cluster.topologyOf(a)
    cluster.start(d)
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_PUSH)
    cluster.hub.lost.add(REQUEST_KINDS.TOPOLOGY_GET)
    await cluster.until('a knows', 20_000, () => cluster.topologyOf(a).number > number)
    const { members: decided, number: next } = cluster.topologyOf(a)
    assert.equal(decided.length, 4)
    // Who proposed it and who joined by it are gone, so that nobody sees anything to change.
    await cluster.crash(a)
    await cluster.crash(d)
    cluster.hub.lost.clear()
    assert.equal(cluster.topologyOf(b).number, number)
    await cluster.until('it is known', 20_000, () => cluster.topologyOf(b).number >= next)
    assert.equal(cluster.topologyOf(b).members.length, 4)
  },

  'goes only when a majority of the roots knows that it may': async () => {
    const { cluster, leave, behind, last } = await toldToFew({})
    await cluster.clock.advance(5000)
    assert.equal(leave.done, false, 'one of three is no majority')
    cluster.hub.cut.delete(behind[0]?.id ?? '')
    await cluster.until('left', 5000, () => leave.done)
    assert.equal(leave.error, null)
    assert.equal(cluster.topologyOf(behind[0]).number, last.number)
  },

  'warns once of each root that does not take the handover, and asks a little less often':
    async () => {
      const { cluster, leave, behind } = await toldToFew({})
      const { lines } = cluster.node(a)
      const warned = (): unknown[] =>
        lines
          .filter(({ event }) => event === 'topology.handover-failed')
          .map(({ fields }) => fields['peer'])
      const asked = async (ms: number): Promise<number> => {
        const before = cluster.hub.requests.length
        await cluster.clock.advance(ms)
        return cluster.hub.requests.slice(before).filter(({ from, kind }) => {
          return from === a.id && kind === REQUEST_KINDS.TOPOLOGY_PUSH
        }).length
      }
      await cluster.clock.advance(30_000)
      assert.equal(new Set(warned()).size, warned().length)
      for (const { id } of behind) assert.ok(warned().includes(id))
      const often = await asked(300_000)
      // Often enough that the roots who know of it do not forget it.
      assert.ok(often >= 3 * 40 && often <= 3 * 61, `${often}`)
      assert.equal(new Set(warned()).size, warned().length)
      assert.equal(leave.done, false)
      assert.ok(!isMember(cluster.topologyOf(a), a.storageId))
      for (const { id } of behind) cluster.hub.cut.delete(id)
      await cluster.until('left', 6000, () => leave.done)
      assert.equal(leave.error, null)
    },

  'ends at its deadline, and says what it waited for': async () => {
    const { cluster, leave } = await toldToFew({ deadlineMs: 60_000 })
    const startMs = cluster.clock.monotonicMs()
    await cluster.until('given up', 60_000, () => leave.done)
    assert.ok(cluster.clock.monotonicMs() - startMs > 30_000)
    assert.ok(isAtollError(leave.error, 'NO_QUORUM'))
    assert.match(leave.error.message, /1 of 3 roots know that this node goes/)
    const slow = await clusterOf(members, 4)
    slow.slow.add(b.storageId)
    const early = settlesWith(slow.node(d).issuer.leave({ deadlineMs: 5000 }))
    await slow.clock.advance(4900)
    assert.equal(early.done, false)
    await slow.until('given up', 200, () => early.done)
    assert.ok(isAtollError(early.error, 'TIMEOUT'))
    assert.match(early.error.message, /not handed over yet/)
    // Also while the root is asked and has not answered.
    const deaf = await clusterOf(members, 3)
    deaf.hub.delayMs = () => 2500
    const unheard = settlesWith(deaf.node(c).issuer.leave({ deadlineMs: 1500 }))
    await deaf.until('given up', 2600, () => unheard.done)
    assert.ok(isAtollError(unheard.error, 'TIMEOUT'))
  },

  'drops a dead member and refuses it for ever': async () => {
    const cluster = await clusterOf(members, 3)
    await cluster.crash(c)
    const remove = settlesWith(cluster.node(b).issuer.remove(c.storageId))
    await cluster.until('removed', 10_000, () => cluster.isPlaced([a, b], 2))
    assert.deepEqual(remove, { error: null, done: true })
    assert.deepEqual(cluster.topologyOf(b).removed, [c.storageId])
    cluster.start(c)
    await cluster.clock.advance(20_000)
    assert.equal(cluster.topologyOf(a).members.length, 2)
    assert.ok(cluster.node(a).lines.every(({ event }) => event !== 'topology.attempt-failed'))
    const again = await cluster.node(a).issuer.remove(c.storageId)
    assert.equal(again, cluster.topologyOf(a).number)
  },

  'refuses what it cannot do': async () => {
    const pair = await clusterOf(members, 2)
    const only = settlesWith(pair.node(b).issuer.remove(a.storageId))
    await pair.clock.advance(1000)
    assert.ok(isAtollError(only.error, 'CONFLICT'), 'it alone decides')
    const cluster = await clusterOf(members, 4)
    const nobody = settlesWith(cluster.node(a).issuer.remove(e.storageId))
    await cluster.clock.advance(1000)
    assert.ok(isAtollError(nobody.error, 'NOT_FOUND'))
    await cluster.crash(b)
    await cluster.crash(c)
    await cluster.crash(d)
    const asked = settlesWith(cluster.node(a).issuer.remove(d.storageId))
    await cluster.clock.advance(20_000)
    assert.ok(isAtollError(asked.error, 'NO_QUORUM'))
  },

  'moves a replica by hand': async () => {
    const cluster = await clusterOf(members, 5)
    const move = handMove(cluster)
    const done = settlesWith(cluster.node(e).issuer.move(move))
    await cluster.until('decided', 5000, () => done.done)
    assert.equal(done.error, null)
    const replicas: readonly string[] =
      cluster.topologyOf(e).partitions[move.partition]?.replicas ?? []
    assert.ok(replicas.includes(move.to) && !replicas.includes(move.from))
    await cluster.until('placed', 10_000, () => cluster.isPlaced(members.slice(0, 5), 3))
    await cluster.clock.advance(20_000)
    const later = cluster.topologyOf(e).partitions[move.partition]?.replicas
    assert.deepEqual(later, replicas, 'it stays')
    const again = await cluster.node(e).issuer.move(move)
    assert.equal(again, cluster.topologyOf(e).number, 'it is there already')
  },

  'moves nothing by hand that is not there, or would not stay': async () => {
    const zoned = members.map((member, i) => ({ ...member, zone: `z${Math.min(i, 3)}` }))
    const apart = await clusterOf(zoned, 5)
    const [state] = apart.topologyOf(a).partitions
    const [from = '', other = ''] = state?.replicas ?? []
    const [strange = '', stranger = ''] = zoned
      .slice(0, 5)
      .map(({ storageId }) => storageId)
      .filter((id) => state?.replicas.includes(id) === false)
    await refusesMove(apart, { partition: 99, from, to: strange }, 'NOT_FOUND')
    await refusesMove(apart, { partition: 0, from, to: members[7]?.storageId ?? '' }, 'NOT_FOUND')
    await refusesMove(apart, { partition: 0, from, to: other }, 'CONFLICT')
    await refusesMove(apart, { partition: 0, from: strange, to: stranger }, 'CONFLICT')
    await refusesMove(apart, intoZone(apart.topologyOf(a), d, e), 'CONFLICT')
    const full = await clusterOf(members, 5)
    await refusesMove(full, overBound(full.topologyOf(a)), 'CONFLICT')
  },

  'moves nothing by hand that moves, or could not finish': async () => {
    const cluster = await clusterOf(members, 5)
    const move = handMove(cluster)
    cluster.slow.add(move.to)
    const first = settlesWith(cluster.node(e).issuer.move(move))
    await cluster.until('decided', 5000, () => first.done)
    const back = { partition: move.partition, from: move.to, to: move.from }
    await refusesMove(cluster, back, 'CONFLICT')
    for (const needed of [1, 2]) {
      const down = await clusterOf(members, 5)
      const target = handMove(down)
      const { replicas } = down.topologyOf(a).partitions[target.partition] ?? { replicas: [] }
      const dead: readonly string[] = needed === 1 ? [target.to] : replicas.slice(0, 2)
      for (const member of members) {
        if (dead.includes(member.storageId)) down.roll.set(member, 'dead')
      }
      await refusesMove(down, target, 'NO_QUORUM')
    }
  },

  'says what would be decided, and how far movements are': async () => {
    const cluster = await clusterOf(members, 4)
    const { roots } = cluster.topologyOf(a)
    const asker = members.slice(0, 4).find(({ storageId }) => !roots.includes(storageId))
    const quiet = cluster.node(asker).issuer.outlook()
    await cluster.clock.advance(100)
    const { next, reasons } = await quiet
    assert.deepEqual([next, reasons], [null, []])
    cluster.slow.add(e.storageId)
    cluster.start(e)
    await cluster.clock.advance(500)
    const early = cluster.node(asker).issuer.outlook()
    await cluster.clock.advance(100)
    assert.deepEqual((await early).reasons, [], 'it has not settled')
    await cluster.until('moving', 30_000, () => cluster.topologyOf(a).members.length === 5)
    await cluster.clock.advance(1000)
    const asked = cluster.node(asker).issuer.outlook()
    await cluster.clock.advance(100)
    const { current, installed, by } = await asked
    assert.equal(current.number, cluster.topologyOf(a).number)
    assert.ok(installed.size > 0)
    for (const [partition, reported] of installed) {
      const { replicas } = current.partitions[partition] ?? { replicas: [] }
      assert.deepEqual(new Set(reported), new Set(replicas.filter((id) => id !== e.storageId)))
    }
    assert.equal(by, members.find(({ storageId }) => storageId === roots[0])?.id)
  },

  'is for members to ask': async () => {
    const cluster = await clusterOf(members, 2)
    const outsider = cluster.start(e)
    cluster.roll.set(e, 'suspect')
    const asked = settlesWith(
      outsider.log.catchUp(1, a.id).then(() => outsider.issuer.remove(b.storageId)),
    )
    await cluster.clock.advance(1000)
    assert.ok(isAtollError(asked.error, 'DENIED'))
  },

  'is heard from members of the topology alone, and only when it follows': async () => {
    const cluster = await clusterOf(members, 3)
    const current = cluster.topologyOf(a)
    const parent = hashTopology(current)
    const next = { ...current, number: current.number + 1, parent, retired: [] }
    cluster.start(e)
    cluster.roll.set(e, 'suspect')
    const fromOther = await push(cluster, e, encodeTopology(next))
    assert.ok(isAtollError(fromOther.error, 'DENIED'))
    for (const wrong of [
      { ...next, parent: 'ab'.repeat(32) },
      { ...next, clusterId: b.storageId },
      { ...next, partitions: next.partitions.slice(0, 16) },
    ]) {
      const sent = await push(cluster, a, encodeTopology(wrong))
      assert.ok(isAtollError(sent.error, 'DENIED'))
    }
    const garbage = await push(cluster, a, Uint8Array.from([1, 2, 3]))
    assert.ok(isAtollError(garbage.error, 'DENIED'))
    assert.equal(cluster.topologyOf(b).number, current.number)
    const good = await push(cluster, a, encodeTopology(next))
    assert.equal(good.error, null)
    assert.equal(cluster.topologyOf(b).number, next.number)
  },

  'never goes back, and two of one number are reported': async () => {
    const cluster = await clusterOf(members, 3)
    const current = cluster.topologyOf(b)
    const old = { ...current, number: current.number - 1 }
    const other = { ...current, removed: [e.storageId] }
    for (const stale of [old, other, current]) {
      const sent = await push(cluster, a, encodeTopology(stale))
      assert.equal(sent.error, null)
      assert.equal(cluster.topologyOf(b), current)
    }
    const conflicts = cluster.node(b).lines.filter(({ event }) => event === 'topology.conflict')
    assert.equal(conflicts.length, 1)
  },

  'leaves no timer and no task behind': async () => {
    const cluster = await clusterOf(members, 3)
    for (const member of [a, b, c]) await cluster.stop(member)
    assert.equal(cluster.clock.pending, 1, 'only the test’s own gossip')
  },
}
