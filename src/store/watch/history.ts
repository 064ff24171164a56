/**
 * The last changes of one disk, in order, in memory. Bounded: the oldest are forgotten first, and
 * before that their records are let go of, since those can be read.
 */
import {
  FEED_ENTRIES_MAX,
  FEED_KEY_BYTES_MAX,
  FEED_RECORD_BYTES_MAX,
  FEED_RECORD_MAX,
} from '../limits.ts'

export interface Remembered {
  readonly seq: number
  readonly partition: number
  /** '': of no key; all of the partition has come to the disk. */
  readonly key: string
  /** Wall time of the disk when values ran out; 0: it is a write. */
  readonly expiredAtMs: number
  /** null: to be read. */
  record: Uint8Array | null
}

/** Forgotten entries at the front of the array, before it is cut. */
const SLACK = 4096

export class History {
  #entries: Remembered[] = []
  /** Index of the oldest that is remembered, and of the oldest that may have its record. */
  #first = 0
  #withRecord = 0
  #upTo = 0
  #keyBytes = 0
  #recordBytes = 0

  /** Of the last change; 0 before the first. */
  get upTo(): number {
    return this.#upTo
  }

  get size(): number {
    return this.#entries.length - this.#first
  }

  /** Of records, for who looks how much is held. */
  get bytes(): number {
    return this.#keyBytes + this.#recordBytes
  }

  add(change: Omit<Remembered, 'seq'>): void {
    const isKept = change.record !== null && change.record.length <= FEED_RECORD_MAX
    const entry = { ...change, seq: ++this.#upTo, record: isKept ? change.record : null }
    this.#entries.push(entry)
    this.#keyBytes += entry.key.length
    this.#recordBytes += entry.record?.length ?? 0
    while (this.#recordBytes > FEED_RECORD_BYTES_MAX) this.#letGoOfOne()
    while (this.size > FEED_ENTRIES_MAX || this.#keyBytes > FEED_KEY_BYTES_MAX) this.#forgetOne()
    if (this.#first > SLACK) this.#cut()
  }

  /** Whether every change after that one is remembered. */
  knowsAllAfter(seq: number): boolean {
    const isReal = Number.isSafeInteger(seq) && seq <= this.#upTo
    return isReal && seq >= this.#upTo - this.size
  }

  /** Those after that one, oldest first. */
  *after(seq: number): Generator<Remembered, void, undefined> {
    const behind = Math.min(this.size, this.#upTo - seq)
    for (let i = this.#entries.length - behind; i < this.#entries.length; i++) {
      const entry = this.#entries[i]
      if (entry !== undefined) yield entry
    }
  }

  #letGoOfOne(): void {
    const entry = this.#entries[this.#withRecord++]
    if (entry === undefined) return
    this.#recordBytes -= entry.record?.length ?? 0
    entry.record = null
  }

  #forgetOne(): void {
    if (this.#withRecord === this.#first) this.#letGoOfOne()
    this.#keyBytes -= this.#entries[this.#first]?.key.length ?? 0
    this.#first++
  }

  #cut(): void {
    this.#entries = this.#entries.slice(this.#first)
    this.#withRecord -= this.#first
    this.#first = 0
  }
}
