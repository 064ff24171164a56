/**
 * A node: what a program holds, embedded or behind a daemon. It owns the data directory, and the
 * cluster's layers while it belongs to a cluster.
 */
import { AtollError } from '../base/errors.ts'
import { type MetricFamily, Metrics } from '../base/metrics.ts'
import type { Seams } from '../seams/seams.ts'
import { type ClusterAccess, debugOf, kvOf, memberOf, regOf, ticketOf, topologyOf } from './apis.ts'
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
import { type Claim, foundCluster, redeemTicket } from './claim.ts'
import { Cluster } from './compose.ts'
import type { NodeConfig } from './config.ts'
import { DataDirectory } from './data-directory.ts'
import { Doctor } from './doctor/doctor.ts'
import { edgeIdentity, type Identity } from './identity.ts'
import { declareNodeMetrics } from './metrics.ts'
import { SelfWatch } from './watch/self-watch.ts'
import { VERSION } from '../base/version.ts'
import { removedError } from './removals.ts'
import { healthOfNode, shownState, statusOf } from './status.ts'
import { explain } from './explain.ts'

/** Opens the data directory. Rejects with DIR_LOCKED, DISK_DAMAGED and the like. */
export async function openNode(config: NodeConfig, outer: Seams): Promise<AtollNode> {
  const watch = new SelfWatch(outer)
  const { seams } = watch
  const metrics = new Metrics()
  const { dataDir } = config
  const directory = dataDir === null ? null : await DataDirectory.open(dataDir, seams, metrics)
  return new Node(config, watch, metrics, directory)
}

class Node implements AtollNode {
  readonly failed: Promise<Error>
  readonly #config: NodeConfig
  readonly #watch: SelfWatch
  readonly #seams: Seams
  /** Of the disk and the node itself; a cluster's are its own. */
  readonly #metrics: Metrics
  /** null on an edge that has none. */
  readonly #directory: DataDirectory | null
  /** Who it is, as its directory says; on an edge without one, somebody new. */
  readonly #who: { readonly identity: Identity }
  readonly #doctor: Doctor
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
  readonly debug: DebugApi
  #cluster: Cluster | null = null
  #state: Status['state'] = 'unclaimed'
  #starting: Promise<void> | null = null
  /** Whatever ends in a cluster: coming up, founding, joining. At most one is under way. */
  #claiming: Promise<unknown> | null = null
  #stopping: Promise<void> | null = null

  constructor(
    config: NodeConfig,
    watch: SelfWatch,
    metrics: Metrics,
    directory: DataDirectory | null,
  ) {
    const { seams } = watch
    this.#config = config
    this.#watch = watch
    this.#metrics = metrics
    this.#seams = seams
    this.#directory = directory
    this.debug = debugOf(watch, config.name)
    this.#doctor = new Doctor({ watch, storage: directory?.storage ?? null })
    this.#who = directory ?? { identity: edgeIdentity(seams.random) }
    this.#startedMs = seams.clock.monotonicMs()
    this.failed = directory?.database.failed ?? new Promise(() => {})
    declareNodeMetrics(metrics, {
      state: () => shownState(this.#state, this.#cluster),
      uptimeSeconds: () => this.#uptimeMs() / 1000,
      warnings: () => healthOfNode(this.#cluster).warnings.length,
    })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    this.#mustNotStop()
    const { name } = this.#config
    const { boot } = this.#who.identity
    this.#seams.log.write('info', 'node.started', { name, boot, version: VERSION })
    this.#watch.start()
    const file = this.#directory?.file ?? null
    if (file === null) return
    await this.#alone(this.#run({ file, topology: null }, async () => {}))
  }

  /** Until it ends nothing else is claimed, and nothing that it uses is closed. */
  async #alone<T>(claiming: Promise<T>): Promise<T> {
    this.#claiming = claiming
    try {
      return await claiming
    } finally {
      this.#claiming = null
    }
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
    if (this.#directory === null) await this.#cluster?.membership.leave()
    await this.#cluster?.stop()
    await this.#doctor.stop()
    await this.#directory?.close()
  }

  /** `beforeServing` is the last thing that may fail; only then are calls taken. */
  async #run({ file, topology }: Claim, beforeServing: () => Promise<void>): Promise<void> {
    const database = this.#directory?.database ?? null
    const parts = { config: this.#config, seams: this.#seams, identity: this.#who.identity }
    const cluster = new Cluster({ ...parts, database, file })
    try {
      await cluster.start(topology, this.#aborter.signal)
      await beforeServing()
    } catch (error) {
      await cluster.stop()
      throw error
    }
    this.#cluster = cluster
    if (this.#stopping === null) this.#state = 'running'
  }

  async init(_options?: CallOptions): Promise<{ readonly clusterId: string }> {
    if (this.#directory === null) {
      const message = 'a node without a data directory cannot found a cluster'
      const hint = 'give it a data directory, or let it join with a ticket'
      throw new AtollError('UNSUPPORTED', message, { hint })
    }
    return this.#claim(async () => foundCluster(this.#config, this.#who.identity, this.#seams))
  }

  async join(ticket: string, options: CallOptions = {}): Promise<{ readonly clusterId: string }> {
    const own = this.#aborter.signal
    const signal = options.signal === undefined ? own : AbortSignal.any([own, options.signal])
    return this.#claim(() =>
      redeemTicket(ticket, this.#config, this.#who.identity, this.#seams, signal),
    )
  }

  async #claim(make: () => Promise<Claim>): Promise<{ readonly clusterId: string }> {
    this.#mustNotStop()
    if (this.#cluster !== null || this.#claiming !== null) {
      throw new AtollError('ALREADY_CLAIMED', 'this daemon already belongs to a cluster', {
        hint: 'to move it to another one, `atoll leave` first',
      })
    }
    this.#state = 'joining'
    try {
      return await this.#alone(this.#makeClaim(make))
    } catch (error) {
      if (!this.#aborter.signal.aborted) this.#state = 'unclaimed'
      throw error
    }
  }

  async #makeClaim(make: () => Promise<Claim>): Promise<{ readonly clusterId: string }> {
    await this.#directory?.empty(this.#seams.random)
    const claim = await make()
    await this.#run(claim, async () => {
      // Last of all: until it is written the next start finds an unclaimed directory.
      await this.#directory?.claim(claim.file)
    })
    return { clusterId: claim.file.clusterId }
  }

  async leave(options: CallOptions = {}): Promise<void> {
    const cluster = this.#running()
    if (this.#state === 'leaving') throw new AtollError('CONFLICT', 'this node is leaving already')
    this.#state = 'leaving'
    try {
      const hasData = cluster.mesh.self.role === 'member' && cluster.removals.self === null
      const hasLetGo = (): Promise<boolean> => cluster.kv.hasLetGo()
      if (hasData) await cluster.issuer.leave({ ...options, hasLetGo })
      // Before the goodbye, after which there is no way back: the disk may be full.
      await this.#directory?.release()
    } catch (error) {
      if (this.#stopping === null) this.#state = 'running'
      throw error
    }
    await cluster.membership.leave()
    await cluster.stop()
    this.#cluster = null
    if (this.#stopping === null) this.#state = 'unclaimed'
  }

  async status(): Promise<Status> {
    return statusOf({
      cluster: this.#cluster,
      config: this.#config,
      identity: this.#who.identity,
      state: this.#state,
      uptimeMs: this.#uptimeMs(),
    })
  }

  async doctor(options: CallOptions = {}): Promise<Diagnosis> {
    this.#mustNotStop()
    return this.#doctor.examine(this.#cluster, options)
  }

  /** What a cluster's layers counted begins anew when the node joins another one. */
  async metrics(_options?: CallOptions): Promise<readonly MetricFamily[]> {
    return [...this.#metrics.collect(), ...(this.#cluster?.metrics.collect() ?? [])]
  }

  #uptimeMs(): number {
    return this.#seams.clock.monotonicMs() - this.#startedMs
  }

  async explain(key: string, options: CallOptions = {}): Promise<Explanation> {
    return explain(this.#belonging(), key, options)
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
