/**
 * Watching registers: replicas hint at changes, and each hint is followed by a linearizable read, so
 * that what a watcher sees was chosen, and never goes back (registers.md §7, "watch").
 *
 * Many changes in a row may show as one, the last is always shown. Hints may get lost: replicas are
 * told again every ten seconds what is watched and what is known of it, and answer with what is
 * newer. All readers of a key on this node share one watch.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import { decodeValue } from '../base/value.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { type Clock, sleep, type Timer } from '../seams/clock.ts'
import type { Peers } from '../topology/peers.ts'
import type { TopologyView } from '../topology/topology.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { RegEvent } from './api.ts'
import { WATCH_KEYS, WATCH_RENEW_MS, WATCHED_MAX, WATCHERS_MAX } from './limits.ts'
import { placeOf } from './place.ts'
import type { Register } from './register.ts'
import { versionOf } from './version.ts'
import { decodeKeyRevisions, encodeKeyRevisions, type KeyRevision } from './watch-messages.ts'

export interface WatchesOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly topology: TopologyView
  readonly peers: Peers
  /** Linearizable; rejects when there is no majority. */
  readonly read: (key: string) => Promise<Register>
}

const REQUEST_TIMEOUT_MS = 2000
/** After a read that failed or did not find what was hinted at: doubled each time. */
const RETRY_MS = 10
const RETRY_MS_MAX = 1000
/** Reads after one hint, until it is taken for one of a change that was never chosen. */
const READS_PER_HINT = 6

export class Watches {
  readonly #options: WatchesOptions
  /** At most WATCHED_MAX. */
  readonly #watched = new Map<string, Watched>()
  #readers = 0
  #renewal: Timer | null = null
  readonly #unsubscribe: () => void
  readonly #aborter = new AbortController()

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
    this.#aborter.abort()
    this.#unsubscribe()
    this.#renewal?.cancel()
    for (const watched of this.#watched.values()) watched.wakeAll()
  }

  /** Ends when the signal aborts or the node stops. Throws BUSY when there are too many. */
  async *watch(key: string, after: number, signal: AbortSignal): AsyncGenerator<RegEvent> {
    const ends = AbortSignal.any([signal, this.#aborter.signal])
    const watched = this.#enter(key)
    const reader = watched.enter(after)
    const onAbort = (): void => reader.wake()
    ends.addEventListener('abort', onAbort)
    try {
      while (!ends.aborted) {
        const register = reader.take()
        if (register === null) await reader.waiting()
        else yield eventOf(key, register)
      }
    } finally {
      ends.removeEventListener('abort', onAbort)
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
    if (watched === undefined || watched.revision >= revision) return
    watched.hinted = Math.max(watched.hinted, revision)
    if (!watched.isReading) this.#read(key, watched)
  }

  /** What is known to be chosen needs no read. */
  chosen(key: string, register: Register): void {
    this.#watched.get(key)?.publish(register)
  }

  #enter(key: string): Watched {
    let watched = this.#watched.get(key)
    const isNew = watched === undefined
    if (this.#readers >= WATCHERS_MAX || (isNew && this.#watched.size >= WATCHED_MAX)) {
      throw new AtollError('BUSY', 'too many watches on this node', { hint: 'end some first' })
    }
    this.#readers++
    if (watched !== undefined) return watched
    watched = new Watched()
    this.#watched.set(key, watched)
    // First the replicas know of it, then the first read: nothing falls in between.
    const reads = watched
    this.#tell([key]).then(
      () => this.#read(key, reads),
      () => undefined,
    )
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
    try {
      for (let reads = 0; reads < READS_PER_HINT && !watched.isUnwatched; ) {
        const hinted = watched.hinted
        const isRead = await this.#readOnce(key, watched)
        if (isRead && watched.revision >= watched.hinted) return
        // A newer hint starts anew; a majority is waited for as long as somebody watches.
        reads = watched.hinted > hinted || !isRead ? 0 : reads + 1
        await sleep(clock, pauseMs, signal)
        pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)
      }
      watched.hinted = watched.revision
    } finally {
      // In the step of the last look at `hinted`: a later hint begins another read.
      watched.isReading = false
    }
  }

  async #readOnce(key: string, watched: Watched): Promise<boolean> {
    const before = watched.revision
    try {
      const register = await this.#options.read(key)
      // Begun after the newest was known, it finds nothing: that was deleted and forgotten.
      const isGone = register.revision === 0 && watched.revision === before
      watched.publish(register, isGone)
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

/** One key, for all its readers on this node. */
class Watched {
  /** The newest that was chosen as far as this node knows. */
  #newest: Register | null = null
  readonly #readers = new Set<Reader>()
  /** The highest that somebody has spoken of. */
  hinted = 0
  isReading = false

  /** 0 until the first read. */
  get revision(): number {
    return this.#newest?.revision ?? 0
  }

  get isUnwatched(): boolean {
    return this.#readers.size === 0
  }

  enter(after: number): Reader {
    const reader = new Reader(after)
    this.#readers.add(reader)
    if (this.#newest !== null) reader.offer(this.#newest)
    return reader
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader)
  }

  /** `isGone`: what was seen before is no more, although no revision says so. */
  publish(register: Register, isGone = false): void {
    const { kind = 'absent', revision = -1 } = this.#newest ?? {}
    const isForgotten = isGone && (kind !== 'absent' || revision < 0)
    if (register.revision <= revision && !isForgotten) return
    this.#newest = register
    for (const reader of this.#readers) reader.offer(register, isForgotten)
  }

  wakeAll(): void {
    for (const reader of this.#readers) reader.wake()
  }
}

/** Holds one register at most: a reader that is slow sees the last of many. */
class Reader {
  #seen: number
  #next: Register | null = null
  #wake: () => void = () => {}

  constructor(after: number) {
    this.#seen = after
  }

  offer(register: Register, isForgotten = false): void {
    if (register.revision <= this.#seen && !isForgotten) return
    this.#next = register
    this.#wake()
  }

  take(): Register | null {
    const register = this.#next
    if (register === null) return null
    this.#next = null
    this.#seen = Math.max(this.#seen, register.revision)
    return register
  }

  waiting(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  wake(): void {
    this.#wake()
  }
}

function eventOf(key: string, { kind, value, revision }: Register): RegEvent {
  const shown = kind === 'absent' ? null : decodeValue(kind, value)
  return { key, value: shown, version: versionOf(revision) }
}
