/** The network seam over libp2p: links are streams, one protocol id per traffic class. */
import type { Connection, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { AtollError } from '../base/errors.ts'
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  type PeerId,
  peerIdFromPublicKey,
} from '../base/ids.ts'
import type { Log } from '../seams/log.ts'
import {
  type DialOptions,
  type Link,
  type Network,
  type NetworkConfig,
  NetworkError,
  TRAFFIC_CLASSES,
  type TrafficClass,
} from '../seams/network.ts'
import { dialError } from './libp2p-dial-error.ts'
import { Libp2pLink } from './libp2p-link.ts'
import { type AtollLibp2p, createNodeLibp2p } from './libp2p-node.ts'

const STREAMS_PER_CONNECTION = 32
/** Addresses remembered per peer, and peers remembered at all: newest first. */
const ADDRESSES_MAX = 16
const ADDRESS_BOOK_MAX = 10_000

function protocolOf(trafficClass: TrafficClass): string {
  return `/atoll/1/${trafficClass}`
}

export class Libp2pNetwork implements Network {
  readonly self: PeerId
  readonly #config: NetworkConfig
  readonly #log: Log
  readonly #links = new Set<Libp2pLink>()
  readonly #addressBook = new Map<PeerId, string[]>()
  #libp2p: AtollLibp2p | null = null
  #stopped = false

  constructor(config: NetworkConfig, log: Log) {
    this.#config = config
    this.#log = log
    const publicKey = ed25519PublicBytes(ed25519FromSeed(config.privateKeySeed))
    this.self = peerIdFromPublicKey(publicKey)
  }

  async start(onLink: (link: Link) => void): Promise<void> {
    for (const address of [...this.#config.listen, ...this.#config.announce]) checkAddress(address)
    const libp2p = await createNodeLibp2p(this.#config)
    for (const trafficClass of TRAFFIC_CLASSES) {
      await libp2p.handle(
        protocolOf(trafficClass),
        (stream, connection) => {
          onLink(this.#adopt(stream, connection, trafficClass, true))
        },
        { maxInboundStreams: STREAMS_PER_CONNECTION, maxOutboundStreams: STREAMS_PER_CONNECTION },
      )
    }
    try {
      await libp2p.start()
    } catch (cause) {
      await libp2p.stop()
      throw listenError(this.#config.listen, cause)
    }
    this.#libp2p = libp2p
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    for (const link of this.#links) link.abort()
    await this.#libp2p?.stop()
  }

  addresses(): readonly string[] {
    if (this.#config.announce.length > 0) return this.#config.announce
    const own = this.#libp2p?.getMultiaddrs() ?? []
    const plain = [...new Set(own.map((address) => address.decapsulate('/p2p/').toString()))]
    const reachable = plain.filter((address) => !address.startsWith('/ip4/127.'))
    return reachable.length > 0 ? reachable : plain
  }

  learnAddresses(peer: PeerId, addresses: readonly string[]): void {
    const merged = [...new Set([...addresses, ...(this.#addressBook.get(peer) ?? [])])]
    this.#addressBook.delete(peer)
    this.#addressBook.set(peer, merged.slice(0, ADDRESSES_MAX))
    const [oldest] = this.#addressBook.keys()
    if (this.#addressBook.size > ADDRESS_BOOK_MAX && oldest !== undefined) {
      this.#addressBook.delete(oldest)
    }
  }

  async dial(peer: PeerId, trafficClass: TrafficClass, options: DialOptions): Promise<Link> {
    const libp2p = this.#running()
    const signal = AbortSignal.timeout(options.timeoutMs)
    try {
      const connection = await this.#connect(libp2p, peer, options, signal)
      const stream = await connection.newStream(protocolOf(trafficClass), { signal })
      return this.#adopt(stream, connection, trafficClass, false)
    } catch (error) {
      if (error instanceof NetworkError) throw error
      if (this.#stopped) throw new NetworkError('stopped', 'the network is stopping', error)
      throw dialError(error, `dialling ${peer}`)
    }
  }

  async #connect(
    libp2p: AtollLibp2p,
    peer: PeerId,
    options: DialOptions,
    signal: AbortSignal,
  ): Promise<Connection> {
    const id = peerIdFromString(peer)
    if (!options.fresh) {
      const open = libp2p.getConnections(id).find(({ status }) => status === 'open')
      if (open !== undefined) return open
    }
    const known = [...(options.addresses ?? []), ...(this.#addressBook.get(peer) ?? [])]
    const addresses = [...new Set(known)].slice(0, ADDRESSES_MAX).flatMap((a) => withPeer(a, peer))
    if (addresses.length === 0) {
      throw new NetworkError('unreachable', `no address of ${peer} is known`)
    }
    return libp2p.dial(addresses, { signal, force: options.fresh ?? false })
  }

  #adopt(
    stream: Stream,
    connection: Connection,
    trafficClass: TrafficClass,
    inbound: boolean,
  ): Libp2pLink {
    const peer = connection.remotePeer.toString()
    const link = new Libp2pLink(stream, peer, trafficClass, inbound, () => {
      this.#links.delete(link)
    })
    this.#links.add(link)
    return link
  }

  disconnect(peer: PeerId): void {
    for (const link of this.#links) if (link.peer === peer) link.abort()
    for (const connection of this.#libp2p?.getConnections(peerIdFromString(peer)) ?? []) {
      connection.abort(new Error('disconnected'))
    }
  }

  async findPeer(peer: PeerId, timeoutMs: number): Promise<readonly string[]> {
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const found = await this.#running().peerRouting.findPeer(peerIdFromString(peer), { signal })
      return found.multiaddrs.map((address) => address.decapsulate('/p2p/').toString())
    } catch (error) {
      this.#log.write('debug', 'network.find-peer-failed', { peer, message: String(error) })
      return []
    }
  }

  async closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly PeerId[]> {
    const signal = AbortSignal.timeout(timeoutMs)
    const found: PeerId[] = []
    try {
      for await (const event of this.#running().services.dht.getClosestPeers(key, { signal })) {
        if (event.name === 'FINAL_PEER') found.push(event.peer.id.toString())
      }
    } catch (error) {
      this.#log.write('debug', 'network.closest-peers-failed', { message: String(error) })
    }
    return found
  }

  #running(): AtollLibp2p {
    if (this.#libp2p === null || this.#stopped) {
      throw new NetworkError('stopped', 'the network does not run')
    }
    return this.#libp2p
  }
}

function checkAddress(address: string): void {
  try {
    multiaddr(address)
  } catch (cause) {
    throw new AtollError('CONFIG_INVALID', `"${address}" is no multiaddr`, {
      hint: 'write it like /ip4/0.0.0.0/tcp/4410',
      cause,
    })
  }
}

function listenError(listen: readonly string[], cause: unknown): AtollError {
  const text = `${String(cause)} ${cause instanceof AggregateError ? cause.errors.join(' ') : ''}`
  const where = listen.join(', ')
  return new AtollError('ADDRESS_IN_USE', `cannot listen on ${where}`, {
    hint: /EADDRNOTAVAIL/.test(text)
      ? 'that address is not of this machine'
      : 'another process has the port, or it needs more rights; choose another with --listen',
    cause,
  })
}

function withPeer(address: string, peer: PeerId): Multiaddr[] {
  try {
    const parsed = multiaddr(address)
    const named = parsed.getComponents().some(({ name }) => name === 'p2p')
    return [named ? parsed : parsed.encapsulate(`/p2p/${peer}`)]
  } catch {
    return []
  }
}
