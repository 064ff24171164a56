/**
 * The network: authenticated, framed, ordered links between peers. It knows peers and addresses;
 * it knows nothing of clusters, members or messages (`src/mesh` puts those on top).
 *
 * A link carries frames of at most `FRAME_BYTES_MAX` bytes. The limit is checked before memory is
 * allocated; a peer that exceeds it loses the link. Delivery is in order and at most once; a link
 * that closes may have lost any suffix of what was sent.
 */
import type { PeerId } from '../base/ids.ts'

/**
 * One link per peer and class, so that bulk data never delays a probe.
 * `gossip` probes and rumours, `request` small calls and their answers, `bulk` large transfers,
 * `join` the admission dialogue of a peer that has no certificate yet.
 */
export type TrafficClass = 'gossip' | 'request' | 'bulk' | 'join'
export const TRAFFIC_CLASSES: readonly TrafficClass[] = ['gossip', 'request', 'bulk', 'join']

export const FRAME_BYTES_MAX = 4 * 1024 * 1024
/** `send` returns false once more than this waits in a link's buffer. */
export const LINK_BUFFER_BYTES = 1024 * 1024

export type CloseReason = 'closed' | 'reset'

export interface LinkHandler {
  /** `frame` is the handler's to keep. */
  onFrame(frame: Uint8Array): void
  /** After `send` returned false: the buffer is empty enough again. */
  onDrain(): void
  /** Last call, exactly once. `reset`: the other end or the path broke; `closed`: either side closed. */
  onClose(reason: CloseReason): void
}

export interface Link {
  /** Proven by the handshake. */
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly inbound: boolean
  /** Starts delivery; called once, in the same turn as the link was handed over. */
  open(handler: LinkHandler): void
  /** Never waits. False: buffer full, hold back until `onDrain`. On a closed link: ignored, false. */
  send(frame: Uint8Array): boolean
  /** Flushes what was sent, then closes. */
  close(): void
  /** Closes at once and loses what is buffered. */
  abort(): void
}

export interface DialOptions {
  /** Addresses to try beside those already known, as multiaddrs without or with `/p2p/…`. */
  readonly addresses?: readonly string[]
  readonly timeoutMs: number
  /** Makes a new connection even when one is open: finds out whether the open one is wedged. */
  readonly fresh?: boolean
}

export type NetworkErrorKind =
  /** The peer's kernel said that nobody listens on any known address. */
  | 'refused'
  /** No answer in time. */
  | 'timeout'
  /** No route, no known address, or the path broke during the handshake. */
  | 'unreachable'
  /** Somebody answered who is not that peer, speaks another protocol, or holds another network key. */
  | 'denied'
  /** This node is stopping. */
  | 'stopped'

export class NetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly kind: NetworkErrorKind
  constructor(kind: NetworkErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }
}

/**
 * What became of trying addresses: somebody listens, nobody does and its kernel says so, or there was
 * no answer in time, or no way.
 */
export type AddressTrial = 'open' | 'refused' | 'timeout' | 'unreachable'

export interface Network {
  readonly self: PeerId
  /** Listens. Rejects with AtollError ADDRESS_IN_USE or CONFIG_INVALID when it cannot. */
  start(onLink: (link: Link) => void): Promise<void>
  /** Closes links and listeners; resolves when nothing of it is left. Idempotent. */
  stop(): Promise<void>
  /** What others should dial: announced addresses, or those listened on. Without `/p2p/…`. */
  addresses(): readonly string[]
  /** Remembers where a peer can be dialled; later knowledge comes first. Bounded per peer. */
  learnAddresses(peer: PeerId, addresses: readonly string[]): void
  /** Opens a link. Rejects with NetworkError. */
  dial(peer: PeerId, trafficClass: TrafficClass, options: DialOptions): Promise<Link>
  /**
   * Whether a connection can be made now at any address known of a peer; it is closed before a word
   * is said, so it proves nobody's identity, and leaves what is open alone. Never rejects.
   */
  tryAddresses(peer: PeerId, timeoutMs: number): Promise<AddressTrial>
  /** Drops every connection to a peer. */
  disconnect(peer: PeerId): void
  /** Addresses found by a Kademlia lookup; empty when not found. Slow: never on a hot path. */
  findPeer(peer: PeerId, timeoutMs: number): Promise<readonly string[]>
  /**
   * Peers closest to the kad id of a key, its sha256, by a live Kademlia lookup, nearest first; this
   * node left out. The lookup hashes the key itself: it cannot be asked for a point. Where the time
   * runs out: those that have answered by then. Slow. Never rejects.
   */
  closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly FoundPeer[]>
}

/** A peer as others know it: who answers there may be somebody else. */
export interface FoundPeer {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

export interface NetworkConfig {
  /** 32-byte Ed25519 seed of this peer. */
  readonly privateKeySeed: Uint8Array
  /** 32-byte private network key: who lacks it cannot even shake hands. */
  readonly networkKey: Uint8Array
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[]
  /** Multiaddrs to give out instead of those listened on; empty: give out those. */
  readonly announce: readonly string[]
}
