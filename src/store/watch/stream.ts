/**
 * What changes under one prefix, for all its readers on this node: follows every disk that stores,
 * knows how far, and says when something may have been missed.
 */
import { AtollError } from '../../base/errors.ts'
import type { StorageId } from '../../base/ids.ts'
import type { Mesh, RequestKind } from '../../mesh/mesh.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Peers } from '../../topology/peers.ts'
import type { TopologyView } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { nobodyAnswered } from '../calls.ts'
import type { WatchCounts } from '../counts.ts'
import { CURSOR_RUNS_MAX } from '../limits.ts'
import type { StoreRecord } from '../record.ts'
import { Continuity } from './continuity.ts'
import { type Cursor, cursorText, type RunPlace, type Standing } from './cursor.ts'
import type { EventBuffer } from './event-buffer.ts'
import type { Feed } from './feed.ts'
import {
  decodeFeedAnswer,
  decodeRootsAnswer,
  encodeFeedQuestion,
  encodeRootsQuestion,
  feedEnd,
  type FeedAnswer,
  type FeedQuestion,
  type RootsAnswer,
  type RootsQuestion,
} from './feed-messages.ts'
import { Follower } from './follower.ts'
import type { Holders } from './holders.ts'
import { Telling } from './telling.ts'
import type { ToldKeys } from './told.ts'
import { Vouching } from './vouching.ts'

export interface StreamParts {
  readonly self: StorageId
  /** Of this node's own disk; null on an edge. */
  readonly feed: Feed | null
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly peers: Peers
  readonly clock: Clock
  readonly log: Log
  readonly told: ToldKeys
  readonly counts: WatchCounts
  /** What a majority holds of a key, or what there is. */
  readonly read: (key: string) => Promise<StoreRecord>
}

export interface StreamOptions extends StreamParts {
  readonly number: number
  readonly prefix: string
  /** Where it goes on; null: from now. */
  readonly after: Cursor | null
  readonly first: Holders
}

/** Disks that have not answered by then are not waited for. */
const FIRST_ANSWERS_MS = 1000
/** Nobody answers: no watch. */
const BEGIN_MS = 2000
/** Longer than a disk may keep a question. */
const ANSWER_MS = 2000
const NOBODY: ReadonlySet<StorageId> = new Set()

export class Stream {
  readonly #options: StreamOptions
  readonly #telling: Telling
  /** One a storing member. */
  readonly #followers = new Map<StorageId, Follower>()
  readonly #continuity: Continuity
  readonly #vouching: Vouching
  /** Disks that have answered, with what was known of them then. */
  readonly #found = new Map<StorageId, Standing>()
  /** Disks that could not be asked at least once. */
  readonly #failed = new Set<StorageId>()
  /** Of the cursor that it began with: runs of disks that have not answered yet. */
  readonly #unfound: Map<number, RunPlace>
  readonly #begun = Promise.withResolvers<void>()
  #hasBegun = false
  /** Why it was stopped, if not by the end of its readers. */
  #error: Error | null = null
  readonly #aborter = new AbortController()

  constructor(options: StreamOptions) {
    this.#options = options
    const { after, first } = options
    const onUnread = (): void => this.#tellGapIf(true)
    this.#telling = new Telling({ ...options, marks: after?.marks ?? null, onUnread })
    const continuity = new Continuity(first, after?.enough)
    this.#continuity = continuity
    this.#vouching = new Vouching({
      ...options,
      continuity,
      at: (id) => (this.#found.has(id) ? (this.#followers.get(id) ?? null) : null),
      ask: (id, question, signal) => this.#askRoots(id, question, signal),
    })
    this.#unfound = new Map(after?.runs)
    this.#begun.promise.catch(() => undefined)
    this.#follow(first)
    this.#awaitFirstAnswers().catch(() => undefined)
  }

  get isUnread(): boolean {
    return this.#telling.isUnread
  }

  /** Its first event says from when it watches. */
  enter(buffer: EventBuffer): void {
    if (this.#aborter.signal.aborted) return buffer.end(this.#error)
    this.#telling.enter(buffer)
    if (this.#hasBegun) buffer.push({ kind: 'begin', cursor: this.#cursor() }, 0)
  }

  leave(buffer: EventBuffer): void {
    this.#telling.leave(buffer)
  }

  /** A member is there, perhaps again. */
  wake(id: StorageId): void {
    this.#followers.get(id)?.wake()
  }

  /** Its readers come to their end. Idempotent. */
  stop(error: Error | null): void {
    if (this.#aborter.signal.aborted) return
    this.#error = error
    this.#aborter.abort()
    this.#begun.reject(error ?? new AtollError('STOPPED', 'the watch has ended'))
    for (const follower of this.#followers.values()) follower.stop()
    this.#vouching.stop()
    this.#telling.stop(error)
  }

  #follow({ topology }: Holders): void {
    for (const { storageId } of topology.members) {
      if (!this.#followers.has(storageId)) this.#followOne(storageId)
    }
  }

  #followOne(id: StorageId): void {
    const { prefix, clock, number: stream } = this.#options
    const follower = new Follower({
      stream,
      prefix,
      clock,
      ask: (question, signal) => this.#ask(id, question, signal),
      endQuestion: () => {
        // Lost, it ends by itself.
        this.#ask(id, feedEnd(stream)).catch(() => undefined)
      },
      locate: (run) => this.#locate(id, run),
      onFound: () => this.#onFound(id),
      onLost: () => this.#onLost(id),
      onFailed: () => {
        this.#failed.add(id)
        this.#beginIfAllAnswered()
      },
      onEntries: (answer) => this.#take(id, follower, answer),
      onCame: (partitions) => this.#tellGapIf(this.#continuity.came(id, partitions)),
    })
    this.#followers.set(id, follower)
    follower.start()
  }

  async #ask(id: StorageId, question: FeedQuestion, signal?: AbortSignal): Promise<FeedAnswer> {
    const { self, feed } = this.#options
    if (id === self && feed !== null) return feed.ask(question, null)
    const timeoutMs = question.holdMs + ANSWER_MS
    const body = encodeFeedQuestion(question)
    return decodeFeedAnswer(await this.#request(id, REQUEST_KINDS.KV_FEED, body, timeoutMs, signal))
  }

  async #askRoots(
    id: StorageId,
    question: RootsQuestion,
    signal: AbortSignal,
  ): Promise<RootsAnswer> {
    const { self, feed } = this.#options
    if (id === self && feed !== null) return feed.roots(question)
    const body = encodeRootsQuestion(question)
    const kind = REQUEST_KINDS.KV_FEED_ROOTS
    return decodeRootsAnswer(await this.#request(id, kind, body, ANSWER_MS, signal))
  }

  async #request(
    id: StorageId,
    kind: RequestKind,
    body: Uint8Array,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const { mesh, topology, peers } = this.#options
    const current = topology.current()
    const peer = current === null ? undefined : peers.usable(current, id)
    if (peer === undefined) throw new AtollError('UNREACHABLE', 'the disk is known to be down')
    const given = signal === undefined ? {} : { signal }
    const options = { timeoutMs, trafficClass: 'bulk', ...given } as const
    return mesh.request(peer, kind, body, options)
  }

  async #take(id: StorageId, follower: Follower, { entries, came }: FeedAnswer): Promise<void> {
    await this.#begun.promise
    // Some of the entries may be later than what came.
    this.#continuity.doubt(id, came)
    await this.#telling.take(entries, (seq) => {
      follower.took(seq)
      return () => this.#cursor()
    })
  }

  /** Where to begin at a disk: where the cursor was, if that was in this run. */
  #locate(id: StorageId, run: number): number | null {
    const at = this.#unfound.get(run) ?? null
    this.#unfound.delete(run)
    const isNew = this.#options.after === null && !this.#hasBegun
    this.#found.set(id, at?.standing ?? (isNew ? 'heard' : 'doubted'))
    return at?.seq ?? null
  }

  #onFound(id: StorageId): void {
    const standing = this.#found.get(id) ?? 'doubted'
    if (this.#hasBegun) this.#tellGapIf(this.#continuity.follows(id, standing))
    else this.#beginIfAllAnswered()
  }

  #onLost(id: StorageId): void {
    this.#found.set(id, 'doubted')
    if (this.#hasBegun) this.#tellGapIf(this.#continuity.lost(id))
  }

  onHolders(holders: Holders): void {
    const members = new Set(holders.topology.members.map(({ storageId }) => storageId))
    let isGap = false
    for (const [id, follower] of this.#followers) {
      if (members.has(id)) continue
      follower.stop()
      this.#followers.delete(id)
      this.#found.delete(id)
      this.#failed.delete(id)
      isGap = this.#continuity.left(id) || isGap
    }
    isGap = this.#continuity.onHolders(holders) || isGap
    this.#follow(holders)
    if (this.#hasBegun) this.#tellGapIf(isGap)
  }

  async #awaitFirstAnswers(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#aborter
    await sleep(clock, FIRST_ANSWERS_MS, signal)
    const isAnyKnown = [...this.#found.values()].some((standing) => standing !== 'doubted')
    if (this.#options.after === null || isAnyKnown) this.#beginIfAny()
    await sleep(clock, BEGIN_MS - FIRST_ANSWERS_MS, signal)
    this.#beginIfAny()
    if (!this.#hasBegun) this.stop(nobodyAnswered())
  }

  /** Who goes on waits for those that are down, too: a node that was just started has met nobody yet. */
  #beginIfAllAnswered(): void {
    const mayLack = this.#options.after === null ? this.#failed : NOBODY
    for (const id of this.#followers.keys()) if (!this.#found.has(id) && !mayLack.has(id)) return
    this.#beginIfAny()
  }

  #beginIfAny(): void {
    if (this.#hasBegun || this.#aborter.signal.aborted) return
    if (!this.#continuity.isAnyAt(this.#found.keys())) return
    const isGap = this.#continuity.begin(this.#found)
    this.#hasBegun = true
    this.#telling.tellBegin(this.#cursor())
    this.#tellGapIf(isGap)
    this.#begun.resolve()
  }

  /** To be told after all that may put a disk in doubt. */
  #tellGapIf(isGap: boolean): void {
    this.#vouching.look()
    if (!isGap) return
    const { log, prefix, counts } = this.#options
    counts.gaps++
    log.write('info', 'store.watch-gap', { prefix })
    this.#telling.tellGap(() => this.#cursor())
  }

  #cursor(): string {
    const runs = new Map<number, RunPlace>()
    for (const [id, { run, seq }] of this.#followers) {
      if (run !== 0) runs.set(run, { seq, standing: this.#continuity.standingOf(id) })
    }
    const areAllFound = this.#found.size === this.#followers.size
    for (const [run, place] of areAllFound ? [] : this.#unfound) {
      if (runs.size < CURSOR_RUNS_MAX) runs.set(run, place)
    }
    return cursorText({ runs, marks: this.#telling.marks, enough: this.#continuity.enoughOfAny })
  }
}
