/**
 * What the readers of a prefix are told: the changes of all disks, merged so that each write is told
 * once, and of each key only what is newer.
 *
 * All replicas of a key tell of a write. The first to do so counts; what the others say is covered
 * by what was told. Where it is not, it is joined with that. Of a key that may have been told
 * before, here (and is forgotten) or where the cursor comes from, a read is joined as well: a
 * replica that is behind must not show as news what has long been replaced.
 */
import { Gate } from '../../base/gate.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { WatchCounts } from '../counts.ts'
import { joinRecords } from '../merge.ts'
import { decodeRecord, type StoreRecord } from '../record.ts'
import { shownOf } from '../shown.ts'
import { isSameContent, markOf } from './content.ts'
import { MARKS } from './cursor.ts'
import { eventOf } from './event.ts'
import type { EventBuffer } from './event-buffer.ts'
import type { FeedEntry } from './feed-messages.ts'
import { gapOf } from './gap.ts'
import type { Told, ToldKeys } from './told.ts'

export interface TellingOptions {
  /** Of the stream, among those of the node. */
  readonly number: number
  /** Marks of what was told where the cursor comes from; null: there is none. */
  readonly marks: readonly number[] | null
  readonly told: ToldKeys
  readonly counts: WatchCounts
  readonly clock: Clock
  /** What a majority holds of a key, or what there is; rejects when too few say that it is nothing. */
  readonly read: (key: string) => Promise<StoreRecord>
  /** A key could not be read: what is told of it may be older than what was told. */
  readonly onUnread: () => void
}

const READS_AT_ONCE = 32
const READ_ATTEMPTS = 5
const READ_RETRY_MS = 500
/** A disk whose clock is further ahead calls values expired that are not. */
const SKEW_MS = 5000
/** What an event takes besides its record. */
const EVENT_BYTES = 400

export class Telling {
  readonly #options: TellingOptions
  /** With the turn in which each came, or had a gap: what was told before, it may not know of. */
  readonly #readers = new Map<EventBuffer, number>()
  /** Grows with each telling. */
  #turn = 0
  #marks: readonly number[]
  /** Of what was told where the cursor comes from. */
  readonly #skipped: Set<number>
  readonly #reads = new Gate(READS_AT_ONCE)
  readonly #aborter = new AbortController()

  constructor(options: TellingOptions) {
    this.#options = options
    this.#marks = options.marks ?? []
    this.#skipped = new Set(this.#marks)
    options.told.enter(options.number)
  }

  /** Of the last events. */
  get marks(): readonly number[] {
    return this.#marks
  }

  get isUnread(): boolean {
    return this.#readers.size === 0
  }

  enter(buffer: EventBuffer): void {
    this.#readers.set(buffer, this.#turn)
  }

  leave(buffer: EventBuffer): void {
    this.#readers.delete(buffer)
  }

  stop(error: Error | null): void {
    this.#aborter.abort()
    for (const buffer of this.#readers.keys()) buffer.end(error)
    this.#options.told.leave(this.#options.number)
  }

  tellBegin(cursor: string): void {
    for (const buffer of this.#readers.keys()) buffer.push({ kind: 'begin', cursor }, EVENT_BYTES)
  }

  /**
   * From now on a reader knows what a list shows, and what is told: what was told before is told
   * again when it comes, since a list may not show it yet.
   */
  tellGap(cursor: () => string): void {
    this.#marks = []
    this.#skipped.clear()
    const gap = gapOf('forgotten', cursor())
    for (const buffer of this.#readers.keys()) {
      buffer.push(gap, EVENT_BYTES)
      this.#readers.set(buffer, this.#turn)
    }
  }

  /** `cursorAfter` notes that an entry is taken, and says where the stream is then. */
  async take(
    entries: readonly FeedEntry[],
    cursorAfter: (seq: number) => () => string,
  ): Promise<void> {
    const reads = await this.#readUncertain(entries)
    for (const entry of entries) {
      if (this.#aborter.signal.aborted) return
      this.#takeOne(entry, reads.get(entry.key), cursorAfter(entry.seq))
    }
  }

  /** One step: what was told is looked at and told anew, whatever others bring meanwhile. */
  #takeOne(entry: FeedEntry, read: StoreRecord | undefined, cursor: () => string): void {
    const { key, expiredAtMs } = entry
    const { told, number, counts, clock } = this.#options
    const before = told.get(number, key)
    const record = joined(entry, before, read)
    if (record === null) return
    const recordBytes = Math.max(entry.record.length, before?.recordBytes ?? 0)
    const wallMs = clock.wallMs()
    const shown = shownOf(record, Math.max(wallMs, Math.min(expiredAtMs, wallMs + SKEW_MS)))
    const next = { record, shown: shown.length, recordBytes }
    const readers = this.#readersOf(before, next, expiredAtMs > 0)
    const mark = markOf(key, record, shown.length)
    const isSeen = before === undefined && this.#skipped.has(mark)
    if (readers.length === 0 || isSeen) {
      return told.set(number, key, { ...next, turn: before?.turn ?? ++this.#turn })
    }
    told.set(number, key, { ...next, turn: ++this.#turn })
    this.#marks = [...this.#marks, mark].slice(-MARKS)
    const event = eventOf(key, record, shown, cursor())
    counts.told++
    for (const buffer of readers) {
      if (!buffer.push(event, recordBytes + EVENT_BYTES)) this.#readers.set(buffer, this.#turn)
    }
  }

  /**
   * Of news all. Of what has been told already those that have come since: whether they have seen it
   * where they listed the keys is not known here.
   */
  #readersOf(
    before: Told | undefined,
    { record, shown }: Pick<Told, 'record' | 'shown'>,
    isExpiry: boolean,
  ): readonly EventBuffer[] {
    const isTold =
      before !== undefined &&
      isSameContent(before.record, record) &&
      (!isExpiry || before.shown === shown)
    if (!isTold) return [...this.#readers.keys()]
    return [...this.#readers].flatMap(([buffer, since]) => (before.turn <= since ? [buffer] : []))
  }

  /** What is held of the keys that may have been told, and of which nothing is known any more. */
  async #readUncertain(entries: readonly FeedEntry[]): Promise<ReadonlyMap<string, StoreRecord>> {
    const { told, number, marks } = this.#options
    const keys = new Set<string>()
    for (const { key, record } of entries) {
      const isUnknown = told.get(number, key) === undefined
      const mayBeTold = isUnknown && (marks !== null || told.mayBeForgotten(number, key))
      if (mayBeTold || record.length === 0) keys.add(key)
    }
    const reads = new Map<string, StoreRecord>()
    if (keys.size === 0) return reads
    const reading = [...keys].map((key) =>
      this.#reads.through(async () => {
        const record = await this.#readOne(key)
        if (record !== null) reads.set(key, record)
      }),
    )
    await Promise.all(reading)
    return reads
  }

  async #readOne(key: string): Promise<StoreRecord | null> {
    const { clock, read, counts } = this.#options
    for (let attempt = 1; attempt <= READ_ATTEMPTS; attempt++) {
      counts.reads++
      try {
        return await read(key)
      } catch {
        await sleep(clock, READ_RETRY_MS, this.#aborter.signal)
      }
    }
    this.#options.onUnread()
    return null
  }
}

/** What is known of a key with an entry; null: nothing that could be told. */
function joined(
  { record: bytes }: FeedEntry,
  before: Told | undefined,
  read: StoreRecord | undefined,
): StoreRecord | null {
  if (bytes.length === 0) {
    // Forgotten by all disks, or only gone from that one.
    if (read === undefined || read.known.vector.size === 0) return read ?? null
    return before === undefined ? read : joinRecords(before.record, read)
  }
  // A copy: it is kept for long, and the bytes are a view of a whole frame.
  let record = decodeRecord(bytes.slice())
  if (read !== undefined) record = joinRecords(read, record)
  return before === undefined ? record : joinRecords(before.record, record)
}
