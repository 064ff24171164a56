/**
 * The append log: segments of records in sequence, written by one appender.
 *
 * A segment is named after the sequence number of its first record. Only the last one may end in
 * a torn record, since a new segment begins only when the one before is synced.
 */
import { AtollError } from '../base/errors.ts'
import type { AppendFile, Storage } from '../seams/storage.ts'
import type { Clock } from '../seams/clock.ts'
import { DiskCounts } from './counts.ts'
import { damaged } from './damage.ts'
import type { Write } from './database.ts'
import { decodeRecord, encodeRecord, intactRecordAfter, type LogRecord } from './log-record.ts'

const PREFIX = 'log-'
const DIGITS = 15

interface Segment {
  readonly name: string
  readonly firstSequence: number
}

function segmentName(firstSequence: number): string {
  return PREFIX + String(firstSequence).padStart(DIGITS, '0')
}

export class AppendLog {
  readonly counts = new DiskCounts()
  readonly #storage: Storage
  readonly #clock: Clock
  /** Oldest first; the last one is open for appending. */
  readonly #segments: Segment[] = []
  #file: AppendFile | null = null
  /** Of the newest record, durable or being written. */
  #sequence = 0
  /** The newest record is an empty one, or there is none. */
  #sealed = true

  private constructor(storage: Storage, clock: Clock) {
    this.#storage = storage
    this.#clock = clock
  }

  get segments(): number {
    return this.#segments.length
  }

  get sequence(): number {
    return this.#sequence
  }

  /**
   * Opens the log and hands every intact record after `applied` to `replay`, in order. Rejects
   * with DISK_DAMAGED when a record is missing or bad anywhere but at the very end.
   */
  static async open(
    storage: Storage,
    clock: Clock,
    applied: number,
    replay: (record: LogRecord) => void,
  ): Promise<AppendLog> {
    const log = new AppendLog(storage, clock)
    const names = (await storage.list()).filter((name) => name.startsWith(PREFIX)).sort()
    let expected: number | null = null
    let end = 0
    for (const [i, name] of names.entries()) {
      const firstSequence = sequenceOf(name)
      const next = names[i + 1]
      if (next !== undefined && sequenceOf(next) <= applied + 1) {
        // All of it is in the index: it only waits to be removed, and others may have gone already.
        log.#segments.push({ name, firstSequence })
        continue
      }
      if (firstSequence !== (expected ?? Math.min(firstSequence, applied + 1))) {
        throw damaged(
          `the log goes on with "${name}", and record ${expected ?? applied + 1} is missing`,
        )
      }
      const file = (await storage.read(name)) ?? new Uint8Array()
      const read = readSegment(file, name, i === names.length - 1, firstSequence)
      for (const record of read.records) if (record.sequence > applied) replay(record)
      expected = firstSequence + read.records.length
      end = read.endOffset
      log.#sealed = read.records.at(-1)?.writes.length === 0
      log.#segments.push({ name, firstSequence })
    }
    log.#sequence = (expected ?? 1) - 1
    // A checkpoint begins with a new segment, so one that starts behind the marker is there.
    if (applied > 0 && !log.#segments.some((each) => each.firstSequence === applied + 1)) {
      throw damaged(`the log behind record ${applied} is missing`)
    }
    await log.#openLast(end)
    return log
  }

  async #openLast(endOffset: number): Promise<void> {
    const last = this.#segments.at(-1)
    if (last === undefined) return this.rotate()
    this.#file = await this.#storage.openAppend(last.name)
    if (this.#file.sizeBytes > endOffset) await this.#file.truncate(endOffset)
    // Always: a process that died between write and sync left records that only memory holds, and
    // from here on they count as durable.
    await this.#file.sync()
  }

  /** Durable when it resolves. DISK_FULL leaves the log as it was. */
  async append(writes: readonly Write[]): Promise<void> {
    if (this.#file === null) throw new AtollError('STOPPED', 'the log is closed')
    const { counts } = this
    const record = encodeRecord(this.#sequence + 1, writes)
    await this.#file.append(record)
    const startedMs = this.#clock.monotonicMs()
    await this.#file.sync()
    this.#sequence++
    counts.syncSeconds.observe((this.#clock.monotonicMs() - startedMs) / 1000)
    counts.groupWrites.observe(writes.length)
    counts.appendBytes += record.length
    this.#sealed = writes.length === 0
  }

  /**
   * Ends with an empty record: all before it has a follower then, and damage to it is told from a
   * tail that a crash tore.
   */
  async seal(): Promise<void> {
    if (!this.#sealed) await this.append([])
  }

  /** Begins a new segment, so that those before it can be removed one day. */
  async rotate(): Promise<void> {
    const firstSequence = this.#sequence + 1
    if (this.#segments.at(-1)?.firstSequence === firstSequence) return
    const file = await this.#storage.openAppend(segmentName(firstSequence))
    await this.#file?.close()
    this.#file = file
    this.#segments.push({ name: segmentName(firstSequence), firstSequence })
  }

  /** Removes the segments whose every record is applied to the index, durably. */
  async removeThrough(applied: number): Promise<void> {
    for (;;) {
      const [oldest, next] = this.#segments
      if (oldest === undefined || next === undefined || next.firstSequence > applied + 1) return
      await this.#storage.remove(oldest.name)
      // Only what was removed leaves the list: else a segment would lie about that nobody knows of.
      if (this.#segments[0] === oldest) this.#segments.shift()
    }
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = null
  }
}

function sequenceOf(name: string): number {
  return Number(name.slice(PREFIX.length))
}

function readSegment(
  file: Uint8Array,
  name: string,
  isLast: boolean,
  firstSequence: number,
): { records: LogRecord[]; endOffset: number } {
  const records: LogRecord[] = []
  let offset = 0
  while (offset < file.length) {
    const sequence = firstSequence + records.length
    const record = decodeRecord(file, offset)
    if (record === null) {
      if (isLast && !intactRecordAfter(file, offset, sequence)) break
      throw damaged(`record ${sequence} of the log is bad, in "${name}" at byte ${offset}`)
    }
    if (record.sequence !== sequence) {
      throw damaged(`record ${sequence} of the log is missing, in "${name}" at byte ${offset}`)
    }
    records.push(record)
    offset = record.endOffset
  }
  return { records, endOffset: offset }
}
