/**
 * The libp2p instance that a node runs on: our transport of a private network, yamux, identify, and
 * kad-dht under our own protocol id. What watches liveness or dials by itself is off: membership
 * does the one, the mesh the other.
 */
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, type SingleKadDHT } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { concatBytes } from '../base/bytes.ts'
import { ed25519FromSeed, ed25519PublicBytes } from '../base/ids.ts'
import type { NetworkConfig } from '../seams/network.ts'
import type { Libp2pMetricsFactory } from './libp2p-metrics.ts'
import { quietYamux } from './libp2p-muxer.ts'
import type { RoutingTable } from './libp2p-routing.ts'
import { privateTcp } from './libp2p-transport.ts'

/** Dials one address; libp2p hands it to its services. */
export interface Transports {
  dial(address: Multiaddr, options: { readonly signal: AbortSignal }): Promise<Connection>
}

export type AtollLibp2p = Libp2p<{ readonly dht: KadDHT; readonly transports: Transports }>

export const KAD_PROTOCOL = '/atoll/kad/1'
/** Many daemons may share a host, and each holds a connection to each. */
const CONNECTIONS_MAX = 4_000
const PENDING_INBOUND_MAX = 200
/** libp2p counts inbound connections per host and second; on one machine all share a host. */
const INBOUND_PER_SECOND = 1_000
/** On one connection, links and everything of libp2p's own together. */
const STREAMS_MAX = 256
const PEER_RECORD_MS = 30 * 24 * 60 * 60_000
/** Kademlia's own upkeep runs this seldom: membership already knows everybody. */
const KAD_UPKEEP_MS = 60 * 60_000

/** `metrics`: what libp2p counts with, when anybody collects. */
export function createNodeLibp2p(
  config: NetworkConfig,
  metrics: Libp2pMetricsFactory | null,
  handshakeMs: number,
): Promise<AtollLibp2p> {
  const seed = config.privateKeySeed
  const publicKey = ed25519PublicBytes(ed25519FromSeed(seed))
  return createLibp2p({
    start: false,
    ...(metrics !== null && { metrics }),
    privateKey: privateKeyFromRaw(concatBytes([seed, publicKey])),
    addresses: { listen: [...config.listen], announce: [...config.announce] },
    transports: [privateTcp({ networkKey: config.networkKey, handshakeMs })],
    streamMuxers: [quietYamux({ maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX })],
    // By default a peer's addresses are forgotten an hour after its connection was made, and then
    // nobody could be told where it is although the connection is open.
    peerStore: { maxAddressAge: PEER_RECORD_MS, maxPeerAge: PEER_RECORD_MS },
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      inboundUpgradeTimeout: handshakeMs,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    services: {
      transports: ({
        transportManager,
      }: {
        readonly transportManager: Transports
      }): Transports => ({
        dial: (address, options) => transportManager.dial(address, options),
      }),
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: KAD_PROTOCOL,
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
        querySelfInterval: KAD_UPKEEP_MS,
        reprovide: { interval: KAD_UPKEEP_MS },
      }),
    },
  })
}

/** Its interface has no more than the size; the class has these. */
export function routingTableOf({ services }: AtollLibp2p): RoutingTable {
  const { routingTable } = services.dht as SingleKadDHT
  return routingTable as typeof routingTable & RoutingTable
}
