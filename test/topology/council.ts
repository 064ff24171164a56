/** Roots without a planner: logs, acceptors and proposers on the fakes, and who may know what. */
import assert from 'node:assert/strict'
import type { RemotePeer } from '../../src/mesh/mesh.ts'
import type { Ballot } from '../../src/topology/ballot.ts'
import { encodeTopology, hashTopology } from '../../src/topology/codec.ts'
import { SlotAcceptor } from '../../src/topology/slot-acceptor.ts'
import { decodeAccept, decodePrepare, encodeReply } from '../../src/topology/slot-messages.ts'
import { type Attempt, SlotProposer } from '../../src/topology/slot-proposer.ts'
import { TopologyLog } from '../../src/topology/topology-log.ts'
import type { Topology, TopologyMember } from '../../src/topology/topology.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { FakeDatabase, FakeMesh, Hub, type LogLine, recordingLog } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { CLUSTER, genesisOf, memberOf } from './members.ts'

export interface Root {
  readonly member: TopologyMember
  readonly self: RemotePeer
  readonly mesh: FakeMesh
  readonly topology: TopologyLog
  readonly acceptor: SlotAcceptor
  readonly proposer: SlotProposer
  readonly lines: LogLine[]
}

export class Council {
  readonly clock = new ManualClock()
  readonly hub = new Hub(this.clock)
  readonly members: readonly TopologyMember[]
  readonly disks = new Map<string, FakeDatabase>()
  readonly roots: Root[] = []
  /** Number to the hash of what anybody learned under it (I10). */
  readonly #decided = new Map<number, string>()
  readonly #boots = new Map<number, number>()
  readonly #foundedMs = this.clock.wallMs()
  /** What went wrong in a listener, whose exceptions are logged and dropped. */
  conflict: Error | null = null

  constructor(members: readonly TopologyMember[]) {
    this.members = members
  }

  /** All of them are roots of topology 1. */
  async found(rootCount = this.members.length): Promise<void> {
    const disks = this.members.map(({ storageId }) => storageId)
    const first = {
      ...genesisOf(this.members, { partitions: 4 }),
      members: this.members,
      roots: disks.slice(0, rootCount),
    }
    for (const index of this.members.keys()) this.start(index)
    await this.ends(Promise.all(this.roots.map(({ topology }) => topology.learn(first))))
  }

  /** Starts a process on the disk of that member, or starts it again. */
  start(index: number, storageId = this.members[index]?.storageId ?? ''): Root {
    const member = this.members[index]
    assert.ok(member !== undefined)
    const boot = (this.#boots.get(index) ?? 0) + 1
    this.#boots.set(index, boot)
    const facts = { role: 'member', run: 1, wireVersion: 1 } as const
    const self = { peer: member.id, storageId, boot, ...facts }
    const lines: LogLine[] = []
    const log = recordingLog(lines)
    const { clock } = this
    const database = this.disks.get(storageId) ?? new FakeDatabase(clock)
    this.disks.set(storageId, database)
    const mesh = new FakeMesh(this.hub, self)
    const isMember = () => true
    const topology = new TopologyLog({ clusterId: CLUSTER, mesh, clock, log, database, isMember })
    const acceptor = new SlotAcceptor({ self: storageId, topology, database, clock, log })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_PREPARE, async (from, body) => {
      return encodeReply(await acceptor.onPrepare(from, decodePrepare(body)))
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_ACCEPT, async (from, body) => {
      return encodeReply(await acceptor.onAccept(from, decodeAccept(body)))
    })
    const proposer = new SlotProposer({ mesh, clock, log, topology, acceptor })
    topology.subscribe((learned) => this.#onLearned(learned))
    const root = { member, self, mesh, topology, acceptor, proposer, lines }
    this.roots[index] = root
    return root
  }

  /** kill −9: what was not synced is gone. */
  crash(index: number): void {
    this.root(index).mesh.die()
    this.disks.get(this.root(index).self.storageId)?.crash()
  }

  restart(index: number): Root {
    this.crash(index)
    return this.start(index)
  }

  root(index: number): Root {
    const root = this.roots[index]
    assert.ok(root !== undefined)
    return root
  }

  current(index: number): Topology {
    const topology = this.root(index).topology.current()
    assert.ok(topology !== null)
    return topology
  }

  /** A ballot of that member; a higher `round` is a higher ballot. */
  ballot(index: number, round: number): Ballot {
    const { storageId, boot } = this.root(index).self
    return { counter: this.#foundedMs * 1024 + round, storageId, boot }
  }

  /** One that may follow: with the name given, which tells it from others. */
  plan(index: number, name: string, change: Partial<Topology> = {}): Topology {
    const current = this.current(index)
    return {
      ...current,
      number: current.number + 1,
      parent: hashTopology(current),
      retired: [],
      offered: [],
      removed: [...current.removed, memberOf(name).storageId],
      ...change,
    }
  }

  async attempt(index: number, plan: Topology | null): Promise<Attempt> {
    const { proposer } = this.root(index)
    return this.ends(proposer.attempt(this.current(index), plan))
  }

  /** As the decider does: what is chosen is learned. */
  async decide(index: number, plan: Topology | null): Promise<Attempt> {
    const attempt = await this.attempt(index, plan)
    if (attempt.kind === 'chosen') {
      await this.ends(this.root(index).topology.learn(attempt.topology))
    }
    return attempt
  }

  /** One root votes, whoever else does. */
  async vote(index: number, by: number, ballot: Ballot, plan: Topology): Promise<void> {
    const { acceptor } = this.root(index)
    const accept = { slot: plan.number, ballot, record: encodeTopology(plan) }
    const reply = await this.ends(acceptor.onAccept(this.root(by).self, accept))
    assert.equal(reply.kind, 'voted')
  }

  /** Lets time pass until the work has ended. */
  async ends<T>(work: Promise<T>): Promise<T> {
    let done = false
    const settled = () => {
      done = true
    }
    work.then(settled, settled)
    for (let turn = 0; turn < 2000 && !done; turn++) await this.clock.advance(10)
    assert.ok(done, 'it does not end')
    return work
  }

  check(): void {
    if (this.conflict !== null) throw this.conflict
  }

  get decided(): number {
    return this.#decided.size
  }

  #onLearned(topology: Topology): void {
    const hash = hashTopology(topology)
    const known = this.#decided.get(topology.number)
    this.#decided.set(topology.number, hash)
    if (known === undefined || known === hash) return
    this.conflict ??= new Error(`two topologies are number ${topology.number}`)
  }
}
