/**
 * What a slot promises, each rule a scenario that rejects when it is broken: run on the real code,
 * and on code with a rule taken out. Sentences in quotes are of Lamport, "Paxos Made Simple", 2001.
 */
import assert from 'node:assert/strict'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import type { RemotePeer } from '../../src/mesh/mesh.ts'
import type { Ballot } from '../../src/topology/ballot.ts'
import { encodeTopology, hashTopology } from '../../src/topology/codec.ts'
import type { SlotAcceptor } from '../../src/topology/slot-acceptor.ts'
import type { AcceptReply, PrepareReply } from '../../src/topology/slot-messages.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { Council } from './council.ts'
import { memberOf, membersOf } from './members.ts'

const DAY_MS = 24 * 60 * 60 * 1000

async function councilOf(count: number): Promise<Council> {
  const council = new Council(membersOf(count))
  await council.found()
  return council
}

function prepare(council: Council, at: number, by: number, ballot: Ballot): Promise<PrepareReply> {
  const { acceptor, topology } = council.root(at)
  const slot = topology.digest + 1
  return council.ends(acceptor.onPrepare(council.root(by).self, { slot, ballot }))
}

function accept(
  council: Council,
  at: number,
  by: number,
  ballot: Ballot,
  plan: Topology,
): Promise<AcceptReply> {
  const { acceptor } = council.root(at)
  const message = { slot: plan.number, ballot, record: encodeTopology(plan) }
  return council.ends(acceptor.onAccept(council.root(by).self, message))
}

async function isRefused(work: Promise<unknown>, why?: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(isAtollError(error, 'DENIED'), String(error))
    if (why !== undefined) assert.match(error.message, why)
    return true
  })
}

/** Resolves with the answer in the very moment in which it is given. */
async function answered<T>(council: Council, work: Promise<T>): Promise<T> {
  const reply = work.then((answer) => ({ answer }))
  let seen: { answer: T } | null = null
  reply.then(
    (value) => {
      seen = value
    },
    () => undefined,
  )
  for (let turn = 0; turn < 100 && seen === null; turn++) await council.clock.advance(0.25)
  return (await reply).answer
}

export const RULES: Readonly<Record<string, () => Promise<void>>> = {
  '“an acceptor can accept a proposal numbered n iff it has not responded to a prepare request having a number greater than n”':
    async () => {
      const council = await councilOf(3)
      const low = council.ballot(1, 1)
      const high = council.ballot(2, 2)
      assert.equal((await prepare(council, 0, 2, high)).kind, 'promised')
      const reply = await accept(council, 0, 1, low, council.plan(1, 'x'))
      assert.deepEqual(reply, { kind: 'rejected', promised: high })
      assert.equal(council.root(0).acceptor.accepted, null)
      assert.equal((await accept(council, 0, 2, high, council.plan(2, 'y'))).kind, 'voted')
      assert.equal((await accept(council, 0, 1, low, council.plan(1, 'x'))).kind, 'rejected')
    },

  'a vote is a promise too: nothing below it is promised or accepted': async () => {
    const council = await councilOf(3)
    const high = council.ballot(2, 2)
    await council.vote(0, 2, high, council.plan(2, 'y'))
    const low = await prepare(council, 0, 1, council.ballot(1, 1))
    assert.deepEqual(low, { kind: 'rejected', promised: high })
  },

  'a prepare that comes twice is answered twice, and written once': async () => {
    const council = await councilOf(3)
    const ballot = council.ballot(1, 1)
    const first = await prepare(council, 0, 1, ballot)
    const batches = council.disks.get(council.root(0).self.storageId)?.batches
    const before = batches?.length
    assert.deepEqual(await prepare(council, 0, 1, ballot), first)
    assert.equal(batches?.length, before)
  },

  'a promise is on the disk before it is given': async () => {
    const council = await councilOf(3)
    const high = council.ballot(2, 2)
    const { acceptor } = council.root(0)
    await answered(council, acceptor.onPrepare(council.root(2).self, { slot: 2, ballot: high }))
    council.restart(0)
    const low = await accept(council, 0, 1, council.ballot(1, 1), council.plan(1, 'x'))
    assert.deepEqual(low, { kind: 'rejected', promised: high })
  },

  'a vote is on the disk before it is given': async () => {
    const council = await councilOf(3)
    const ballot = council.ballot(1, 1)
    const record = encodeTopology(council.plan(1, 'x'))
    const { acceptor } = council.root(0)
    await answered(council, acceptor.onAccept(council.root(1).self, { slot: 2, ballot, record }))
    council.restart(0)
    const reply = await prepare(council, 0, 2, council.ballot(2, 2))
    assert.ok(reply.kind === 'promised')
    assert.deepEqual(reply.accepted, { ballot, record })
  },

  'a vote is shown with every promise after it': async () => {
    const council = await councilOf(3)
    const ballot = council.ballot(1, 1)
    const plan = council.plan(1, 'x')
    await council.vote(0, 1, ballot, plan)
    for (const round of [2, 3]) {
      if (round === 3) council.restart(0)
      const reply = await prepare(council, 0, 2, council.ballot(2, round))
      assert.ok(reply.kind === 'promised')
      assert.deepEqual(reply.accepted, { ballot, record: encodeTopology(plan) })
    }
  },

  'no step is taken while a topology is learned': async () => {
    const council = await councilOf(3)
    const { acceptor, topology } = council.root(0)
    const ballot = council.ballot(1, 1)
    const learning = topology.learn(council.plan(0, 'x'))
    const reply = acceptor.onPrepare(council.root(1).self, { slot: 2, ballot })
    const [, answer] = await council.ends(Promise.all([learning, reply]))
    assert.deepEqual(answer, { kind: 'decided', number: 2 })
  },

  'what a disk refuses was never said': async () => {
    const council = await councilOf(3)
    const disk = council.disks.get(council.root(0).self.storageId)
    assert.ok(disk !== undefined)
    disk.failure = new AtollError('DISK_FULL', 'no space')
    const high = council.ballot(2, 2)
    await assert.rejects(prepare(council, 0, 2, high), (error) => isAtollError(error, 'DISK_FULL'))
    disk.failure = null
    assert.equal((await prepare(council, 0, 1, council.ballot(1, 1))).kind, 'promised')
  },

  '“the value of the highest-numbered proposal among the responses”': async () => {
    for (const turned of [false, true]) {
      const council = await councilOf(5)
      const [lower, higher] = turned ? [1, 0] : [0, 1]
      await council.vote(lower, 3, council.ballot(3, 1), council.plan(3, 'lower'))
      await council.vote(higher, 4, council.ballot(4, 2), council.plan(4, 'higher'))
      for (const silent of [3, 4]) council.hub.cut.add(council.root(silent).self.peer)
      const attempt = await council.attempt(2, council.plan(2, 'own'))
      assert.ok(attempt.kind === 'chosen')
      assert.deepEqual(attempt.topology.removed, [memberOf('higher').storageId])
      assert.equal(attempt.ours, false)
    }
  },

  '“or is any value if the responses reported no proposals”': async () => {
    const council = await councilOf(3)
    const plan = council.plan(1, 'own')
    const attempt = await council.attempt(1, plan)
    assert.ok(attempt.kind === 'chosen')
    assert.deepEqual(attempt.topology, plan)
    assert.equal(attempt.ours, true)
  },

  'a majority of the roots decides, and nothing less': async () => {
    for (const [count, up, kind] of [
      [3, 2, 'chosen'],
      [3, 1, 'no-quorum'],
      [5, 3, 'chosen'],
      [5, 2, 'no-quorum'],
    ] as const) {
      const council = await councilOf(count)
      for (let i = up; i < count; i++) council.hub.cut.add(council.root(i).self.peer)
      assert.equal((await council.attempt(0, council.plan(0, 'x'))).kind, kind, `${up} of ${count}`)
    }
  },

  'what fewer than a majority voted for is not chosen, and nobody learns it': async () => {
    const council = await councilOf(3)
    council.hub.lost.add(REQUEST_KINDS.TOPOLOGY_ACCEPT)
    assert.equal((await council.decide(0, council.plan(0, 'x'))).kind, 'no-quorum')
    assert.ok(council.root(0).acceptor.accepted !== null)
    // The next one sees the vote, and has no majority for it either.
    council.hub.cut.add(council.root(2).self.peer)
    assert.equal((await council.decide(1, council.plan(1, 'y'))).kind, 'no-quorum')
    for (const index of [0, 1, 2]) {
      assert.equal(council.root(index).topology.digest, 1)
      council.restart(index)
      assert.equal(council.root(index).topology.digest, 1)
    }
    // Somebody who did not see it may have his own chosen.
    council.hub.lost.clear()
    council.hub.cut.clear()
    council.hub.cut.add(council.root(0).self.peer)
    council.hub.cut.add(council.root(1).self.peer)
    council.hub.cut.delete(council.root(1).self.peer)
    const attempt = await council.decide(2, council.plan(2, 'z'))
    assert.ok(attempt.kind === 'chosen')
    council.check()
  },

  'an attempt without a plan ends what was begun, and begins nothing': async () => {
    const council = await councilOf(3)
    assert.equal((await council.attempt(0, null)).kind, 'nothing')
    await council.vote(0, 1, council.ballot(1, 1_000_000), council.plan(1, 'x'))
    const attempt = await council.decide(0, null)
    assert.ok(attempt.kind === 'chosen')
    assert.deepEqual(council.current(0).removed, [memberOf('x').storageId])
  },

  'a root that is past the slot says that it is decided': async () => {
    const council = await councilOf(3)
    council.hub.cut.add(council.root(2).self.peer)
    assert.equal((await council.decide(0, council.plan(0, 'x'))).kind, 'chosen')
    await council.ends(council.root(1).topology.catchUp(2, council.root(0).self.peer))
    council.hub.cut.clear()
    // The third is slow: it knows nothing of it, and the two others have dropped the slot.
    const late = council.plan(2, 'y')
    const { acceptor } = council.root(0)
    const { self } = council.root(2)
    const ballot = council.ballot(2, 9)
    const decided = { kind: 'decided', number: 2 }
    const slot = 2
    assert.deepEqual(await council.ends(acceptor.onPrepare(self, { slot, ballot })), decided)
    const record = encodeTopology(late)
    assert.deepEqual(await council.ends(acceptor.onAccept(self, { slot, ballot, record })), decided)
    assert.equal((await council.decide(2, late)).kind, 'overtaken')
    assert.deepEqual(council.current(2), council.current(0))
    council.check()
  },

  'the loser of a slot cannot offer its plan in the next one': async () => {
    const council = await councilOf(3)
    const stale = council.plan(2, 'y')
    assert.equal((await council.decide(0, council.plan(0, 'x'))).kind, 'chosen')
    await council.ends(council.root(2).topology.catchUp(2, council.root(0).self.peer))
    const again = { ...stale, number: 3 }
    await isRefused(accept(council, 0, 2, council.ballot(2, 1), again), /parent/)
    assert.equal((await council.attempt(2, again)).kind, 'no-quorum')
  },

  'a root that is behind fetches the topology first': async () => {
    const council = await councilOf(3)
    council.hub.cut.add(council.root(2).self.peer)
    await council.decide(0, council.plan(0, 'x'))
    council.hub.cut.clear()
    assert.equal(council.root(2).topology.digest, 1)
    const ballot = council.ballot(0, 1)
    const { acceptor } = council.root(2)
    const reply = await council.ends(acceptor.onPrepare(council.root(0).self, { slot: 3, ballot }))
    assert.equal(reply.kind, 'promised')
    assert.equal(council.root(2).topology.digest, 2)
    const unknown = council.ends(acceptor.onPrepare(council.root(0).self, { slot: 99, ballot }))
    await assert.rejects(unknown, (error) => isAtollError(error, 'UNREACHABLE'))
  },

  'a slot goes from the disk in the batch that brings its topology': async () => {
    const council = await councilOf(3)
    const disk = council.disks.get(council.root(1).self.storageId)
    assert.ok(disk !== undefined)
    await council.vote(1, 0, council.ballot(0, 1), council.plan(0, 'x'))
    assert.ok(disk.get('topology/slot') !== undefined)
    await council.decide(1, null)
    assert.equal(disk.get('topology/slot'), undefined)
    const last = disk.batches.at(-1)?.map(({ key }) => key)
    assert.deepEqual(last, ['topology/current', 'topology/slot'])
    council.restart(1)
    assert.equal((await prepare(council, 1, 0, council.ballot(0, 2))).kind, 'promised')
  },

  'votes for nothing that may not follow': async () => {
    const council = await councilOf(3)
    const disk = memberOf('x').storageId
    const current = council.current(0)
    const moved = current.partitions.map(({ cfg, replicas }) => {
      return { cfg: 2, replicas: [disk], prev: { cfg, replicas }, former: [] }
    })
    const members = [...current.members, memberOf('x')]
    const wrong: Partial<Topology>[] = [
      { parent: hashTopology(council.plan(0, 'z')) },
      { clusterId: disk },
      { number: 3 },
      { roots: current.roots.slice(0, 2) },
      { members, partitions: moved.map((each) => ({ ...each, cfg: 1, prev: null })) },
      { members, partitions: moved.map((each) => ({ ...each, prev: null })) },
    ]
    for (const change of wrong) {
      const record = encodeTopology(council.plan(0, 'y', change))
      const message = { slot: 2, ballot: council.ballot(0, 1), record }
      const { self } = council.root(0)
      await isRefused(council.ends(council.root(1).acceptor.onAccept(self, message)))
    }
    const message = { slot: 2, ballot: council.ballot(0, 1), record: Uint8Array.of(7, 7) }
    await isRefused(council.ends(council.root(1).acceptor.onAccept(council.root(0).self, message)))
    assert.equal(council.root(1).acceptor.accepted, null)
    const late = new Council(council.members)
    await late.found()
    await late.decide(0, late.plan(0, 'q'))
    const back = late.plan(0, 'y', { members, partitions: moved })
    await isRefused(accept(late, 1, 0, late.ballot(0, 1), back), /cfg/)
    // A movement may begin, and then neither move again nor end without the reports.
    const next = council.plan(0, 'y', { members, partitions: moved })
    assert.equal((await council.decide(0, next)).kind, 'chosen')
    const moving = council.current(0).partitions
    const again = moving.map(({ cfg, replicas }) => {
      return { cfg: 3, replicas: current.roots.slice(0, 1), prev: { cfg, replicas }, former: [] }
    })
    const ended = moving.map((each) => {
      return { ...each, prev: null, former: each.prev?.replicas ?? [] }
    })
    const refused = [{ partitions: again }, { partitions: ended }]
    for (const change of refused) {
      const plan = council.plan(0, 'w', change)
      await isRefused(accept(council, 1, 0, council.ballot(0, 1), plan))
    }
    const retired = moving.map(({ replicas }, partition) => ({ partition, installed: replicas }))
    const good = council.plan(0, 'w', { partitions: ended, retired })
    assert.equal((await accept(council, 1, 0, council.ballot(0, 1), good)).kind, 'voted')
  },

  'a ballot is its sender’s own, and no wild clock’s': async () => {
    const council = await councilOf(3)
    const { acceptor } = council.root(0)
    const { self } = council.root(1)
    const own = council.ballot(1, 1)
    const ask = (from: RemotePeer, ballot: Ballot) =>
      council.ends(acceptor.onPrepare(from, { slot: 2, ballot }))
    const stranger = memberOf('stranger')
    await isRefused(ask(self, { ...own, storageId: council.root(2).self.storageId }))
    await isRefused(ask(self, { ...own, boot: own.boot + 1 }), /another/)
    await isRefused(
      ask({ ...self, storageId: stranger.storageId }, { ...own, storageId: stranger.storageId }),
      /no root/,
    )
    await isRefused(ask({ ...self, peer: stranger.id }, own), /no root/)
    const ahead = (council.clock.wallMs() + DAY_MS) * 1024
    for (const counter of [ahead + 1_000_000, Number.MAX_SAFE_INTEGER]) {
      const far = ask(self, { ...own, counter })
      await assert.rejects(far, (error) => isAtollError(error, 'CLOCK_SKEW'))
    }
    assert.equal(acceptor.refusals.total, 6)
    const { counts } = acceptor.refusals
    assert.deepEqual([counts['other-disk'], counts['not-a-root'], counts['far-future']], [2, 2, 2])
    const noted = council.root(0).lines.filter(({ event }) => event === 'topology.slot-refused')
    const reasons = noted.map(({ fields }) => `${String(fields.reason)} ${String(fields.peer)}`)
    const { peer } = self
    assert.deepEqual(
      reasons,
      [
        `other-disk ${peer}`,
        `not-a-root ${peer}`,
        `not-a-root ${stranger.id}`,
        `far-future ${peer}`,
      ],
      'once a peer and reason',
    )
    assert.equal((await ask(self, { ...own, counter: ahead })).kind, 'promised')
    // What was seen once is the measure from then on, also in the next slot and after a restart.
    assert.equal((await council.decide(1, council.plan(1, 'x'))).kind, 'chosen')
    await council.ends(council.root(0).topology.catchUp(2, self.peer))
    const again = council.restart(0).acceptor
    const far = { ...own, counter: ahead + 10_000_000 }
    const reply = await council.ends(again.onPrepare(self, { slot: 3, ballot: far }))
    assert.equal(reply.kind, 'promised')
  },

  'a root whose clock fell back refuses nobody': async () => {
    const council = await councilOf(3)
    await prepare(council, 0, 1, council.ballot(1, 1))
    const later = council.ballot(1, 2)
    council.clock.wallMs = () => 0
    assert.equal((await prepare(council, 0, 1, later)).kind, 'promised')
    assert.equal((await prepare(council, 2, 1, later)).kind, 'promised', 'nor one that knows none')
  },

  'a root whose clock was days ahead for a moment decides again, and nobody waits for it':
    async () => {
      const council = await councilOf(3)
      const root = council.root(2)
      const wallMs = council.clock.wallMs.bind(council.clock)
      const roots = [0, 1, 2].map((index) => council.root(index).acceptor)
      // Its clock is read by nobody else: the others judge in between.
      const wild = async () => {
        council.clock.wallMs = () => wallMs() + 3 * DAY_MS
        const attempt = root.proposer.attempt(council.current(2), council.plan(2, 'wild'))
        council.clock.wallMs = wallMs
        return council.ends(attempt)
      }
      assert.equal((await wild()).kind, 'no-quorum')
      assert.deepEqual(
        roots.map(({ refusals }) => refusals.counts['far-future']),
        [1, 1, 0],
        'it does not ask its own disk',
      )
      // One of the others is away: the disk of the one that was wild is needed.
      council.hub.cut.add(council.root(1).self.peer)
      assert.equal((await council.decide(0, council.plan(0, 'x'))).kind, 'chosen')
      await council.ends(root.topology.catchUp(2, council.root(0).self.peer))
      assert.equal((await wild()).kind, 'no-quorum')
      assert.equal((await council.decide(2, council.plan(2, 'y'))).kind, 'chosen')
    },

  'what stands far ahead at one root is not followed, and at most of them it is': async () => {
    const council = await councilOf(3)
    const wallMs = council.clock.wallMs.bind(council.clock)
    const far = { ...council.ballot(1, 0), counter: (wallMs() + 3 * DAY_MS) * 1024 }
    const promise = async (index: number) => {
      council.clock.wallMs = () => wallMs() + 3 * DAY_MS
      const reply = await prepare(council, index, 1, far)
      council.clock.wallMs = wallMs
      assert.equal(reply.kind, 'promised')
    }
    await promise(2)
    const first = await council.decide(0, council.plan(0, 'x'))
    assert.equal(first.kind, 'chosen', 'two are enough')
    for (const index of [1, 2]) {
      const { topology } = council.root(index)
      await council.ends(topology.catchUp(2, council.root(0).self.peer))
    }
    await promise(2)
    council.hub.cut.add(council.root(1).self.peer)
    for (let i = 0; i < 3; i++) {
      const attempt = await council.attempt(0, council.plan(0, 'y'))
      assert.equal(attempt.kind, 'outbid')
    }
    const { counts } = council.root(2).acceptor.refusals
    assert.equal(counts['far-future'], 0, 'it did not follow')
    council.hub.cut.clear()
    await promise(1)
    assert.equal((await council.attempt(0, council.plan(0, 'y'))).kind, 'outbid')
    assert.equal((await council.attempt(0, council.plan(0, 'y'))).kind, 'chosen')
  },

  'an answer counts for the disk whose name it bears': async () => {
    const council = await councilOf(3)
    const other = memberOf('wiped').storageId
    const impostor = {
      onPrepare: async () => ({ kind: 'promised', storageId: other, accepted: null }) as const,
      onAccept: async () => ({ kind: 'voted', storageId: other }) as const,
    }
    const { acceptor } = council.root(1)
    Object.assign(acceptor, impostor satisfies Pick<SlotAcceptor, 'onPrepare' | 'onAccept'>)
    council.hub.cut.add(council.root(2).self.peer)
    assert.equal((await council.attempt(0, council.plan(0, 'x'))).kind, 'no-quorum')
    const lines = council
      .root(0)
      .lines.filter(({ event }) => event === 'topology.vote-of-another-disk')
    assert.ok(lines.length > 0)
  },

  'is no business of others': async () => {
    const council = new Council(membersOf(4))
    await council.found(3)
    const { acceptor } = council.root(3)
    const ballot = council.ballot(0, 1)
    await isRefused(
      council.ends(acceptor.onPrepare(council.root(0).self, { slot: 2, ballot })),
      /no root/,
    )
    const asks = council.ends(
      council.root(0).acceptor.onPrepare(council.root(3).self, {
        slot: 2,
        ballot: council.ballot(3, 1),
      }),
    )
    await isRefused(asks, /no root/)
  },

  'an attempt that was outbid goes above it the next time': async () => {
    const council = await councilOf(3)
    const high = council.ballot(2, 5_000_000)
    for (const at of [0, 2]) await prepare(council, at, 2, high)
    assert.equal((await council.attempt(1, council.plan(1, 'x'))).kind, 'outbid')
    assert.equal((await council.attempt(1, council.plan(1, 'x'))).kind, 'chosen')
  },
}
