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
 */
import { AtollError } from '../../base/errors.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Clock, Timer } from '../../seams/clock.ts'
import type { Random } from '../../seams/random.ts'
import type { Topology, TopologyView } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { Change } from '../change.ts'
import { FEED_IDLE_MS, FEED_PAGE_BYTES, FEED_PAGE_ENTRIES } from '../limits.ts'
import { installedIn, placeIn } from '../place.ts'
import { encodeRecord, recordIfSound } from '../record.ts'
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
import { concerns, type Question, Questions } from './questions.ts'

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
  /** Values that had to end before this time have been told of. */
  readonly sweptMs: () => number
}

/** Nothing is left that ends. */
const LAST_MS = Number.MAX_SAFE_INTEGER
/** It has left this disk, or was deleted and then forgotten by all. */
const GONE = new Uint8Array()

export class Feed {
  readonly #options: FeedOptions
  /** null: nobody has asked of late. */
  #history: History | null = null
  /** Partitions of which it tells; in memory as the history is. */
  #told: ReadonlySet<number> = new Set()
  #run = 0
  #askedMs = 0
  #idle: Timer | null = null
  readonly #questions: Questions
  #isStopped = false
  readonly #unsubscribe: () => void

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: FeedOptions) {
    this.#options = options
    this.#questions = new Questions(options.clock, (question) => {
      // A run lasts while somebody waits in it.
      return this.#history === null ? null : this.#answerTo(this.#history, question)
    })
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
    this.#idle?.cancel()
    this.#questions.stop()
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
      this.#questions.end(name)
      const history = this.#opened()
      const { run, prefix, after, holdMs } = question
      const isThis = run === this.#run
      const answer = isThis
        ? this.#answerTo(history, { prefix, at: after })
        : this.#lostTo(history, question)
      const isNothing = isThis && !answer.isLost && isEmpty(answer)
      if (!isNothing || holdMs === 0) return resolve(answer)
      const at = { prefix, at: answer.upTo }
      this.#questions.keep({ name, isHere: asker === null, ...at, answer: resolve }, holdMs)
    })
  }

  /** What is here now, and at which change. */
  roots({ prefix, run, after, partitions }: RootsQuestion): RootsAnswer {
    const { clock, root, sweptMs } = this.#options
    const history = this.#opened()
    let upTo = history.upTo
    if (run === this.#run && history.knowsAllAfter(after)) {
      upTo = after
      for (const entry of history.after(after)) if (concerns(entry, prefix)) upTo = entry.seq
    }
    const roots = partitions.map((p) => (this.#told.has(p) ? root(p) : null))
    const wallMs = Math.max(0, Math.floor(clock.wallMs()))
    return { run: this.#run, upTo, wallMs, sweptMs: Math.min(sweptMs(), LAST_MS), roots }
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
    this.#questions.changed(change, isFirst, history.upTo)
  }

  #lostTo(history: History, { run }: Pick<FeedQuestion, 'run'>): FeedAnswer {
    return { run: this.#run, upTo: history.upTo, isLost: run !== 0, entries: [], came: [] }
  }

  #answerTo(history: History, { prefix, at: after }: Pick<Question, 'prefix' | 'at'>): FeedAnswer {
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
      const record = entry.record ?? this.#stored(entry.partition, key)
      entries.push({ seq: upTo, key, expiredAtMs, record })
      bytes += entry.key.length + record.length
      if (entries.length === FEED_PAGE_ENTRIES || bytes >= FEED_PAGE_BYTES) break
    }
    return { run: this.#run, upTo, isLost: false, entries, came }
  }

  /** What is no record any more is gone from this disk. */
  #stored(partition: number, key: string): Uint8Array {
    const bytes = this.#options.read(partition, key)
    return bytes === undefined || recordIfSound(bytes) === null ? GONE : bytes
  }
}

function isEmpty({ entries, came }: FeedAnswer): boolean {
  return entries.length === 0 && came.length === 0
}
