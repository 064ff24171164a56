/**
 * What changes on this disk, told to the nodes that watch: each asks for what has come after a
 * change, and is answered when there is something, or after a while with nothing.
 *
 * Nothing is remembered while nobody asks, so that a disk that nobody watches pays nothing. Each
 * time that remembering begins is a run of its own, with a number by chance: what happened
 * before, in another run or another process, is gone, and who asks for it is told so.
 *
 * A partition that has come to this disk is told of like a change: what was written there before is
 * not in this disk's memory, and others know it.
 *
 * The first replica of a key tells as soon as a change has become durable, and each disk the
 * watches of its own node, which costs no message. What the other replicas tell others is needed only
 * when the first is silent: they gather changes for a little.
 */
import { AtollError } from '../../base/errors.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Clock, Timer } from '../../seams/clock.ts'
import type { Random } from '../../seams/random.ts'
import type { Topology, TopologyView } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { Change } from '../change.ts'
import { FEED_IDLE_MS, FEED_PAGE_BYTES, FEED_PAGE_ENTRIES, FEED_WAITING_MAX } from '../limits.ts'
import { placeIn } from '../place.ts'
import { encodeRecord } from '../record.ts'
import { isSameContent } from './content.ts'
import {
  decodeFeedQuestion,
  decodeRootsQuestion,
  encodeFeedAnswer,
  encodeRootsAnswer,
  type FeedAnswer,
  type FeedEntry,
  type FeedQuestion,
  type RootsAnswer,
  type RootsQuestion,
} from './feed-messages.ts'
import { History, type Remembered } from './history.ts'
import { installedIn } from './holders.ts'

export interface FeedOptions {
  readonly self: StorageId
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly clock: Clock
  readonly random: Random
  /** The durable bytes of a key's record. */
  readonly read: (partition: number, key: string) => Uint8Array | undefined
  /** Of a partition's hash tree; null: not known. */
  readonly root: (partition: number) => number | null
}

interface Waiting {
  /** In `#waiting`. */
  readonly name: string
  /** Asked by this node itself. */
  readonly isHere: boolean
  readonly prefix: string
  /** Nothing up to here is what it asked for, but for what it was answered before. */
  at: number
  readonly answer: (answer: FeedAnswer) => void
  readonly timer: Timer
  /** Something has come that it asked for; `now`: and is not to be gathered. */
  due: 'no' | 'later' | 'now'
}

/** It has left this disk, or was deleted and then forgotten by all. */
const GONE = new Uint8Array()
/** How long those changes are gathered that another replica tells at once. */
const GATHER_MS = 20

export class Feed {
  readonly #options: FeedOptions
  /** null: nobody has asked of late. */
  #history: History | null = null
  /** Partitions of which it tells; in memory as the history is. */
  #told: ReadonlySet<number> = new Set()
  #run = 0
  #askedMs = 0
  #idle: Timer | null = null
  /** By asker and stream; at most FEED_WAITING_MAX. */
  readonly #waiting = new Map<string, Waiting>()
  #isTelling = false
  #later: Timer | null = null
  #isStopped = false
  readonly #unsubscribe: () => void

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: FeedOptions) {
    this.#options = options
    options.mesh.handle(REQUEST_KINDS.KV_FEED, async ({ peer }, body) =>
      encodeFeedAnswer(await this.ask(decodeFeedQuestion(body), peer)),
    )
    options.mesh.handle(REQUEST_KINDS.KV_FEED_ROOTS, (_from, body) =>
      encodeRootsAnswer(this.roots(decodeRootsQuestion(body))),
    )
    this.#unsubscribe = options.topology.subscribe((next) => this.#onTopology(next))
  }

  /** Changes that are remembered; null while nobody asks. */
  get remembered(): number | null {
    return this.#history?.size ?? null
  }

  stop(): void {
    this.#isStopped = true
    this.#unsubscribe()
    for (const timer of [this.#idle, this.#later]) timer?.cancel()
    for (const waiting of this.#waiting.values()) this.#answer(waiting)
    this.#history = null
  }

  /** A change is durable here. */
  changed({ partition, key, before, after }: Change): void {
    const history = this.#history
    if (history === null || after === null) return
    if (before !== null && isSameContent(before.record, after.record)) return
    this.#remember(history, { partition, key, expiredAtMs: 0, record: encodeRecord(after.record) })
  }

  /** Values of a key have run out of their time. */
  expired(partition: number, key: string): void {
    const history = this.#history
    if (history === null) return
    const expiredAtMs = Math.max(1, Math.floor(this.#options.clock.wallMs()))
    this.#remember(history, { partition, key, expiredAtMs, record: null })
  }

  /** `asker`: null: this node. Rejects with BUSY when too many wait, and with STOPPED. */
  ask(question: FeedQuestion, asker: PeerId | null): Promise<FeedAnswer> {
    return new Promise((resolve) => {
      if (this.#isStopped) throw new AtollError('STOPPED', 'the node is stopping')
      const name = `${asker ?? ''} ${question.stream}`
      const earlier = this.#waiting.get(name)
      if (earlier !== undefined) this.#answer(earlier)
      const history = this.#opened()
      const { run, prefix, after, holdMs } = question
      const isThis = run === this.#run
      const answer = isThis
        ? this.#answerTo(history, { prefix, at: after })
        : this.#lostTo(history, question)
      const isNothing = isThis && !answer.isLost && isEmpty(answer)
      if (!isNothing || holdMs === 0) return resolve(answer)
      if (this.#waiting.size >= FEED_WAITING_MAX) {
        throw new AtollError('BUSY', 'too many watch what changes on this disk')
      }
      const timer = this.#options.clock.after(holdMs, () => this.#answer(waiting))
      const isHere = asker === null
      const at = answer.upTo
      const waiting: Waiting = { name, isHere, prefix, at, answer: resolve, timer, due: 'no' }
      this.#waiting.set(name, waiting)
    })
  }

  /** What is here now, and at which change. */
  roots({ prefix, run, after, partitions }: RootsQuestion): RootsAnswer {
    const { clock, root } = this.#options
    const history = this.#opened()
    let upTo = history.upTo
    if (run === this.#run && history.knowsAllAfter(after)) {
      upTo = after
      for (const entry of history.after(after)) if (concerns(entry, prefix)) upTo = entry.seq
    }
    const roots = partitions.map((p) => (this.#told.has(p) ? root(p) : null))
    return { run: this.#run, upTo, wallMs: Math.max(0, Math.floor(clock.wallMs())), roots }
  }

  #onTopology(topology: Topology): void {
    const history = this.#history
    if (history === null) return
    const before = this.#told
    this.#told = this.#toldIn(topology)
    for (const partition of this.#told) {
      if (before.has(partition)) continue
      this.#add(history, { partition, key: '', expiredAtMs: 0, record: null }, false)
    }
  }

  #toldIn(topology: Topology | null): ReadonlySet<number> {
    const { self } = this.#options
    const partitions = topology?.partitions ?? []
    return new Set(partitions.flatMap((each, p) => (installedIn(each).includes(self) ? [p] : [])))
  }

  #opened(): History {
    const { clock, random } = this.#options
    this.#askedMs = clock.monotonicMs()
    if (this.#history === null) {
      this.#history = new History()
      this.#told = this.#toldIn(this.#options.topology.current())
      this.#run = random.int(2 ** 31) * 2 ** 20 + random.int(2 ** 20) + 1
      this.#armIdle(FEED_IDLE_MS)
    }
    return this.#history
  }

  /** Forgets all when nobody has asked for long. */
  #armIdle(delayMs: number): void {
    const { clock } = this.#options
    this.#idle = clock.after(delayMs, () => {
      const leftMs = this.#askedMs + FEED_IDLE_MS - clock.monotonicMs()
      if (leftMs > 0) return this.#armIdle(leftMs)
      this.#idle = null
      this.#history = null
    })
  }

  #remember(history: History, change: Omit<Remembered, 'seq'>): void {
    const topology = this.#options.topology.current()
    if (topology === null) return
    const { self } = this.#options
    const { installed } = placeIn(topology, '', change.partition)
    // A disk that is being filled would tell old things as new; those who have them tell the rest.
    if (!installed.includes(self)) return
    this.#add(history, change, installed[0] === self)
  }

  #add(history: History, change: Omit<Remembered, 'seq'>, isFirst: boolean): void {
    history.add(change)
    for (const waiting of this.#waiting.values()) {
      if (concerns(change, waiting.prefix)) {
        this.#due(waiting, isFirst || waiting.isHere)
      } else if (waiting.due === 'no') {
        // However much of other keys there is, it misses nothing by it.
        waiting.at = history.upTo
      }
    }
  }

  #due(waiting: Waiting, isNow: boolean): void {
    if (isNow) {
      waiting.due = 'now'
      this.#tellSoon()
    } else if (waiting.due === 'no') {
      waiting.due = 'later'
      this.#later ??= this.#options.clock.after(GATHER_MS, () => this.#tellAll())
    }
  }

  /** After what has become durable with it, whose turn is now: they travel together. */
  #tellSoon(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    Promise.resolve()
      .then(() => this.#tellNow())
      .catch(() => undefined)
  }

  #tellNow(): void {
    this.#isTelling = false
    for (const waiting of this.#waiting.values()) if (waiting.due === 'now') this.#answer(waiting)
  }

  #tellAll(): void {
    this.#later = null
    for (const waiting of this.#waiting.values()) if (waiting.due !== 'no') this.#answer(waiting)
  }

  #answer(waiting: Waiting): void {
    this.#waiting.delete(waiting.name)
    waiting.timer.cancel()
    // A run lasts while somebody waits in it.
    if (this.#history !== null) waiting.answer(this.#answerTo(this.#history, waiting))
  }

  #lostTo(history: History, { run }: Pick<FeedQuestion, 'run'>): FeedAnswer {
    return { run: this.#run, upTo: history.upTo, isLost: run !== 0, entries: [], came: [] }
  }

  #answerTo(history: History, { prefix, at: after }: Pick<Waiting, 'prefix' | 'at'>): FeedAnswer {
    if (!history.knowsAllAfter(after)) return this.#lostTo(history, { run: this.#run })
    const entries: FeedEntry[] = []
    const came: number[] = []
    let upTo = after
    let bytes = 0
    for (const entry of history.after(after)) {
      upTo = entry.seq
      if (!concerns(entry, prefix)) continue
      const { key, expiredAtMs } = entry
      if (key === '') {
        if (came.push(entry.partition) === FEED_PAGE_ENTRIES) break
        continue
      }
      const record = entry.record ?? this.#options.read(entry.partition, key) ?? GONE
      entries.push({ seq: upTo, key, expiredAtMs, record })
      bytes += entry.key.length + record.length
      if (entries.length === FEED_PAGE_ENTRIES || bytes >= FEED_PAGE_BYTES) break
    }
    return { run: this.#run, upTo, isLost: false, entries, came }
  }
}

function isEmpty({ entries, came }: FeedAnswer): boolean {
  return entries.length === 0 && came.length === 0
}

function concerns({ key }: Pick<Remembered, 'key'>, prefix: string): boolean {
  return key === '' || key.startsWith(prefix)
}
