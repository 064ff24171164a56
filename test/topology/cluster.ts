/** Whole topology layers of several nodes, on the fakes; a fake store installs what it is given. */
import assert from 'node:assert/strict'
import type { RemotePeer } from '../../src/mesh/mesh.ts'
import { MovementReporter } from '../../src/topology/movement-reporter.ts'
import { RootsIssuer } from '../../src/topology/roots-issuer.ts'
import { TopologyLog } from '../../src/topology/topology-log.ts'
import type { Topology, TopologyMember } from '../../src/topology/topology.ts'
import { FakeDatabase, FakeMesh, Hub, type LogLine, recordingLog, Roll } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { CLUSTER, genesisOf } from './members.ts'

const GOSSIP_MS = 200

export interface TestNode {
  readonly member: TopologyMember
  readonly mesh: FakeMesh
  readonly log: TopologyLog
  readonly issuer: RootsIssuer
  readonly reporter: MovementReporter
  readonly lines: LogLine[]
}

export class Cluster {
  readonly clock = new ManualClock()
  readonly hub = new Hub(this.clock)
  readonly roll = new Roll(this.clock)
  readonly nodes = new Map<string, TestNode>()
  readonly disks = new Map<string, FakeDatabase>()
  readonly issued: { readonly number: number; readonly atMs: number }[] = []
  /** Disks whose store installs nothing. */
  readonly slow = new Set<string>()
  /** Disks whose store does not let go of what it had. */
  readonly keeping = new Set<string>()
  readonly partitions: number
  readonly #founder: TopologyMember
  readonly #boots = new Map<string, number>()

  constructor(founder: TopologyMember, partitions = 32) {
    this.#founder = founder
    this.partitions = partitions
    this.clock.after(GOSSIP_MS, () => this.#gossip())
  }

  async found(): Promise<TestNode> {
    const node = this.start(this.#founder)
    const learned = node.log.learn(genesisOf([this.#founder], { partitions: this.partitions }))
    await this.clock.advance(10)
    assert.equal(await learned, true)
    return node
  }

  /** Starts a node on its disk, which may have been used before. */
  start(member: TopologyMember): TestNode {
    const boot = (this.#boots.get(member.storageId) ?? 0) + 1
    this.#boots.set(member.storageId, boot)
    const self: RemotePeer = {
      peer: member.id,
      storageId: member.storageId,
      boot,
      role: 'member',
      run: 1,
      wireVersion: 1,
    }
    const lines: LogLine[] = []
    const log = recordingLog(lines)
    const mesh = new FakeMesh(this.hub, self)
    const { clock } = this
    const database = this.disks.get(member.storageId) ?? new FakeDatabase(clock)
    this.disks.set(member.storageId, database)
    this.roll.set(member, 'alive', { boot })
    const membership = this.roll.viewOf(member.id)
    const isMember = () => true
    const topology = new TopologyLog({ clusterId: CLUSTER, mesh, clock, log, database, isMember })
    const random = new SimRandom(`${member.name}/${boot}`)
    const parts = { mesh, clock, random, log, membership, topology, database }
    const issuer = new RootsIssuer(parts)
    const reporter = new MovementReporter({ self: member.storageId, topology, issuer, clock, log })
    const node = { member, mesh, log: topology, issuer, reporter, lines }
    this.nodes.set(member.storageId, node)
    topology.subscribe((next) => {
      const { number } = next
      if (number > (this.issued.at(-1)?.number ?? 0)) {
        this.issued.push({ number, atMs: clock.monotonicMs() })
      }
      this.#install(node, next)
    })
    const current = topology.current()
    if (current !== null) this.#install(node, current)
    issuer.start()
    return node
  }

  /** kill −9. */
  async crash(member: TopologyMember): Promise<void> {
    this.roll.set(member, 'dead')
    await this.stop(member)
  }

  async stop(member: TopologyMember): Promise<void> {
    const node = this.nodes.get(member.storageId)
    if (node === undefined) return
    this.nodes.delete(member.storageId)
    this.hub.meshes.delete(member.id)
    const done = Promise.all([node.reporter.stop(), node.issuer.stop(), node.log.stop()])
    await this.clock.advance(10)
    await done
  }

  node(member: TopologyMember | undefined): TestNode {
    const node = this.nodes.get(member?.storageId ?? '')
    assert.ok(node !== undefined, `${member?.name} does not run`)
    return node
  }

  topologyOf(member: TopologyMember | undefined): Topology {
    const topology = this.node(member).log.current()
    assert.ok(topology !== null)
    return topology
  }

  /** Waits until it holds, at most that long. */
  async until(what: string, withinMs: number, holds: () => boolean): Promise<number> {
    const startMs = this.clock.monotonicMs()
    while (!holds()) {
      const tookMs = this.clock.monotonicMs() - startMs
      assert.ok(tookMs < withinMs, `not within ${withinMs} ms: ${what}`)
      await this.clock.advance(20)
    }
    return this.clock.monotonicMs() - startMs
  }

  /** Everybody holds the same topology of these members, nothing moves, all sets are full. */
  isPlaced(members: readonly TopologyMember[], replicas: number): boolean {
    return [...this.nodes.values()].every(({ log }) => {
      const topology = log.current()
      if (topology === null || topology.members.length !== members.length) return false
      const names = new Set(topology.members.map(({ storageId }) => storageId))
      return (
        members.every(({ storageId }) => names.has(storageId)) &&
        topology.partitions.every((each) => each.prev === null && each.replicas.length === replicas)
      )
    })
  }

  #install({ member, reporter, log }: TestNode, topology: Topology): void {
    if (this.slow.has(member.storageId)) return
    this.clock.after(5, () => {
      if (log.current()?.number !== topology.number) return
      for (const [index, { cfg, replicas, prev, former }] of topology.partitions.entries()) {
        const isOurs = prev !== null && replicas.includes(member.storageId)
        if (isOurs) reporter.reportInstalled(index, cfg)
        const isOver = former.includes(member.storageId) && !this.keeping.has(member.storageId)
        if (isOver) reporter.reportEmptied(index, cfg)
      }
    })
  }

  /** Every node tells every other its number, as pings do. */
  #gossip(): void {
    const live = [...this.nodes.values()].filter(({ mesh }) => !this.hub.cut.has(mesh.self.peer))
    for (const { log, mesh } of live) {
      for (const other of live) {
        if (other.log !== log) other.log.onDigest(mesh.self.peer, log.digest)
      }
    }
    this.clock.after(GOSSIP_MS, () => this.#gossip())
  }
}
