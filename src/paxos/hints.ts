/**
 * Tells those who watch a key that it may have changed here. A hint is no promise: it may get lost,
 * and what it tells of may never be chosen. Who gets one reads.
 *
 * Watches are leases: told again and again, forgotten when they are not.
 */
import type { PeerId } from '../base/ids.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { WATCH_KEYS, WATCH_LEASE_MS, WATCHED_MAX } from './limits.ts'
import { decodeKeyRevisions, encodeKeyRevisions, type KeyRevision } from './watch-messages.ts'

export interface HintsOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  /** Durable revision of a key here; 0 when there is none. */
  readonly revisionOf: (key: string) => number
}

const HINT_TIMEOUT_MS = 2000

export class Hints {
  readonly #options: HintsOptions
  /** By key, who watches it and until when; at most WATCHED_MAX keys a peer. */
  readonly #watches = new Map<string, Map<PeerId, number>>()
  readonly #counts = new Map<PeerId, number>()
  /** What is told at the end of this turn, or when the peer has answered to what it was told. */
  readonly #pending = new Map<PeerId, Map<string, number>>()
  /** Who has not answered yet. A peer that stands still is told one thing at a time. */
  readonly #told = new Set<PeerId>()
  #flush: Timer | null = null
  #sweep: Timer | null = null
  #isStopped = false

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: HintsOptions) {
    this.#options = options
    options.mesh.handle(REQUEST_KINDS.REG_WATCH, (from, body) => this.#onWatch(from, body))
  }

  /** Keys that somebody watches. */
  get size(): number {
    return this.#watches.size
  }

  /** A vote on the key is durable here. */
  changed(key: string, revision: () => number): void {
    const peers = this.#watches.get(key)
    if (peers === undefined) return
    const now = revision()
    for (const peer of peers.keys()) {
      const hints = this.#pending.get(peer) ?? new Map<string, number>()
      this.#pending.set(peer, hints.set(key, now))
    }
    this.#arm()
  }

  stop(): void {
    this.#isStopped = true
    this.#flush?.cancel()
    this.#sweep?.cancel()
    this.#watches.clear()
  }

  /** Remembers the keys, and answers with those of which more is known here, or nothing any more. */
  #onWatch(from: RemotePeer, body: Uint8Array): Uint8Array {
    const newer: KeyRevision[] = []
    for (const [key, known] of decodeKeyRevisions(body)) {
      this.#watch(from.peer, key)
      const revision = this.#options.revisionOf(key)
      if (revision > known || (revision === 0 && known > 0)) newer.push([key, revision])
    }
    return encodeKeyRevisions(newer)
  }

  #watch(peer: PeerId, key: string): void {
    if (this.#isStopped) return
    const peers = this.#watches.get(key) ?? new Map<PeerId, number>()
    const count = this.#counts.get(peer) ?? 0
    if (!peers.has(peer)) {
      // More than it may have: it finds changes when it asks again.
      if (count >= WATCHED_MAX) return
      this.#counts.set(peer, count + 1)
    }
    const { clock } = this.#options
    this.#watches.set(key, peers.set(peer, clock.monotonicMs() + WATCH_LEASE_MS))
    this.#sweep ??= clock.after(WATCH_LEASE_MS, () => this.#forgetOld())
  }

  #forgetOld(): void {
    const now = this.#options.clock.monotonicMs()
    for (const [key, peers] of this.#watches) {
      for (const [peer, untilMs] of peers) {
        if (untilMs > now) continue
        peers.delete(peer)
        const count = (this.#counts.get(peer) ?? 0) - 1
        if (count > 0) this.#counts.set(peer, count)
        else this.#counts.delete(peer)
      }
      if (peers.size === 0) this.#watches.delete(key)
    }
    const isLeft = this.#watches.size > 0
    this.#sweep = isLeft ? this.#options.clock.after(WATCH_LEASE_MS, () => this.#forgetOld()) : null
  }

  #send(): void {
    this.#flush = null
    for (const [peer, hints] of this.#pending) {
      if (this.#told.has(peer)) continue
      this.#pending.delete(peer)
      this.#told.add(peer)
      this.#sendTo(peer, [...hints]).catch(() => undefined)
    }
  }

  async #sendTo(peer: PeerId, hints: readonly KeyRevision[]): Promise<void> {
    const options = { timeoutMs: HINT_TIMEOUT_MS }
    try {
      for (let i = 0; i < hints.length; i += WATCH_KEYS) {
        const body = encodeKeyRevisions(hints.slice(i, i + WATCH_KEYS))
        await this.#options.mesh.request(peer, REQUEST_KINDS.REG_HINT, body, options)
      }
    } finally {
      // A hint that got lost is not repeated: who watches asks again.
      this.#told.delete(peer)
      if (this.#pending.has(peer)) this.#arm()
    }
  }

  #arm(): void {
    if (this.#isStopped) return
    this.#flush ??= this.#options.clock.soon(() => this.#send())
  }
}
