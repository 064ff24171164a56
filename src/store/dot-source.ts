/**
 * Where the numbers of dots come from: one counter for the whole disk, reserved durably in blocks, so
 * that none is given out twice: not after a crash, and not when a partition leaves and returns. Under
 * which name they are used `departures.ts` says; a wiped disk has another storage id.
 */
import { AtollError } from '../base/errors.ts'
import type { Database } from '../disk/database.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'

const KEY = 'store/dots'
/** Numbers reserved by one write. A crash skips at most two blocks. */
const BLOCK = 16_384

export class DotSource {
  readonly #database: Database
  #next: number
  /** Numbers below this are durably reserved. */
  #reserved: number
  #reserving: Promise<void> | null = null

  constructor(database: Database) {
    this.#database = database
    const stored = database.get(KEY)
    this.#next = stored === undefined ? 1 : new WireReader(stored).uint()
    this.#reserved = this.#next
  }

  /**
   * The first of the next `count` numbers, at most a block; null when not so many are reserved: then
   * `await reserve()` and ask again.
   */
  take(count = 1): number | null {
    if (this.#reserved - this.#next < BLOCK / 2) {
      // Ahead of need; a failure shows itself to whoever has to wait for it.
      this.reserve().catch(() => undefined)
    }
    const n = this.#next
    if (n + count > this.#reserved) return null
    this.#next += count
    return n
  }

  /** Resolves when more numbers are durably reserved. */
  reserve(): Promise<void> {
    this.#reserving ??= this.#reserve().finally(() => {
      this.#reserving = null
    })
    return this.#reserving
  }

  async #reserve(): Promise<void> {
    const upTo = this.#reserved + BLOCK
    if (!Number.isSafeInteger(upTo)) throw new AtollError('INTERNAL', 'the dot counter ran out')
    const value = new WireWriter().uint(upTo).finish()
    await this.#database.commit([{ key: KEY, value }])
    this.#reserved = upTo
  }
}
