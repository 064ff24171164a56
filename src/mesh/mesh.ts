/**
 * The mesh: this node's conversations with its peers, over links whose other end has said hello.
 *
 * A link counts only after both sides exchanged a hello and found it good: same wire version
 * range, same cluster, a certificate that the cluster's admission key signed for exactly the peer
 * that the handshake proved. Until then nothing from it is looked at.
 */
import type { PeerId, StorageId } from '../base/ids.ts'

export type Role = 'member' | 'edge'

/** What the hello proved or claimed about a peer. */
export interface RemotePeer {
  readonly peer: PeerId
  /** '' for an edge, which has no disk. */
  readonly storageId: StorageId
  /** Grows by one with every start of that data directory. */
  readonly boot: number
  /** A random number of that start: two that differ under one boot are copies of one directory. */
  readonly run: number
  readonly role: Role
  readonly wireVersion: number
}

/** One number per kind of request, never used again for another meaning. See `src/wire/kinds.ts`. */
export type RequestKind = number

export interface RequestOptions {
  readonly timeoutMs: number
  /** Bulk data goes on a link of its own. Default 'request'. */
  readonly trafficClass?: 'request' | 'bulk'
  readonly signal?: AbortSignal
}

export type RequestHandler = (
  from: RemotePeer,
  body: Uint8Array,
) => Uint8Array | Promise<Uint8Array>

/** Evidence about a peer's process, for the failure detector (src/swim/README.md, evidence). */
export type PeerEvidence =
  /** An open connection broke: reason to probe now, never proof. */
  | { readonly kind: 'reset'; readonly peer: PeerId }
  /** After a reset, every known address refused: the kernel says that the process is gone. */
  | { readonly kind: 'refused'; readonly peer: PeerId }
  /** The peer answers under another storage id or boot than before: the old process is gone. */
  | { readonly kind: 'replaced'; readonly peer: PeerId; readonly by: RemotePeer }
  /** A link to the peer is open and has said hello. */
  | { readonly kind: 'connected'; readonly peer: PeerId; readonly remote: RemotePeer }

export interface Mesh {
  readonly self: RemotePeer
  /** Addresses that others should dial. */
  addresses(): readonly string[]
  /** Remembers where a peer can be dialled. */
  learnAddresses(peer: PeerId, addresses: readonly string[]): void
  /** Somebody says that the peer is there: it is dialled at once, however many dials were in vain. */
  foundAt(peer: PeerId, addresses: readonly string[]): void
  /** Dials ahead of need and keeps nothing waiting; failures show up as evidence. */
  connect(peer: PeerId): void
  /** Drops the open connections and dials anew; for a probe that failed on an open connection. */
  reconnect(peer: PeerId): void
  /** Forgets queues and links of a peer that was removed for good. */
  forget(peer: PeerId): void

  /**
   * Sends as a datagram: may be lost, never waits. Over the bound the oldest goes first, and
   * rumours go before probes.
   */
  sendGossip(peer: PeerId, message: Uint8Array, priority: 'probe' | 'rumour'): void
  /** One listener; set before start. */
  onGossip(listener: (from: RemotePeer, message: Uint8Array) => void): void
  /** One listener; set before start. */
  onEvidence(listener: (evidence: PeerEvidence) => void): void

  /**
   * Sends a request and resolves with the body of its answer. Messages of one event-loop turn to
   * one peer share a frame. Rejects with AtollError: TIMEOUT or UNREACHABLE (outcome unknown once
   * the request may have left, else not-applied), BUSY, STOPPED, CANCELLED, or what the handler of
   * the other side threw, with its code and outcome.
   */
  request(
    peer: PeerId,
    kind: RequestKind,
    body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array>
  /** One handler a kind; set before start. */
  handle(kind: RequestKind, handler: RequestHandler): void

  start(): Promise<void>
  stop(): Promise<void>
}
