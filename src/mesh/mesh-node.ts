/** The mesh of one node (see mesh.ts): hands links to peers, and calls to their channels. */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import { sleep } from '../seams/clock.ts'
import type { Link, Network } from '../seams/network.ts'
import type { Random } from '../seams/random.ts'
import { WIRE_VERSION_MAX } from '../wire/version.ts'
import { MeshCounts } from './counts.ts'
import { Deadlines } from './deadlines.ts'
import type { KnownStarts } from './known-starts.ts'
import { FAREWELL_MS, PEERS_IDLE_MAX, PEERS_MAX, STOP_GRACE_MS, TIMEOUT_MS_MAX } from './limits.ts'
import type {
  Mesh,
  PeerEvidence,
  RemotePeer,
  RequestHandler,
  RequestKind,
  RequestOptions,
} from './mesh.ts'
import { FrameWriter } from './outgoing.ts'
import { Peer, type PeerContext } from './peer.ts'
import { Reception, type ReceptionOptions } from './reception.ts'
import { Search } from './search.ts'
import { Server } from './server.ts'
import { TurnEnd } from './turn.ts'

export interface MeshOptions extends ReceptionOptions {
  /** Not started yet: the mesh starts and stops it. */
  readonly network: Network
  readonly random: Random
  /** Absent where there is no disk. */
  readonly starts?: KnownStarts
}

export function createMesh(options: MeshOptions): MeshNode {
  return new MeshNode(options)
}

export class MeshNode implements Mesh {
  readonly self: RemotePeer
  readonly counts = new MeshCounts()
  readonly #options: MeshOptions
  readonly #network: Network
  readonly #server: Server
  readonly #deadlines: Deadlines
  readonly #peers = new Map<PeerId, Peer>()
  /** So many make us forget those that are idle. */
  #forgetAt = PEERS_IDLE_MAX
  readonly #reception: Reception
  readonly #context: PeerContext
  readonly #turnEnd: TurnEnd
  #lastId = 0
  #state: 'new' | 'running' | 'stopping' | 'stopped' = 'new'
  #stopping: Promise<void> | null = null
  /** While this node says goodbye: asks whether anybody is left. */
  #onLinkGone: (() => void) | null = null
  #onGossip: ((from: RemotePeer, message: Uint8Array) => void) | null = null
  #onEvidence: ((evidence: PeerEvidence) => void) | null = null

  constructor(options: MeshOptions) {
    const { network, clock, log, self } = options
    this.#options = options
    this.#network = network
    const { storageId, boot, run, role } = self
    this.self = { peer: network.self, storageId, boot, run, role, wireVersion: WIRE_VERSION_MAX }
    this.#server = new Server(log, this.counts)
    this.#deadlines = new Deadlines(clock)
    this.#turnEnd = new TurnEnd(clock)
    this.#context = this.#makeContext()
    const book = {
      get: (peer: PeerId) => this.#peers.get(peer),
      getOrMake: (peer: PeerId) => this.#peer(peer),
    }
    this.#reception = new Reception(options, book, this.counts)
  }

  /** Peers remembered, connected or not; for metrics. */
  get peerCount(): number {
    return this.#peers.size
  }

  /** Requests of peers that are being worked on. */
  get serving(): number {
    return this.#server.serving
  }

  /** Requests to all peers under way, and what waits for their links. */
  load(trafficClass: 'request' | 'bulk'): { readonly calls: number; readonly queuedBytes: number } {
    let calls = 0
    let queuedBytes = 0
    for (const peer of this.#peers.values()) {
      const channel = peer.channel(trafficClass)
      calls += channel.inFlight
      queuedBytes += channel.queuedBytes
    }
    return { calls, queuedBytes }
  }

  addresses(): readonly string[] {
    return this.#network.addresses()
  }

  learnAddresses(peer: PeerId, addresses: readonly string[]): void {
    if (peer !== this.self.peer) this.#network.learnAddresses(peer, addresses)
  }

  foundAt(peer: PeerId, addresses: readonly string[]): void {
    if (this.#state !== 'running' || peer === this.self.peer) return
    this.#network.learnAddresses(peer, addresses)
    this.#peer(peer)?.found()
  }

  connect(peer: PeerId): void {
    if (this.#state === 'running') this.#peer(peer)?.connect()
  }

  reconnect(peer: PeerId): void {
    if (this.#state === 'running') this.#peer(peer)?.reconnect()
  }

  forget(peer: PeerId): void {
    const known = this.#peers.get(peer)
    this.#peers.delete(peer)
    known?.forget()
  }

  sendGossip(peer: PeerId, message: Uint8Array, priority: 'probe' | 'rumour'): void {
    if (this.#state !== 'running') return
    const sent = this.#peer(peer)?.gossip.send(message, priority)
    if (sent !== false) return
    this.#options.log.write('error', 'mesh.datagram-too-large', { bytes: message.length })
  }

  onGossip(listener: (from: RemotePeer, message: Uint8Array) => void): void {
    this.#onGossip = listener
  }

  onEvidence(listener: (evidence: PeerEvidence) => void): void {
    this.#onEvidence = listener
  }

  /** Links of peers that want to be admitted. One listener; without one they are closed. */
  onJoin(listener: (link: Link) => void): void {
    this.#reception.onJoin(listener)
  }

  /** A peer refused this node, or sent nonsense. One listener, for the operator's eyes. */
  onRefused(listener: (peer: PeerId, error: AtollError) => void): void {
    this.#reception.onRefused(listener)
  }

  request(
    peer: PeerId,
    kind: RequestKind,
    body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array> {
    const { timeoutMs } = options
    if (this.#state !== 'running') return Promise.reject(stopped())
    if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
      return Promise.reject(new AtollError('USAGE', `a time-out of ${timeoutMs} ms`))
    }
    if (peer === this.self.peer) return this.#server.local(this.self, kind, body)
    const known = this.#peer(peer)
    if (known === null) return Promise.reject(new AtollError('BUSY', 'too many peers are known'))
    return known.channel(options.trafficClass ?? 'request').request(kind, body, options)
  }

  handle(kind: RequestKind, handler: RequestHandler): void {
    this.#server.handle(kind, handler)
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw stopped()
    this.#state = 'running'
    await this.#network.start((link) => this.#reception.accept(link))
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#state = 'stopping'
    const grace = new AbortController()
    const wait = sleep(this.#options.clock, STOP_GRACE_MS, grace.signal).catch(() => undefined)
    await Promise.race([this.#server.stop(), wait])
    grace.abort()
    this.#turnEnd.flush()
    this.#state = 'stopped'
    this.#reception.close()
    for (const peer of this.#peers.values()) peer.stop()
    await this.#farewells()
    for (const peer of this.#peers.values()) peer.drop()
    this.#peers.clear()
    this.#deadlines.stop()
    this.#turnEnd.stop()
    await this.#network.stop()
  }

  /** Resolves when all peers know that this node stops, or soon in any case. */
  #farewells(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(FAREWELL_MS, resolve)
      this.#onLinkGone = () => {
        for (const peer of this.#peers.values()) if (peer.connected) return
        timer.cancel()
        resolve()
      }
      this.#onLinkGone()
    })
  }

  #peer(id: PeerId): Peer | null {
    let peer = this.#peers.get(id)
    if (peer !== undefined) return peer
    if (this.#peers.size >= this.#forgetAt) this.#forgetIdle()
    if (this.#peers.size >= PEERS_MAX) return null
    peer = new Peer(id, this.#context)
    this.#peers.set(id, peer)
    return peer
  }

  #forgetIdle(): void {
    for (const [id, peer] of this.#peers) if (peer.idle) this.#peers.delete(id)
    // Seldom enough that looking at all of them costs each newcomer a constant.
    this.#forgetAt = Math.min(PEERS_MAX, Math.max(PEERS_IDLE_MAX, this.#peers.size * 2))
  }

  #makeContext(): PeerContext {
    const { network, clock, random, starts = null } = this.#options
    const search = new Search(network, clock)
    const isStopped = (): boolean => this.#state === 'stopped'
    return {
      network,
      clock,
      random,
      starts,
      deadlines: this.#deadlines,
      writer: new FrameWriter(),
      server: this.#server,
      counts: this.counts,
      get stopped() {
        return isStopped()
      },
      nextId: () => ++this.#lastId,
      flushSoon: (channel) => this.#turnEnd.add(channel),
      obstacle: (peer) => this.#peers.get(peer)?.obstacle ?? null,
      onGossip: (from, message) => this.#deliverGossip(from, message),
      greet: (link) => this.#reception.greet(link),
      emit: (evidence) => this.#onEvidence?.(evidence),
      onLinkGone: () => this.#onLinkGone?.(),
      search: (peer, found) => search.find(peer, found),
    }
  }

  #deliverGossip(from: RemotePeer, message: Uint8Array): void {
    if (this.#state !== 'running') return
    try {
      this.#onGossip?.(from, message)
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#options.log.write('error', 'mesh.listener-failed', { peer: from.peer, error: why })
    }
  }
}

function stopped(): AtollError {
  return new AtollError('STOPPED', 'this node is stopped or stopping')
}
