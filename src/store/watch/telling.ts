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
import { recordIfSound, type StoreRecord } from '../record.ts'
import { shownOf } from '../shown.ts'
import { isSameContent, markOf } from './content.ts'
import { MARKS } from './cursor.ts'
import { eventOf } from './event.ts'
import type { EventBuffer } from './event-buffer.ts'
import type { FeedEntry } from './feed-messages.ts'
import { gapOf } from './gap.ts'
import { type LateEnd, LateEnds } from './late-ends.ts'
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
/** A disk whose clock is further ahead calls values expired that are not: they are told of later. */
const SKEW_MS = 5000
/** Of a clock that is further ahead other disks will tell, or nobody. */
const LATE_MS_MAX = 10 * 60 * 1000
const NO_BYTES = new Uint8Array()
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
  readonly #late: LateEnds
  readonly #aborter = new AbortController()

  constructor(options: TellingOptions) {
    this.#options = options
    this.#marks = options.marks ?? []
    this.#skipped = new Set(this.#marks)
    this.#late = new LateEnds(options.clock, (ends) => {
      this.#takeLate(ends).catch(() => undefined)
    })
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
    this.#late.stop()
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
    const held = entries.map(({ record }) => heldIn(record))
    const reads = await this.#readUncertain(entries, held)
    for (const [i, entry] of entries.entries()) {
      if (this.#aborter.signal.aborted) return
      this.#takeOne(entry, held[i] ?? null, reads.get(entry.key), cursorAfter(entry.seq))
    }
  }

  async #takeLate(ends: readonly LateEnd[]): Promise<void> {
    const [first] = ends
    if (first === undefined) return
    const entries = ends.map(({ entry }) => entry)
    await this.take(entries, () => first.cursor)
  }

  /** One step: what was told is looked at and told anew, whatever others bring meanwhile. */
  #takeOne(
    entry: FeedEntry,
    held: StoreRecord | null,
    read: StoreRecord | undefined,
    cursor: () => string,
  ): void {
    const { key, expiredAtMs } = entry
    const { told, number, counts, clock } = this.#options
    const before = told.get(number, key)
    const record = joined(held, before, read)
    if (record === null) return
    const recordBytes = Math.max(entry.record.length, before?.recordBytes ?? 0)
    const wallMs = clock.wallMs()
    const isSame = before !== undefined && isSameContent(before.record, record)
    const hereMs = Math.max(wallMs, Math.min(expiredAtMs, wallMs + SKEW_MS))
    // What has run out stays so.
    const atMs = isSame ? Math.max(hereMs, before.atMs) : hereMs
    const shown = shownOf(record, atMs)
    if (expiredAtMs > atMs) this.#awaitEnd(entry, record, atMs, cursor)
    const next = { record, shown: shown.length, atMs, recordBytes }
    const readers = this.#readersOf(isSame && before.shown === shown.length ? before : null)
    const mark = markOf(key, record, shown.length)
    const isSeen = before === undefined && this.#skipped.has(mark)
    if (readers.length === 0 || isSeen) {
      return told.set(number, key, { ...next, turn: before?.turn ?? ++this.#turn })
    }
    told.set(number, key, { ...next, turn: ++this.#turn })
    this.#marks = [...this.#marks, mark].slice(-MARKS)
    const event = eventOf(key, record, shown, cursor())
    const bytes = recordBytes + event.cursor.length + EVENT_BYTES
    counts.told++
    for (const buffer of readers) {
      if (!buffer.push(event, bytes)) this.#readers.set(buffer, this.#turn)
    }
  }

  /** The disk is done with what has ended by its clock, and will not tell of it again. */
  #awaitEnd(entry: FeedEntry, record: StoreRecord, atMs: number, cursor: () => string): void {
    const ends = record.siblings
      .map(({ expiresAtMs }) => expiresAtMs)
      .filter((ms) => ms > atMs && ms <= Math.min(entry.expiredAtMs, atMs + LATE_MS_MAX))
    if (ends.length === 0) return
    const dueMs = Math.min(...ends) - SKEW_MS
    this.#late.add({ entry: { ...entry, record: NO_BYTES }, dueMs, cursor })
  }

  /**
   * Of news all. Of what has been told already those that have come since: whether they have seen it
   * where they listed the keys is not known here.
   */
  #readersOf(told: Told | null): readonly EventBuffer[] {
    if (told === null) return [...this.#readers.keys()]
    return [...this.#readers].flatMap(([buffer, since]) => (told.turn <= since ? [buffer] : []))
  }

  /** What is held of the keys that may have been told, and of which nothing is known any more. */
  async #readUncertain(
    entries: readonly FeedEntry[],
    held: readonly (StoreRecord | null)[],
  ): Promise<ReadonlyMap<string, StoreRecord>> {
    const { told, number, marks } = this.#options
    const keys = new Set<string>()
    for (const [i, { key }] of entries.entries()) {
      const isUnknown = told.get(number, key) === undefined
      const mayBeTold = isUnknown && (marks !== null || told.mayBeForgotten(number, key))
      if (mayBeTold || held[i] === null) keys.add(key)
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

/**
 * null: nothing any more, or what cannot be read here. A copy: it is kept for long, and the bytes are
 * a view of a whole frame.
 */
function heldIn(bytes: Uint8Array): StoreRecord | null {
  return bytes.length === 0 ? null : recordIfSound(bytes.slice())
}

/** What is known of a key with an entry; null: nothing that could be told. */
function joined(
  held: StoreRecord | null,
  before: Told | undefined,
  read: StoreRecord | undefined,
): StoreRecord | null {
  if (held === null) {
    // Forgotten by all disks, or only gone from that one.
    if (read === undefined || read.known.vector.size === 0) return read ?? null
    return before === undefined ? read : joinRecords(before.record, read)
  }
  const record = read === undefined ? held : joinRecords(read, held)
  return before === undefined ? record : joinRecords(before.record, record)
}
