/**
 * The libp2p instance that a node runs on: TCP, a private network key, noise and tls, yamux,
 * identify, and kad-dht under our own protocol id. What watches liveness or dials by itself is
 * off: membership does the one, the mesh the other.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { createLibp2p } from 'libp2p'
import { toString } from 'uint8arrays/to-string'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { ed25519FromSeed, ed25519PublicBytes } from '../base/ids.ts'
import type { NetworkConfig } from '../seams/network.ts'

export type AtollLibp2p = Libp2p<{ readonly dht: KadDHT }>

const KAD_PROTOCOL = '/atoll/kad/1'
/** Many daemons may share a host, and each holds a connection to each. */
const CONNECTIONS_MAX = 4_000
const PENDING_INBOUND_MAX = 200
/** libp2p counts inbound connections per host and second; on one machine all share a host. */
const INBOUND_PER_SECOND = 1_000
const HANDSHAKE_MS = 10_000
/** Kademlia's own upkeep runs this seldom: membership already knows everybody. */
const KAD_UPKEEP_MS = 60 * 60_000

export function createNodeLibp2p(config: NetworkConfig): Promise<AtollLibp2p> {
  const seed = config.privateKeySeed
  const publicKey = ed25519PublicBytes(ed25519FromSeed(seed))
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(concatBytes([seed, publicKey])),
    addresses: { listen: [...config.listen], announce: [...config.announce] },
    transports: [tcp()],
    connectionProtector: preSharedKey({ psk: pskFile(config.networkKey) }),
    // In order of preference: tls costs a fifth of noise for small frames.
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [yamux()],
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      maxIncomingPendingConnections: PENDING_INBOUND_MAX,
      inboundUpgradeTimeout: HANDSHAKE_MS,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: false },
    services: {
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

function pskFile(key: Uint8Array): Uint8Array {
  return utf8(`/key/swarm/psk/1.0.0/\n/base16/\n${toString(key, 'base16')}`)
}
