/**
 * A node: what a program holds, embedded or behind a daemon. It owns the data directory, and the
 * cluster's layers while it belongs to a cluster.
 */
import { AtollError } from '../base/errors.ts'
import { type MetricFamily, Metrics } from '../base/metrics.ts'
import type { Database } from '../disk/database.ts'
import { openDatabase } from '../disk/log-database.ts'
import type { Seams } from '../seams/seams.ts'
import type { Storage } from '../seams/storage.ts'
import { type ClusterAccess, kvOf, memberOf, regOf, ticketOf, topologyOf } from './apis.ts'
import type {
  AtollNode,
  CallOptions,
  DebugApi,
  Diagnosis,
  Explanation,
  KvApi,
  MemberApi,
  RegApi,
  Status,
  TicketApi,
  TopologyApi,
} from './api.ts'
import { type Claim, eraseClusterData, found, holdsClusterData, redeem } from './claim.ts'
import {
  type ClusterFile,
  readClusterFile,
  removeClusterFile,
  writeClusterFile,
} from './cluster-file.ts'
import { Cluster } from './compose.ts'
import type { NodeConfig } from './config.ts'
import { Doctor } from './doctor/doctor.ts'
import { edgeIdentity, type Identity, openIdentity, renewIdentity } from './identity.ts'
import { declareNodeMetrics } from './metrics.ts'
import { SelfWatch } from './watch/self-watch.ts'
import { VERSION } from '../base/version.ts'
import { removedError } from './removals.ts'
import { healthOfNode, statusOf } from './status.ts'
import { explain } from './explain.ts'

const EXPLAIN_DEADLINE_MS = 2000

interface Disk {
  readonly storage: Storage
  readonly database: Database
  readonly identity: Identity
  readonly file: ClusterFile | null
}

/** Opens the data directory. Rejects with DIR_LOCKED, DISK_DAMAGED and the like. */
export async function openNode(config: NodeConfig, outer: Seams): Promise<AtollNode> {
  const watch = new SelfWatch(outer)
  const { seams } = watch
  const metrics = new Metrics()
  if (config.dataDir === null) return new Node(config, watch, metrics, null)
  const storage = await seams.storage(config.dataDir)
  try {
    const { clock, log } = seams
    const database = await openDatabase({ storage, clock, log, metrics })
    try {
      const file = await readClusterFile(storage, database)
      const identity = await openIdentity(storage, database, seams.random, file !== null)
      return new Node(config, watch, metrics, { storage, database, identity, file })
    } catch (error) {
      await database.close()
      throw error
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}

class Node implements AtollNode {
  readonly failed: Promise<Error>
  readonly #config: NodeConfig
  readonly #watch: SelfWatch
  readonly #seams: Seams
  /** Of the disk and the node itself; a cluster's are its own. */
  readonly #metrics: Metrics
  readonly #disk: Disk | null
  readonly #doctor: Doctor
  #identity: Identity
  readonly #startedMs: number
  readonly #aborter = new AbortController()
  readonly #access: ClusterAccess = {
    running: () => this.#running(),
    belonging: () => this.#belonging(),
  }
  readonly kv: KvApi = kvOf(this.#access)
  readonly reg: RegApi = regOf(this.#access)
  readonly member: MemberApi = memberOf(this.#access)
  readonly ticket: TicketApi = ticketOf(this.#access)
  readonly topology: TopologyApi = topologyOf(this.#access)
  #cluster: Cluster | null = null
  #state: Status['state'] = 'unclaimed'
  /** A founding or joining under way: at most one. */
  #claiming: Promise<unknown> | null = null
  #stopping: Promise<void> | null = null

  constructor(config: NodeConfig, watch: SelfWatch, metrics: Metrics, disk: Disk | null) {
    const { seams } = watch
    this.#config = config
    this.#watch = watch
    this.#metrics = metrics
    this.#seams = seams
    this.#disk = disk
    this.#doctor = new Doctor({ watch, storage: disk?.storage ?? null })
    this.#identity = disk?.identity ?? edgeIdentity(seams.random)
    this.#startedMs = seams.clock.monotonicMs()
    this.failed = disk?.database.failed ?? new Promise(() => {})
    declareNodeMetrics(metrics, {
      state: () => this.#state,
      uptimeSeconds: () => this.#uptimeMs() / 1000,
      warnings: () => healthOfNode(this.#cluster).warnings.length,
    })
  }

  async start(): Promise<void> {
    const { name } = this.#config
    const { boot } = this.#identity
    this.#seams.log.write('info', 'node.started', { name, boot, version: VERSION })
    this.#watch.start()
    const file = this.#disk?.file ?? null
    if (file === null) return
    await this.#run({ file, topology: null }, async () => {})
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop(): Promise<void> {
    this.#state = 'stopping'
    this.#seams.log.write('info', 'node.stopping')
    this.#watch.stop()
    this.#aborter.abort(new AtollError('STOPPED', 'the node is stopping'))
    await this.#claiming?.catch(() => undefined)
    // Nobody comes back under an identity that no disk keeps: not to be taken for a failure.
    if (this.#disk === null) await this.#cluster?.membership.leave()
    await this.#cluster?.stop()
    await this.#doctor.stop()
    await this.#disk?.database.close()
    await this.#disk?.storage.close()
  }

  /** `beforeServing` is the last thing that may fail; only then are calls taken. */
  async #run({ file, topology }: Claim, beforeServing: () => Promise<void>): Promise<void> {
    const database = this.#disk?.database ?? null
    const parts = { config: this.#config, seams: this.#seams, identity: this.#identity }
    const cluster = new Cluster({ ...parts, database, file })
    try {
      await cluster.start(topology)
      await beforeServing()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    this.#cluster = cluster
    if (this.#stopping === null) this.#state = 'running'
  }

  async init(_options?: CallOptions): Promise<{ readonly clusterId: string }> {
    if (this.#disk === null) {
      const message = 'a node without a data directory cannot found a cluster'
      const hint = 'give it a data directory, or let it join with a ticket'
      throw new AtollError('UNSUPPORTED', message, { hint })
    }
    return this.#claim(async () => found(this.#config, this.#identity, this.#seams))
  }

  async join(ticket: string, options: CallOptions = {}): Promise<{ readonly clusterId: string }> {
    const own = this.#aborter.signal
    const signal = options.signal === undefined ? own : AbortSignal.any([own, options.signal])
    return this.#claim(() => redeem(ticket, this.#config, this.#identity, this.#seams, signal))
  }

  async #claim(make: () => Promise<Claim>): Promise<{ readonly clusterId: string }> {
    this.#mustNotStop()
    if (this.#cluster !== null || this.#claiming !== null) {
      throw new AtollError('ALREADY_CLAIMED', 'this daemon already belongs to a cluster', {
        hint: 'to move it to another one, `atoll leave` first',
      })
    }
    this.#state = 'joining'
    const claiming = this.#makeClaim(make)
    this.#claiming = claiming
    try {
      return await claiming
    } catch (error) {
      if (!this.#aborter.signal.aborted) this.#state = 'unclaimed'
      throw error
    } finally {
      this.#claiming = null
    }
  }

  async #makeClaim(make: () => Promise<Claim>): Promise<{ readonly clusterId: string }> {
    const disk = this.#disk
    if (disk !== null) await this.#empty(disk)
    const claim = await make()
    await this.#run(claim, async () => {
      // Last of all: until it is written the next start finds an unclaimed directory.
      if (disk !== null) await writeClusterFile(disk.storage, disk.database, claim.file)
    })
    return { clusterId: claim.file.clusterId }
  }

  /** Of what an earlier cluster left, and of what a claim that failed late may have. */
  async #empty({ storage, database }: Disk): Promise<void> {
    await removeClusterFile(storage, database)
    if (!(await holdsClusterData(database))) return
    // Before anything is erased: a crash in between leaves a new disk with old data, which the next
    // claim empties again.
    this.#identity = await renewIdentity(storage, database, this.#seams.random, this.#identity)
    await eraseClusterData(database)
  }

  async leave(options: CallOptions = {}): Promise<void> {
    const cluster = this.#running()
    if (this.#state === 'leaving') throw new AtollError('CONFLICT', 'this node is leaving already')
    this.#state = 'leaving'
    try {
      const hasData = cluster.mesh.self.role === 'member' && cluster.removals.self === null
      if (hasData) await cluster.issuer.leave(options)
      // Before the goodbye, after which there is no way back: the disk may be full.
      if (this.#disk !== null) await removeClusterFile(this.#disk.storage, this.#disk.database)
    } catch (error) {
      if (this.#stopping === null) this.#state = 'running'
      throw error
    }
    await cluster.membership.leave()
    await cluster.stop()
    this.#cluster = null
    this.#state = 'unclaimed'
  }

  async status(): Promise<Status> {
    return statusOf({
      cluster: this.#cluster,
      config: this.#config,
      identity: this.#identity,
      state: this.#state,
      uptimeMs: this.#uptimeMs(),
    })
  }

  async doctor(options: CallOptions = {}): Promise<Diagnosis> {
    this.#mustNotStop()
    return this.#doctor.examine(this.#cluster, options)
  }

  readonly debug: DebugApi = {
    log: async (levels, { forMs } = {}) => {
      const { logControl } = this.#watch
      return levels === undefined ? logControl.show() : logControl.change(levels, forMs)
    },
    timeline: async ({ sinceMs } = {}) => this.#watch.incidents.show(this.#config.name, sinceMs),
  }

  /** What a cluster's layers counted begins anew when the node joins another one. */
  async metrics(_options?: CallOptions): Promise<readonly MetricFamily[]> {
    return [...this.#metrics.collect(), ...(this.#cluster?.metrics.collect() ?? [])]
  }

  #uptimeMs(): number {
    return this.#seams.clock.monotonicMs() - this.#startedMs
  }

  async explain(key: string, options: CallOptions = {}): Promise<Explanation> {
    return explain(this.#belonging(), key, options.deadlineMs ?? EXPLAIN_DEADLINE_MS)
  }

  #running(): Cluster {
    this.#mustNotStop()
    if (this.#cluster !== null) return this.#cluster
    throw new AtollError('UNCLAIMED', 'this daemon belongs to no cluster yet', {
      hint: 'found one with `atoll init`, or join one with `atoll join TICKET`',
    })
  }

  /** For what the members must have a part in. */
  #belonging(): Cluster {
    const cluster = this.#running()
    const removal = cluster.removals.self
    if (removal !== null) throw removedError(removal, (peer) => cluster.nameOf(peer))
    return cluster
  }

  #mustNotStop(): void {
    if (this.#stopping !== null) throw new AtollError('STOPPED', 'the node is stopping')
  }
}
