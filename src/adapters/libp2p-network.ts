/** The network seam over libp2p: links are streams, one protocol id per traffic class. */
import type { Connection, PeerId as LibPeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { AtollError } from '../base/errors.ts'
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  type PeerId,
  peerIdFromPublicKey,
} from '../base/ids.ts'
import type { Log } from '../seams/log.ts'
import {
  type AddressTrial,
  type DialOptions,
  type FoundPeer,
  type Link,
  type Network,
  type NetworkConfig,
  NetworkError,
  TRAFFIC_CLASSES,
  type TrafficClass,
} from '../seams/network.ts'
import { AddressBook, addressesOf, checkAddress, usefulAddresses } from './libp2p-addresses.ts'
import { dialError, isDenial } from './libp2p-dial-error.ts'
import { Dialler } from './libp2p-dialler.ts'
import { LINK_TIMES, Libp2pLink, type LinkTimes } from './libp2p-link.ts'
import { LinkTable } from './libp2p-links.ts'
import { nearestOf } from './libp2p-lookup.ts'
import type { Libp2pMetricsFactory } from './libp2p-metrics.ts'
import { type AtollLibp2p, createNodeLibp2p, KAD_PROTOCOL, routingTableOf } from './libp2p-node.ts'
import { RoutingUpkeep } from './libp2p-routing.ts'
import { tryTcp } from './tcp-trial.ts'

/** Of one class and one connection; links over all connections of a peer are bounded besides. */
const STREAMS_PER_CONNECTION = 32
/** One is enough; two when both sides dial at once, more while a wedged one is replaced. */
export const CONNECTIONS_PER_PEER_MAX = 8

export interface NetworkTimes extends LinkTimes {
  /** A stranger has proven so soon that it is a peer, or its socket is closed. */
  readonly handshakeMs: number
}

export const NETWORK_TIMES: NetworkTimes = { ...LINK_TIMES, handshakeMs: 10_000 }

export function protocolOf(trafficClass: TrafficClass): string {
  return `/atoll/1/${trafficClass}`
}

export class Libp2pNetwork implements Network {
  readonly self: PeerId
  readonly #config: NetworkConfig
  readonly #log: Log
  readonly #times: NetworkTimes
  readonly #metrics: Libp2pMetricsFactory | null
  readonly #links = new LinkTable()
  readonly #book = new AddressBook()
  readonly #dialler: Dialler
  /** A stream could not be opened on them: whoever dials next gets a new one. */
  readonly #doubtful = new WeakSet<Connection>()
  #routing: RoutingUpkeep | null = null
  #libp2p: AtollLibp2p | null = null
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null

  constructor(
    config: NetworkConfig,
    log: Log,
    times: NetworkTimes = NETWORK_TIMES,
    metrics: Libp2pMetricsFactory | null = null,
  ) {
    this.#config = config
    this.#log = log
    this.#times = times
    this.#metrics = metrics
    const publicKey = ed25519PublicBytes(ed25519FromSeed(config.privateKeySeed))
    this.self = peerIdFromPublicKey(publicKey)
    this.#dialler = new Dialler((address, signal) =>
      this.#running().services.transports.dial(address, { signal }),
    )
  }

  start(onLink: (link: Link) => void): Promise<void> {
    if (this.#starting !== null || this.#stopping !== null) {
      return Promise.reject(new NetworkError('stopped', 'a network starts once'))
    }
    this.#starting = this.#start(onLink)
    return this.#starting
  }

  async #start(onLink: (link: Link) => void): Promise<void> {
    for (const address of [...this.#config.listen, ...this.#config.announce]) checkAddress(address)
    const libp2p = await createNodeLibp2p(this.#config, this.#metrics, this.#times.handshakeMs)
    const isConnected = (peer: LibPeerId): boolean => libp2p.getConnections(peer).length > 0
    this.#routing = new RoutingUpkeep({ table: routingTableOf(libp2p), isConnected })
    const limits = {
      maxInboundStreams: STREAMS_PER_CONNECTION,
      maxOutboundStreams: STREAMS_PER_CONNECTION,
    }
    for (const trafficClass of TRAFFIC_CLASSES) {
      const accept = (stream: Stream, connection: Connection): void => {
        onLink(this.#adopt(stream, connection, trafficClass, true))
      }
      await libp2p.handle(protocolOf(trafficClass), accept, limits)
    }
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      if (detail.protocols.includes(KAD_PROTOCOL)) this.#routing?.identified(detail.peerId)
    })
    libp2p.addEventListener('connection:open', ({ detail }) => this.#boundConnections(detail))
    try {
      await libp2p.start()
    } catch (cause) {
      await libp2p.stop()
      throw listenError(this.#config.listen, cause)
    }
    this.#libp2p = libp2p
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => undefined)
    this.#dialler.stop()
    this.#routing?.stop()
    this.#links.abortAll()
    await this.#libp2p?.stop()
  }

  addresses(): readonly string[] {
    if (this.#config.announce.length > 0) return this.#config.announce
    return usefulAddresses(this.#libp2p?.getMultiaddrs() ?? [])
  }

  learnAddresses(peer: PeerId, addresses: readonly string[]): void {
    this.#book.learn(peer, addresses)
  }

  async dial(peer: PeerId, trafficClass: TrafficClass, options: DialOptions): Promise<Link> {
    if (peer === this.self) throw new NetworkError('unreachable', 'that is this node')
    const libp2p = this.#running()
    const signal = AbortSignal.timeout(options.timeoutMs)
    try {
      const open = options.fresh ? undefined : this.#connectionTo(libp2p, peer)
      const reused = open && (await this.#reuse(open, trafficClass, signal))
      if (reused !== undefined) return reused
      const connection = await this.#connect(peer, options, signal)
      const stream = await connection.newStream(protocolOf(trafficClass), { signal })
      return this.#adopt(stream, connection, trafficClass, false)
    } catch (error) {
      if (this.#stopping !== null) {
        throw new NetworkError('stopped', 'the network is stopping', error)
      }
      throw error instanceof NetworkError ? error : dialError(error, `dialling ${peer}`)
    }
  }

  /** The newest: it was made because of some doubt about those before it. */
  #connectionTo(libp2p: AtollLibp2p, peer: PeerId): Connection | undefined {
    const connections = libp2p.getConnections(peerIdFromString(peer))
    return connections.findLast((one) => one.status === 'open' && !this.#doubtful.has(one))
  }

  #connect(peer: PeerId, options: DialOptions, signal: AbortSignal): Promise<Connection> {
    const known = [...(options.addresses ?? []), ...this.#book.of(peer)]
    const addresses = addressesOf(peer, known)
    if (addresses.length > 0) return this.#dialler.connect(peer, addresses, signal)
    throw new NetworkError('unreachable', `no address of ${peer} is known`)
  }

  /** Undefined when the connection turns out to be at its end: a new one may do. */
  async #reuse(
    connection: Connection,
    trafficClass: TrafficClass,
    signal: AbortSignal,
  ): Promise<Link | undefined> {
    try {
      const stream = await connection.newStream(protocolOf(trafficClass), { signal })
      return this.#adopt(stream, connection, trafficClass, false)
    } catch (error) {
      this.#doubtful.add(connection)
      if (signal.aborted || isDenial(error)) throw error
      return undefined
    }
  }

  #adopt(
    stream: Stream,
    connection: Connection,
    trafficClass: TrafficClass,
    inbound: boolean,
  ): Libp2pLink {
    const peer = connection.remotePeer.toString()
    const facts = { peer, trafficClass, inbound }
    const link = new Libp2pLink(stream, facts, this.#times, () => this.#links.delete(link))
    this.#links.add(link)
    return link
  }

  #boundConnections(newest: Connection): void {
    const open = this.#libp2p?.getConnections(newest.remotePeer) ?? []
    if (open.length <= CONNECTIONS_PER_PEER_MAX) return
    open[0]?.abort(new Error('too many connections of one peer'))
  }

  async tryAddresses(peer: PeerId, timeoutMs: number): Promise<AddressTrial> {
    if (this.#stopping !== null) return 'unreachable'
    return await tryTcp(this.#book.of(peer), timeoutMs)
  }

  disconnect(peer: PeerId): void {
    this.#links.abort(peer)
    for (const connection of this.#libp2p?.getConnections(peerIdFromString(peer)) ?? []) {
      connection.abort(new Error('disconnected'))
    }
  }

  /**
   * Asks others, never libp2p's own memory, which may be as stale as ours; and ends with the first
   * answer that says something new, since peers whose memory is stale answer as well.
   */
  async findPeer(peer: PeerId, timeoutMs: number): Promise<readonly string[]> {
    const found = new Set<string>()
    const known = new Set(usefulAddresses(addressesOf(peer, this.#book.of(peer))))
    const options = { signal: AbortSignal.timeout(timeoutMs), useCache: false }
    try {
      const { dht } = this.#running().services
      for await (const event of dht.findPeer(peerIdFromString(peer), options)) {
        if (event.name !== 'FINAL_PEER') continue
        const told = usefulAddresses(event.peer.multiaddrs)
        for (const address of told) found.add(address)
        if (told.some((address) => !known.has(address))) break
      }
    } catch (error) {
      this.#log.write('debug', 'network.find-peer-failed', { peer, message: String(error) })
    }
    // What is new is tried first.
    return [...found].sort((a, b) => Number(known.has(a)) - Number(known.has(b)))
  }

  async closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly FoundPeer[]> {
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const { services, peerStore } = this.#running()
      return await nearestOf(services.dht.getClosestPeers(key, { signal }), peerStore)
    } catch (error) {
      this.#log.write('debug', 'network.closest-peers-failed', { message: String(error) })
      return []
    }
  }

  #running(): AtollLibp2p {
    if (this.#libp2p === null || this.#stopping !== null) {
      throw new NetworkError('stopped', 'the network does not run')
    }
    return this.#libp2p
  }
}

function listenError(listen: readonly string[], cause: unknown): AtollError {
  const where = `cannot listen on ${listen.join(', ')}`
  const why = String(cause)
  if (/EADDRINUSE/.test(why)) {
    const hint = 'another process has the port; choose another with --listen'
    return new AtollError('ADDRESS_IN_USE', `${where}: the port is taken`, { hint, cause })
  }
  const hint = /EACCES/.test(why)
    ? 'that port needs more rights; choose one above 1023 with --listen'
    : 'name an address of this machine and TCP, like /ip4/0.0.0.0/tcp/4410'
  return new AtollError('CONFIG_INVALID', where, { hint, cause })
}
