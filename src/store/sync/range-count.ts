/**
 * Counts the entries of a span of a partition into a tree, page by page beside the work, and
 * exactly: what changes meanwhile counts by itself where the pages have been already, and is put
 * into the page under way in place of what that read.
 */
import { compareKeys } from '../../base/bytes.ts'
import type { Database } from '../../disk/database.ts'
import { type Clock, nextTurn } from '../../seams/clock.ts'
import { storedFingerprint } from '../fingerprint.ts'
import { databaseKey, partitionEnd, partitionPrefix, userKey } from '../place.ts'
import { LeafTree, type Span } from './leaf-tree.ts'

/** About a millisecond of work. */
const PAGE_ENTRIES = 256
/** Changes while one page is read; over it the page is read anew. */
export const CHANGES_MAX = 4096

export class RangeCount {
  readonly tree = new LeafTree()
  /** That have been read. */
  entries = 0
  readonly #partition: number
  readonly #span: Span
  /** Entries up to this one are counted; '': none is; null: all are. */
  #counted: string | null = ''
  /** What became of those behind `#counted` while a page is read; at most CHANGES_MAX and one. */
  #since = new Map<string, number | null>()

  constructor(partition: number, span: Span) {
    this.#partition = partition
    this.#span = span
  }

  /** To be told in the turn in which it has become durable. */
  changed(key: string, before: number | null, after: number | null): void {
    const { from, to } = this.#span
    if (compareKeys(key, from) < 0 || (to !== null && compareKeys(key, to) >= 0)) return
    if (this.#counted === null || compareKeys(key, this.#counted) <= 0) {
      this.tree.change(key, before, after)
    } else if (this.#since.size <= CHANGES_MAX) this.#since.set(key, after)
  }

  /** Rejects with the signal's reason, or when the database does. */
  async run(database: Database, clock: Clock, signal: AbortSignal): Promise<void> {
    while (this.#counted !== null) {
      signal.throwIfAborted()
      await this.#countPage(database, clock, this.#counted)
    }
  }

  async #countPage(database: Database, clock: Clock, after: string): Promise<void> {
    this.#since = new Map()
    let page: [string, number][] = []
    const range = { ...rangeOf(this.#partition, this.#span, after), limit: PAGE_ENTRIES }
    for await (const [stored, bytes] of database.scan(range)) {
      const key = userKey(stored)
      page.push([key, storedFingerprint(key, bytes)])
    }
    // All that was durable when it was read has been told to `changed` after this turn.
    await nextTurn(clock)
    this.entries += page.length
    const since = this.#since
    this.#since = new Map()
    if (since.size > CHANGES_MAX) return
    const last = page.length < PAGE_ENTRIES ? null : (page.at(-1)?.[0] ?? null)
    if (since.size > 0) page = overtaken(page, since, last)
    for (const [key, print] of page) this.tree.append(key, print)
    this.#counted = last
  }
}

/** The page with what has changed since; what came behind its end is left to the next. */
function overtaken(
  page: readonly [string, number][],
  since: ReadonlyMap<string, number | null>,
  last: string | null,
): [string, number][] {
  const entries = page.filter(([key]) => !since.has(key))
  for (const [key, print] of since) {
    if (print === null || (last !== null && compareKeys(key, last) > 0)) continue
    entries.push([key, print])
  }
  return entries.sort(([a], [b]) => compareKeys(a, b))
}

/** Where the entries of a span lie in the database, after a key; '': from its start. */
export function rangeOf(partition: number, { from, to }: Span, after: string) {
  const start = from === '' ? partitionPrefix(partition) : databaseKey(partition, from)
  return {
    from: after === '' ? start : `${databaseKey(partition, after)}\0`,
    to: to === null ? partitionEnd(partition) : databaseKey(partition, to),
  }
}
