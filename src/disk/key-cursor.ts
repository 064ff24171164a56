/**
 * Reads entries whose names begin with a space (`…/`) and a prefix in key order, in slices as they
 * are needed. Keys are shown without the space.
 */
import { compareKeys } from '../base/bytes.ts'
import type { Database } from './database.ts'

/** Entries read at a time when nothing is said: a page takes little from each of many spaces. */
const SLICE = 8

export class KeyCursor {
  readonly #database: Database
  readonly #space: string
  readonly #prefix: string
  readonly #sliceEntries: number
  #slice: (readonly [string, Uint8Array])[] = []
  #at = 0
  #from: string
  #ended = false

  private constructor(
    database: Database,
    space: string,
    prefix: string,
    from: string,
    sliceEntries: number,
  ) {
    this.#database = database
    this.#space = space
    this.#prefix = prefix
    this.#from = from
    this.#sliceEntries = sliceEntries
  }

  static async open(
    database: Database,
    space: string,
    prefix: string,
    after: string,
    sliceEntries: number = SLICE,
  ): Promise<KeyCursor> {
    const start = firstKey(prefix, after)
    const cursor = new KeyCursor(database, space, prefix, start, sliceEntries)
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
    const range = {
      from: this.#space + this.#from,
      to: endOfSpace(this.#space),
      limit: this.#sliceEntries,
    }
    for await (const [stored, bytes] of this.#database.scan(range)) {
      const key = stored.slice(this.#space.length)
      if (!key.startsWith(this.#prefix)) {
        this.#ended = true
        break
      }
      this.#slice.push([key, bytes])
      this.#from = `${key}\0`
    }
    if (this.#slice.length < this.#sliceEntries) this.#ended = true
  }
}

/** The cursor whose key comes first; null when all are at their ends. */
export function leastOf(cursors: readonly KeyCursor[]): KeyCursor | null {
  let least: KeyCursor | null = null
  for (const cursor of cursors) {
    if (cursor.key === null) continue
    if (least === null || compareKeys(cursor.key, least.key ?? '') < 0) least = cursor
  }
  return least
}

/** Where keys under a prefix begin that come after one. */
export function firstKey(prefix: string, after: string): string {
  // The least string after `after` is itself with a zero character.
  return compareKeys(after, prefix) >= 0 && after !== '' ? `${after}\0` : prefix
}

/** The first name after all that begin with the space, which ends with a slash. */
export function endOfSpace(space: string): string {
  return `${space.slice(0, -1)}0`
}
