/** Reads the entries of one partition in key order, in slices as they are needed. */
import { compareKeys } from '../base/bytes.ts'
import type { Database } from '../disk/database.ts'
import { databaseKey, partitionEnd, userKey } from './place.ts'

/** Entries read from a partition at a time: pages take little from each of many partitions. */
const SLICE = 8

export class PartitionCursor {
  readonly #database: Database
  readonly #partition: number
  readonly #prefix: string
  #slice: (readonly [string, Uint8Array])[] = []
  #at = 0
  #from: string
  #ended = false

  private constructor(database: Database, partition: number, prefix: string, from: string) {
    this.#database = database
    this.#partition = partition
    this.#prefix = prefix
    this.#from = from
  }

  static async open(
    database: Database,
    partition: number,
    prefix: string,
    after: string,
  ): Promise<PartitionCursor> {
    // The least string after `after` is itself with a zero character.
    const start = compareKeys(after, prefix) >= 0 && after !== '' ? `${after}\0` : prefix
    const cursor = new PartitionCursor(database, partition, prefix, start)
    await cursor.#fill()
    return cursor
  }

  get key(): string | null {
    return this.#slice[this.#at]?.[0] ?? null
  }

  async take(): Promise<readonly [string, Uint8Array]> {
    const entry = this.#slice[this.#at++] ?? (['', new Uint8Array()] as const)
    if (this.#at === this.#slice.length) await this.#fill()
    return entry
  }

  async #fill(): Promise<void> {
    this.#slice = []
    this.#at = 0
    if (this.#ended) return
    const from = databaseKey(this.#partition, this.#from)
    const range = { from, to: partitionEnd(this.#partition), limit: SLICE }
    for await (const [stored, bytes] of this.#database.scan(range)) {
      const key = userKey(stored)
      if (!key.startsWith(this.#prefix)) {
        this.#ended = true
        break
      }
      this.#slice.push([key, bytes])
      this.#from = `${key}\0`
    }
    if (this.#slice.length < SLICE) this.#ended = true
  }
}

/** The cursor whose key comes first; null when all are at their ends. */
export function leastOf(cursors: readonly PartitionCursor[]): PartitionCursor | null {
  let least: PartitionCursor | null = null
  for (const cursor of cursors) {
    if (cursor.key === null) continue
    if (least === null || compareKeys(cursor.key, least.key ?? '') < 0) least = cursor
  }
  return least
}
