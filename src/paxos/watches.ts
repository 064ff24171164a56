/**
 * Watching registers: replicas hint at changes, and each hint is followed by a linearizable read, so
 * that what a watcher sees was chosen, and never goes back (REGISTERS.md §7).
 *
 * Many changes in a row may show as one, the last is always shown. Hints may get lost: replicas are
 * told again every ten seconds what is watched and what is known of it, and answer with what is
 * newer, or that nothing is there any more. All readers of a key on this node share one watch.
 */
import { DEFAULT_DEADLINE_MS } from '../base/call-limits.ts'
import { AtollError } from '../base/errors.ts'
import { Gate } from '../base/gate.ts'
import type { PeerId } from '../base/ids.ts'
import { decodeValue } from '../base/value.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { type Clock, sleep, type Timer } from '../seams/clock.ts'
import type { Peers } from '../topology/peers.ts'
import type { TopologyView } from '../topology/topology.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { RegEvent } from './api.ts'
import { ROUND_MS, WATCH_KEYS, WATCH_RENEW_MS, WATCHED_MAX, WATCHERS_MAX } from './limits.ts'
import { placeOf } from './place.ts'
import type { Register } from './register.ts'
import { type Point, versionAt } from './version.ts'
import { decodeKeyRevisions, encodeKeyRevisions, type KeyRevision } from './watch-messages.ts'
import { type Shown, Watched } from './watched.ts'

export interface WatchesOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly topology: TopologyView
  readonly peers: Peers
  /** Linearizable; rejects when there is no majority. */
  readonly read: (key: string, deadlineMs: number) => Promise<Register>
  /** This node proposes changes of the key right now: `chosen` tells of them. */
  readonly isProposing: (key: string) => boolean
}

const REQUEST_TIMEOUT_MS = 2000
/** After a read that failed or did not find what was hinted at: doubled each time. */
const RETRY_MS = 10
const RETRY_MS_MAX = 4000
/** Reads after one hint, until it is taken for one of a change that was never chosen. */
const READS_PER_HINT = 6
/** How long this node's proposer has to say what it has brought about. */
const EXPECT_MS = 50
/** Keys that are tried again at the same time: those without a majority are in nobody's way. */
const RETRIES_AT_ONCE = 32

export class Watches {
  readonly #options: WatchesOptions
  /** At most WATCHED_MAX. */
  readonly #watched = new Map<string, Watched>()
  #readers = 0
  readonly #retries = new Gate(RETRIES_AT_ONCE)
  #renewal: Timer | null = null
  readonly #unsubscribe: () => void
  readonly #aborter = new AbortController()
  #isStopped = false

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: WatchesOptions) {
    this.#options = options
    options.mesh.handle(REQUEST_KINDS.REG_HINT, (_from, body) => {
      for (const [key, revision] of decodeKeyRevisions(body)) this.hint(key, revision)
      return new Uint8Array()
    })
    this.#unsubscribe = options.topology.subscribe(() => this.#renew([...this.#watched.keys()]))
  }

  /** Keys that are watched here. */
  get size(): number {
    return this.#watched.size
  }

  stop(): void {
    this.#isStopped = true
    this.#aborter.abort()
    this.#unsubscribe()
    this.#renewal?.cancel()
    for (const watched of this.#watched.values()) watched.wakeAll()
  }

  /** Ends when the signal aborts or the node stops. Throws BUSY when there are too many. */
  async *watch(key: string, after: Point, signal?: AbortSignal): AsyncGenerator<RegEvent> {
    const watched = this.#find(key)
    const reader = watched.enter(after)
    this.#readers++
    const onAbort = (): void => reader.wake()
    signal?.addEventListener('abort', onAbort)
    try {
      if (!watched.isReading) this.#read(key, watched)
      while (!this.#isStopped && signal?.aborted !== true) {
        const shown = reader.take()
        if (shown === null) await reader.waiting()
        else yield eventOf(key, shown)
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      watched.leave(reader)
      this.#readers--
      if (watched.isUnwatched) this.#watched.delete(key)
    }
  }

  isWatched(key: string): boolean {
    return this.#watched.has(key)
  }

  /** Something may have become of the key. */
  hint(key: string, revision: number): void {
    const watched = this.#watched.get(key)
    if (watched?.hint(revision) !== true || watched.isReading) return
    if (this.#options.isProposing(key)) this.#expect(key, watched)
    else this.#read(key, watched)
  }

  /** Our own proposer is at it, and mostly says at once what is chosen: a read only if it does not. */
  #expect(key: string, watched: Watched): void {
    if (watched.isExpecting) return
    watched.isExpecting = true
    const look = (): void => {
      watched.isExpecting = false
      if (!watched.isSettled && !watched.isReading) this.#read(key, watched)
    }
    sleep(this.#options.clock, EXPECT_MS, this.#aborter.signal).then(look, () => undefined)
  }

  /** What is known to be chosen needs no read. */
  chosen(key: string, register: Register): void {
    this.#watched.get(key)?.chosen(register)
  }

  #find(key: string): Watched {
    const known = this.#watched.get(key)
    const isFull = known === undefined && this.#watched.size >= WATCHED_MAX
    if (isFull || this.#readers >= WATCHERS_MAX) {
      throw new AtollError('BUSY', 'too many watches on this node', { hint: 'end some first' })
    }
    if (known !== undefined) return known
    const watched = new Watched()
    this.#watched.set(key, watched)
    // Nobody waits for all replicas to hear of it: what changes before one does, it answers with.
    this.#renew([key])
    this.#arm()
    return watched
  }

  #read(key: string, watched: Watched): void {
    watched.isReading = true
    this.#readUntil(key, watched).catch(() => undefined)
  }

  /** Reads until what was hinted at shows, or is not to be expected any more. */
  async #readUntil(key: string, watched: Watched): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#aborter
    let pauseMs = RETRY_MS
    let isRead = true
    try {
      let { revision, hinted } = watched
      for (let misses = 0; !watched.isUnwatched; ) {
        isRead = await (isRead
          ? this.#readOnce(key, watched, DEFAULT_DEADLINE_MS)
          : this.#retries.through(() => this.#readOnce(key, watched, ROUND_MS)))
        if (isRead && watched.isSettled) return
        // News are looked for soon; a majority is waited for as long as somebody watches.
        const isNews = watched.revision > revision || watched.hinted > hinted || watched.isAwaited
        ;({ revision, hinted } = watched)
        misses = isRead && !isNews ? misses + 1 : 0
        if (misses === READS_PER_HINT) break
        if (isRead && isNews) pauseMs = RETRY_MS
        await sleep(clock, pauseMs, signal)
        pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)
      }
      watched.dismissHint()
    } finally {
      // In the step of the last look at what was hinted at: a later hint begins another read.
      watched.isReading = false
    }
  }

  async #readOnce(key: string, watched: Watched, deadlineMs: number): Promise<boolean> {
    if (watched.isUnwatched) return true
    const beginning = watched.begin()
    try {
      watched.found(await this.#options.read(key, deadlineMs), beginning)
      return true
    } catch {
      return false
    }
  }

  #arm(): void {
    this.#renewal ??= this.#options.clock.after(WATCH_RENEW_MS, () => {
      this.#renewal = null
      if (this.#watched.size === 0) return
      this.#renew([...this.#watched.keys()])
      this.#arm()
    })
  }

  #renew(keys: readonly string[]): void {
    this.#tell(keys).catch(() => undefined)
  }

  /** Tells the replicas of the keys that they are watched, and takes what is newer there. */
  async #tell(keys: readonly string[]): Promise<void> {
    const { topology, peers, mesh } = this.#options
    const current = topology.current()
    if (current === null) return
    const byPeer = new Map<PeerId, KeyRevision[]>()
    for (const key of keys) {
      const { replicas, previous } = placeOf(current, key)
      const revision = this.#watched.get(key)?.revision ?? 0
      for (const id of new Set([...replicas, ...(previous ?? [])])) {
        const peer = peers.usable(current, id)
        if (peer === undefined || peer === mesh.self.peer) continue
        const list = byPeer.get(peer) ?? []
        list.push([key, revision])
        byPeer.set(peer, list)
      }
    }
    await Promise.all([...byPeer].map(([peer, list]) => this.#tellPeer(peer, list)))
  }

  async #tellPeer(peer: PeerId, list: readonly KeyRevision[]): Promise<void> {
    const { signal } = this.#aborter
    for (let i = 0; i < list.length; i += WATCH_KEYS) {
      const body = encodeKeyRevisions(list.slice(i, i + WATCH_KEYS))
      try {
        const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal }
        const reply = await this.#options.mesh.request(peer, REQUEST_KINDS.REG_WATCH, body, options)
        for (const [key, revision] of decodeKeyRevisions(reply)) this.hint(key, revision)
      } catch {
        // It is told again.
      }
    }
  }
}

function eventOf(key: string, { register, point }: Shown): RegEvent {
  const version = versionAt(point)
  const { kind, value } = register
  if (kind === 'absent') return { kind: 'absent', key, version }
  return { kind: 'value', key, value: decodeValue(kind, value), version }
}
