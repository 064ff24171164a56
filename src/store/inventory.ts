/**
 * How much data this node holds: records, those of them that are deletions or have siblings, and
 * bytes, for metrics.
 * What cannot be read is counted apart, until it is replaced, and holds up nothing.
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
import { isDead, recordIfSound, siblingCountOf } from './record.ts'

/** How much there is; of a change, how much more there is than before, or less. */
export interface Amounts {
  readonly records: number
  /** Those of them that say that a key was deleted. */
  readonly tombstones: number
  /** Those of them with more than one value; what ends by itself is none. */
  readonly withSiblings: number
  /** Of records, without their keys. */
  readonly bytes: number
  /** Entries that are no records any more: in none of the above. */
  readonly damaged: number
}

const PAGE_ENTRIES = 256
/** Between two pages, so that nobody else waits for long. */
const PAUSE_MS = 5
/** Changes beyond the pages read while one page is read; over it the page is read anew. */
const CHANGES_MAX = 4096

export class Inventory {
  #records = 0
  #tombstones = 0
  #withSiblings = 0
  #bytes = 0
  #damaged = 0
  /** Entries up to this one are counted; null: all are. */
  #counted: string | null = ''
  /** Changes behind `#counted` since the page under way was begun; at most CHANGES_MAX and one. */
  #since: (readonly [string, Amounts])[] = []

  /** null until all has been counted. */
  get held(): Amounts | null {
    if (this.#counted !== null) return null
    return {
      records: this.#records,
      tombstones: this.#tombstones,
      withSiblings: this.#withSiblings,
      bytes: this.#bytes,
      damaged: this.#damaged,
    }
  }

  /** To be told in the turn in which it has become durable. */
  changed({ partition, key, before, after, damaged }: Change): void {
    const name = databaseKey(partition, key)
    const growth = { ...growthOf(before, after), damaged: damaged === undefined ? 0 : -1 }
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
    let read = 0
    let last = after
    let damaged = 0
    const page: Amounts[] = []
    for await (const [name, bytes] of database.scan({
      ...STORE_RANGE,
      from,
      limit: PAGE_ENTRIES,
    })) {
      read++
      last = name
      const record = recordIfSound(bytes)
      if (record === null) damaged++
      else page.push(growthOf(null, { record, bytes: bytes.length }))
    }
    const since = this.#since
    this.#since = []
    if (since.length > CHANGES_MAX) return
    const isLast = read < PAGE_ENTRIES
    this.#counted = isLast ? null : last
    this.#damaged += damaged
    for (const growth of page) this.#add(growth)
    for (const [name, growth] of since) {
      if (isLast || compareKeys(name, last) <= 0) this.#add(growth)
    }
  }

  #add({ records, tombstones, withSiblings, bytes, damaged }: Amounts): void {
    this.#records += records
    this.#tombstones += tombstones
    this.#withSiblings += withSiblings
    this.#bytes += bytes
    this.#damaged += damaged
  }
}

/** null: there was none, or there is none any more. */
export function growthOf(before: Sized | null, after: Sized | null): Amounts {
  return {
    records: Number(after !== null) - Number(before !== null),
    tombstones: Number(isDeleted(after)) - Number(isDeleted(before)),
    withSiblings: Number(hasSiblings(after)) - Number(hasSiblings(before)),
    bytes: (after?.bytes ?? 0) - (before?.bytes ?? 0),
    damaged: 0,
  }
}

/** Deleted by somebody: what time makes of it is not counted. */
function isDeleted(held: Sized | null): boolean {
  return held !== null && isDead(held.record, 0)
}

/** Among values that stay until a writer replaces them: the others go by themselves, uncounted. */
function hasSiblings(held: Sized | null): boolean {
  return held !== null && siblingCountOf(held.record, Number.POSITIVE_INFINITY) > 1
}
