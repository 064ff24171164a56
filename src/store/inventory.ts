/**
 * How much data this node holds: records, those of them that are deletions, and bytes, for metrics.
 *
 * What an earlier run left is counted page by page beside the work, since to wait for it would
 * cost a second of every start for a million records; until then nothing is told. What changes
 * meanwhile counts by itself where the pages have been already, and is found by them elsewhere.
 */
import { compareKeys } from '../base/bytes.ts'
import type { Database } from '../disk/database.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Change, Sized } from './change.ts'
import { databaseKey, STORE_RANGE } from './place.ts'
import { decodeRecord, isDead } from './record.ts'

/** By how much a change makes it more, or less. */
export interface Growth {
  readonly records: number
  readonly tombstones: number
  readonly bytes: number
}

const PAGE_ENTRIES = 256
/** Between two pages: others may not wait. */
const PAUSE_MS = 5
/** Changes beyond the pages read while one page is read; over it the page is read anew. */
const CHANGES_MAX = 4096

export class Inventory {
  #records = 0
  #tombstones = 0
  #bytes = 0
  /** Entries up to this one are counted; null: all are. */
  #counted: string | null = ''
  /** Changes behind `#counted` since the page under way was begun; at most CHANGES_MAX and one. */
  #since: (readonly [string, Growth])[] = []

  /** null until all has been counted. */
  get held(): Growth | null {
    if (this.#counted !== null) return null
    return { records: this.#records, tombstones: this.#tombstones, bytes: this.#bytes }
  }

  /** To be told in the turn in which it has become durable. */
  changed({ partition, key, before, after }: Change): void {
    const name = databaseKey(partition, key)
    const growth = growthOf(before, after)
    if (this.#counted === null || compareKeys(name, this.#counted) <= 0) this.#add(growth)
    else if (this.#since.length <= CHANGES_MAX) this.#since.push([name, growth])
  }

  /** Counts what is there. Rejects with the signal's reason, or when the database does. */
  async count(database: Database, clock: Clock, signal: AbortSignal): Promise<void> {
    while (this.#counted !== null) {
      // A turn of the event loop of its own: all that is durable by now has been told to `changed`.
      await sleep(clock, PAUSE_MS, signal)
      await this.#countPage(database, this.#counted)
    }
  }

  async #countPage(database: Database, after: string): Promise<void> {
    this.#since = []
    const from = after === '' ? STORE_RANGE.from : `${after}\0`
    const page: (readonly [string, Growth])[] = []
    for await (const [name, bytes] of database.scan({
      ...STORE_RANGE,
      from,
      limit: PAGE_ENTRIES,
    })) {
      page.push([name, growthOf(null, { record: decodeRecord(bytes), bytes: bytes.length })])
    }
    const since = this.#since
    this.#since = []
    if (since.length > CHANGES_MAX) return
    const last = page.length < PAGE_ENTRIES ? null : (page.at(-1)?.[0] ?? null)
    this.#counted = last
    for (const [, growth] of page) this.#add(growth)
    for (const [name, growth] of since) {
      if (last === null || compareKeys(name, last) <= 0) this.#add(growth)
    }
  }

  #add({ records, tombstones, bytes }: Growth): void {
    this.#records += records
    this.#tombstones += tombstones
    this.#bytes += bytes
  }
}

/** null: there was none, or there is none any more. */
export function growthOf(before: Sized | null, after: Sized | null): Growth {
  return {
    records: Number(after !== null) - Number(before !== null),
    tombstones: Number(isDeleted(after)) - Number(isDeleted(before)),
    bytes: (after?.bytes ?? 0) - (before?.bytes ?? 0),
  }
}

/** Deleted by somebody: what time makes of it is not counted. */
function isDeleted(held: Sized | null): boolean {
  return held !== null && isDead(held.record, 0)
}
