/**
 * A running atolld: the socket, the node behind it, and how both come up and go down.
 *
 * The socket is bound first, so that of two daemons one is told at once. Clients that come early
 * wait: they are served when the node runs and `--init` or `--join` has been done, so whoever gets
 * an answer gets it from the daemon that was asked for. Stopping answers what is under way.
 */
import type { Server, Socket } from 'node:net'
import { AtollError } from '../base/errors.ts'
import { Metrics } from '../base/metrics.ts'
import { prometheusText } from '../base/prometheus-text.ts'
import type { NodeApi } from '../node/api.ts'
import { declareRpcMetrics } from '../rpc/metrics.ts'
import { methodTable } from '../rpc/methods.ts'
import { RpcServer } from '../rpc/server.ts'
import { listenPrivately } from '../rpc/unix-socket.ts'
import type { Log } from '../seams/log.ts'
import { declareProcessMetrics } from './process-metrics.ts'

/** A node with a life of its own. */
export interface DaemonNode extends NodeApi {
  start(): Promise<void>
  stop(): Promise<void>
  /** Resolves once, with what ended the node for good. */
  readonly failed: Promise<Error>
}

export interface DaemonOptions {
  readonly socket: string
  readonly log: Log
  readonly open: () => Promise<DaemonNode>
  /** What `--init` or `--join` asks for; done only when the node belongs to no cluster. */
  readonly claim: ((node: NodeApi) => Promise<unknown>) | null
  /** The cluster that `--join` names, by its id; null: none, or it cannot be known. */
  readonly intended: (() => Promise<string | null>) | null
  /** Serves the text of the metrics to collectors, until it is closed. */
  readonly serveMetrics: ((text: () => Promise<string>) => Promise<Closing>) | null
}

export interface Closing {
  close(): Promise<void>
}

/** Why a daemon ended. */
export type DaemonEnd =
  | { readonly kind: 'left' }
  | { readonly kind: 'failed'; readonly error: AtollError }

/** Clients that wait for the node to come up. */
const WAITING_MAX = 64
/** Replies under way are given this long to be read. */
const GRACE_MS = 1000

export class Daemon {
  /** Resolves when the daemon should end by itself: it left, or its node failed. */
  readonly ended: Promise<DaemonEnd>
  readonly #options: DaemonOptions
  readonly #end: (end: DaemonEnd) => void
  /** Bounded by WAITING_MAX; null once clients are served. */
  #waiting: Socket[] | null = []
  #listener: Server | null = null
  #node: DaemonNode | null = null
  #server: RpcServer<NodeApi> | null = null
  /** What clients are served; null while the node comes up. */
  #served: NodeApi | null = null
  #metrics: Closing | null = null
  #stopping: Promise<void> | null = null

  constructor(options: DaemonOptions) {
    this.#options = options
    const { promise, resolve } = Promise.withResolvers<DaemonEnd>()
    this.ended = promise
    this.#end = resolve
  }

  /** Resolves when clients are served. After a rejection, `stop` cleans up. */
  async start(): Promise<void> {
    const { socket, log, open, claim, serveMetrics } = this.#options
    this.#listener = await listenPrivately(socket, (client) => this.#onClient(client))
    // Before the node, so that a port that is taken is told at once.
    this.#metrics = (await serveMetrics?.(() => this.#metricsText())) ?? null
    this.#node = await open()
    this.#node.failed.then(
      (cause) => this.#end({ kind: 'failed', error: failure(cause) }),
      (cause: unknown) => this.#end({ kind: 'failed', error: failure(cause) }),
    )
    await this.#node.start()
    const before = await this.#node.status()
    if (claim !== null && before.state === 'unclaimed') await claim(this.#node)
    if (before.state !== 'unclaimed') await this.#compare(before.clusterId)
    const { id, state, clusterId, name } = await this.#node.status()
    this.#serve(this.#node)
    log.write('info', 'daemon.ready', { id, name, state, clusterId, socket })
  }

  /** A ticket is not used where there is a cluster; one of another cluster was meant for elsewhere. */
  async #compare(clusterId: string): Promise<void> {
    const { log, intended } = this.#options
    const ticketClusterId = (await intended?.()) ?? clusterId
    if (ticketClusterId === clusterId) return
    const hint = 'atoll leave, then start again; or give it another data directory'
    log.write('warn', 'daemon.other-cluster', { clusterId, ticketClusterId, hint })
  }

  /** The node stops first, so that calls under way are told how they ended. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    for (const client of this.#waiting ?? []) client.destroy()
    this.#waiting = []
    // No longer listening removes the socket, too.
    this.#listener?.close()
    try {
      await this.#metrics?.close()
      await this.#node?.stop()
    } finally {
      await this.#server?.close(GRACE_MS)
    }
  }

  #onClient(client: Socket): void {
    if (this.#server !== null) return this.#server.accept(client)
    if (this.#waiting === null || this.#waiting.length >= WAITING_MAX) {
      client.destroy()
      return
    }
    client.pause()
    client.on('error', () => client.destroy())
    this.#waiting.push(client)
  }

  async #metricsText(): Promise<string> {
    if (this.#served === null) throw new AtollError('BUSY', 'the daemon is coming up')
    return prometheusText(await this.#served.metrics())
  }

  #serve(node: DaemonNode): void {
    const { log } = this.#options
    const metrics = new Metrics()
    const target = new ServedNode(node, metrics, () => this.#end({ kind: 'left' }))
    const server = new RpcServer<NodeApi>({ methods: methodTable(), target, log })
    declareProcessMetrics(metrics)
    declareRpcMetrics(metrics, server)
    this.#server = server
    this.#served = target
    const waiting = this.#waiting ?? []
    this.#waiting = null
    for (const client of waiting) if (!client.destroyed) server.accept(client)
  }
}

/** The node as clients see it: with the process around it, and whoever makes it leave ends both. */
class ServedNode implements NodeApi {
  readonly kv
  readonly reg
  readonly member
  readonly ticket
  readonly topology
  readonly debug
  readonly #node: NodeApi
  readonly #metrics: Metrics
  readonly #onLeft: () => void

  constructor(node: NodeApi, metrics: Metrics, onLeft: () => void) {
    this.#node = node
    this.#metrics = metrics
    this.#onLeft = onLeft
    this.kv = node.kv
    this.reg = node.reg
    this.member = node.member
    this.ticket = node.ticket
    this.topology = node.topology
    this.debug = node.debug
  }

  status: NodeApi['status'] = (options) => this.#node.status(options)
  doctor: NodeApi['doctor'] = (options) => this.#node.doctor(options)
  explain: NodeApi['explain'] = (key, options) => this.#node.explain(key, options)
  metrics: NodeApi['metrics'] = async (options) => {
    return [...this.#metrics.collect(), ...(await this.#node.metrics(options))]
  }
  init: NodeApi['init'] = (options) => this.#node.init(options)
  join: NodeApi['join'] = (ticket, options) => this.#node.join(ticket, options)
  leave: NodeApi['leave'] = async (options) => {
    await this.#node.leave(options)
    this.#onLeft()
  }
}

function failure(cause: unknown): AtollError {
  if (cause instanceof AtollError) return cause
  const message = cause instanceof Error ? cause.message : String(cause)
  return new AtollError('INTERNAL', message, { outcome: 'unknown', cause })
}
