/**
 * A few nodes of one layer over simulated disks, on fakes of the mesh and of membership, under a
 * clock that the test moves. Nodes are letters; the test says what becomes of each request.
 */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { Database } from '../../src/disk/database.ts'
import { DATABASE_LIMITS } from '../../src/disk/limits.ts'
import { openDatabase } from '../../src/disk/log-database.ts'
import { asTold, toldError } from '../../src/mesh/answer.ts'
import type { RemotePeer, RequestKind, RequestOptions } from '../../src/mesh/mesh.ts'
import type { Clock } from '../../src/seams/clock.ts'
import type { Log } from '../../src/seams/log.ts'
import type { Random } from '../../src/seams/random.ts'
import type { Membership } from '../../src/swim/member.ts'
import { TopologyLog } from '../../src/topology/topology-log.ts'
import { formerAfter } from '../../src/topology/former.ts'
import type { Partition, Topology, TopologyMember } from '../../src/topology/topology.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { FakeMesh, Hub, type LogLine, recordingLog, Roll } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { CLUSTER, genesisOf, memberOf } from './members.ts'

/** More than any test has reason to wait. */
const PATIENCE_MS = 300_000

export interface Question {
  readonly from: string
  readonly to: string
  readonly kind: RequestKind
  readonly body: Uint8Array
}

/**
 * `lost`: never arrives, and nobody can tell. `answer lost`: it is carried out. `unreachable`: it
 * surely was not sent. A promise: it arrives when that resolves. An error: it is answered by it.
 */
export type Fate = 'lost' | 'answer lost' | 'unreachable' | Promise<void> | AtollError

export interface WorldNode {
  readonly name: string
  readonly member: TopologyMember
  readonly mesh: WorldMesh
  readonly topology: TopologyLog
  /** null on an edge. */
  readonly database: Database | null
  readonly lines: LogLine[]
  /** What the layer reported as installed: partition and cfg. */
  readonly installed: string[]
  /** What it reported as holding nothing any more: partition and cfg. */
  readonly emptied: string[]
}

/** What the layer under test is made of. */
export interface LayerParts {
  /** '' on an edge. */
  readonly self: string
  readonly boot: number
  /** null on an edge. */
  readonly database: Database | null
  readonly mesh: WorldMesh
  readonly topology: TopologyLog
  readonly membership: Membership
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly reportInstalled: (partition: number, cfg: number) => void
  readonly reportEmptied: (partition: number, cfg: number) => void
}

export interface WorldOptions {
  /** Nodes that start; default: all of the sets. */
  readonly nodes?: string
  readonly edges?: string
  readonly seed?: string
}

export class WorldMesh extends FakeMesh {
  /** Of a dead process nothing is heard any more. */
  dead = false
  readonly #world: LayerWorld<object>

  constructor(world: LayerWorld<object>, self: RemotePeer) {
    super(world.hub, self)
    this.#world = world
  }

  override request(
    peer: string,
    kind: RequestKind,
    body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    const { clock } = this.#world
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    if (this.dead) return promise
    const question = {
      from: this.#world.nameOf(this.self.peer),
      to: this.#world.nameOf(peer),
      kind,
      body,
    }
    const fate = this.#world.ask(question)
    const late = clock.after(options.timeoutMs, () => {
      reject(new AtollError('TIMEOUT', `${question.to} took too long`, { outcome: 'unknown' }))
    })
    const onAbort = (): void => {
      reject(new AtollError('CANCELLED', 'the call was given up', { outcome: 'unknown' }))
    }
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const arrive = async (): Promise<Uint8Array> => {
      if (fate === 'unreachable') throw new AtollError('UNREACHABLE', 'no path')
      if (fate === 'lost') return new Promise(() => undefined)
      if (fate instanceof AtollError) throw fate
      if (fate instanceof Promise) await fate
      const { signal: _, ...rest } = options
      const answer = await super.request(peer, kind, body, rest)
      this.#world.onAnswer(question, answer)
      return fate === 'answer lost' ? new Promise(() => undefined) : answer
    }
    const end = (): void => {
      late.cancel()
      options.signal?.removeEventListener('abort', onAbort)
    }
    arrive().then(resolve, (error: unknown) => reject(asTold(toldError(error))))
    return promise.finally(end)
  }
}

/** `L`: what a node has besides, as `make` gives it. */
export abstract class LayerWorld<L extends object> {
  readonly clock = new ManualClock()
  readonly hub = new Hub(this.clock)
  readonly roll = new Roll(this.clock)
  readonly nodes = new Map<string, WorldNode & L>()
  readonly disks = new Map<string, SimDisk>()
  /** Every request that was sent. */
  readonly asked: Question[] = []
  /** What becomes of a request; undefined: it arrives. */
  fate: (question: Question) => Fate | undefined = () => undefined
  /** Told of each answer when it is given. */
  onAnswer: (question: Question, answer: Uint8Array) => void = () => {}
  readonly #random: SimRandom
  readonly #names: readonly string[]
  readonly #boots = new Map<string, number>()
  /** Up to which boot a node has died. */
  readonly #deaths = new Map<string, number>()
  #wallSkew = new Map<string, number>()
  latest: Topology

  protected constructor(sets: readonly string[], options: WorldOptions) {
    const names = [...new Set(lettersOf(sets.join('') + (options.nodes ?? '')))]
    const seed = options.seed ?? sets.join()
    this.#random = new SimRandom(seed)
    this.#names = names
    const members = this.#names.map((name) => memberOf(name))
    const genesis = genesisOf(members, { partitions: sets.length, replicationFactor: 7 })
    const partitions = sets.map((set) => ({
      cfg: 2,
      replicas: this.idsOf(set),
      prev: null,
      former: [],
    }))
    this.latest = { ...genesis, number: 2, parent: 'ab'.repeat(32), members, partitions }
  }

  protected abstract make(parts: LayerParts): L
  /** After the node has learned its first topology. */
  protected abstract begin(layer: L): Promise<void>

  /** Boots everybody; called once, first of all. */
  protected async bootAll({ edges = '' }: WorldOptions): Promise<void> {
    for (const name of this.#names) await this.boot(name)
    for (const name of edges) await this.boot(name, 'edge')
  }

  /** Starts a node on its disk, which may have been used before. `facts`: not those of its name. */
  async boot(
    name: string,
    role: 'member' | 'edge' = 'member',
    facts: Partial<TopologyMember> = {},
  ): Promise<WorldNode & L> {
    const member = memberOf(name, facts)
    const boot = (this.#boots.get(name) ?? 0) + 1
    this.#boots.set(name, boot)
    const { id: peer, storageId } = member
    const self = role === 'edge' ? '' : storageId
    const mesh = new WorldMesh(this, { peer, storageId: self, boot, role, run: 1, wireVersion: 1 })
    const lines: LogLine[] = []
    const log = recordingLog(lines)
    const clock = this.#clockOf(name, boot)
    const database = role === 'edge' ? null : await this.#open(name, clock)
    this.roll.set({ ...member, storageId: self }, 'alive', { boot, role })
    const membership = this.roll.viewOf(peer)
    const isMember = (): boolean => true
    const topology = new TopologyLog({ clusterId: CLUSTER, mesh, clock, log, database, isMember })
    const installed: string[] = []
    const emptied: string[] = []
    const layer = this.make({
      self,
      boot,
      database,
      mesh,
      topology,
      membership,
      clock,
      random: this.#random.fork(`${name} ${boot}`),
      log,
      reportInstalled: (partition, cfg) => void installed.push(`${partition} in ${cfg}`),
      reportEmptied: (partition, cfg) => void emptied.push(`${partition} in ${cfg}`),
    })
    const node = { name, member, mesh, topology, database, lines, installed, emptied, ...layer }
    this.nodes.set(name, node)
    if (topology.current() === null) await this.drive(topology.learn(this.latest))
    await this.drive(this.begin(layer))
    return node
  }

  /** Power loss, or only the death of the process. */
  crash(name: string, { power = true }: { readonly power?: boolean } = {}): void {
    const node = this.node(name)
    node.mesh.dead = true
    this.#deaths.set(name, this.#boots.get(name) ?? 0)
    this.hub.meshes.delete(node.member.id)
    this.nodes.delete(name)
    this.roll.set(node.member, 'dead')
    if (power) this.disk(name).powerLoss()
    else this.disk(name).crash()
  }

  /** Believed dead, and cut off. */
  lose(name: string): void {
    this.hub.cut.add(this.node(name).member.id)
    this.roll.set(this.node(name).member, 'dead')
  }

  find(name: string): void {
    this.hub.cut.delete(this.node(name).member.id)
    this.roll.set(this.node(name).member, 'alive')
  }

  /** The next topology, not yet known to anybody: partitions whose set is another one move. */
  move(sets: readonly string[]): Topology {
    const number = this.latest.number + 2
    const partitions = this.latest.partitions.map((before, i): Partition => {
      const replicas = this.idsOf(sets[i] ?? '')
      if (replicas.join() === before.replicas.join()) return before
      const former = before.former.filter((id) => !replicas.includes(id))
      return { cfg: number, replicas, prev: { cfg: before.cfg, replicas: before.replicas }, former }
    })
    this.latest = { ...this.latest, number, partitions }
    return this.latest
  }

  /** The next topology: what moves has moved. */
  finish(): Topology {
    const partitions = this.latest.partitions.map((before): Partition => {
      const after = { ...before, prev: null }
      return { ...after, former: formerAfter(before, after, new Set()) }
    })
    this.latest = { ...this.latest, number: this.latest.number + 2, partitions }
    return this.latest
  }

  /** The next topology: nobody is a former replica any more. */
  forget(): Topology {
    const partitions = this.latest.partitions.map((each) => ({ ...each, former: [] }))
    this.latest = { ...this.latest, number: this.latest.number + 2, partitions }
    return this.latest
  }

  /** These nodes, all by default, learn the latest topology. */
  async tell(names: Iterable<string> = this.nodes.keys()): Promise<void> {
    const learning = [...names].map((name) => this.node(name).topology.learn(this.latest))
    await this.drive(Promise.all(learning))
  }

  node(name: string): WorldNode & L {
    const node = this.nodes.get(name)
    assert.ok(node !== undefined, `${name} does not run`)
    return node
  }

  disk(name: string): SimDisk {
    const known = this.disks.get(name)
    if (known !== undefined) return known
    const disk = new SimDisk(this.#random.fork(`disk ${name}`))
    this.disks.set(name, disk)
    return disk
  }

  /** How far a node's wall clock is ahead; set before it boots. */
  skew(name: string, ms: number): void {
    this.#wallSkew = new Map([...this.#wallSkew, [name, ms]])
  }

  nameOf(peer: string): string {
    for (const name of [...this.#names, ...this.nodes.keys()]) {
      if (memberOf(name).id === peer) return name
    }
    return '?'
  }

  idsOf(names: string): string[] {
    return lettersOf(names).map((name) => memberOf(name).storageId)
  }

  ask(question: Question): Fate | undefined {
    this.asked.push(question)
    return this.fate(question)
  }

  /** Lets that much time pass. */
  async wait(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }

  /** Lets time pass until the promise has settled, and gives what it gave. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    const startMs = this.clock.monotonicMs()
    while (!settled) {
      const tookMs = this.clock.monotonicMs() - startMs
      assert.ok(tookMs < PATIENCE_MS, 'the promise never settles')
      await this.clock.advance(tookMs < 100 ? 1 : 20)
    }
    return promise
  }

  async until(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
    const startMs = this.clock.monotonicMs()
    while (!holds()) {
      assert.ok(this.clock.monotonicMs() - startMs < withinMs, `in vain: ${what}`)
      await this.clock.advance(5)
    }
  }

  async #open(name: string, clock: Clock): Promise<Database> {
    const after = (delayMs: number, run: () => void): void => void clock.after(delayMs, run)
    const storage = await this.disk(name).open('data', after)
    const log = { allows: () => true, write: () => undefined }
    return this.drive(openDatabase({ storage, clock, log, limits: DATABASE_LIMITS }))
  }

  /** Nothing that a process waits for comes to pass after its death. */
  #clockOf(name: string, boot: number): Clock {
    const { clock } = this
    const skewMs = (): number => this.#wallSkew.get(name) ?? 0
    const alive = (run: () => void) => (): void => {
      if ((this.#deaths.get(name) ?? 0) < boot) run()
    }
    return {
      monotonicMs: () => clock.monotonicMs(),
      wallMs: () => Math.floor(clock.wallMs() + skewMs()),
      after: (delayMs, run) => clock.after(delayMs, alive(run)),
      soon: (run) => clock.soon(alive(run)),
    }
  }
}

export function lettersOf(names: string): string[] {
  return names.split('')
}
