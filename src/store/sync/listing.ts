/** The entries of some spans of a partition as they are on the disk: keys, fingerprints, in pages. */
import { compareKeys } from '../../base/bytes.ts'
import type { Database } from '../../disk/database.ts'
import { storedFingerprint } from '../fingerprint.ts'
import { SYNC_BYTES, SYNC_ENTRIES } from '../limits.ts'
import { userKey } from '../place.ts'
import type { KeysPage } from './compare-messages.ts'
import type { Span } from './leaf-tree.ts'
import { rangeOf } from './range-count.ts'

/** Spans are in order and do not meet. '': from the start of the first. */
export async function keysPage(
  database: Database,
  partition: number,
  spans: readonly Span[],
  after: string,
): Promise<KeysPage> {
  const entries: [string, number][] = []
  let bytes = 0
  for (const span of spans) {
    if (span.to !== null && after !== '' && compareKeys(span.to, after) <= 0) continue
    const start = after !== '' && compareKeys(after, span.from) >= 0 ? after : ''
    // One more than fits: whether there is one is known then.
    const limit = SYNC_ENTRIES + 1 - entries.length
    for await (const [stored, record] of database.scan({
      ...rangeOf(partition, span, start),
      limit,
    })) {
      if (entries.length === SYNC_ENTRIES || bytes > SYNC_BYTES) return { entries, done: false }
      const key = userKey(stored)
      entries.push([key, storedFingerprint(key, record)])
      bytes += key.length
    }
  }
  return { entries, done: true }
}

/** Up to here both pages are complete; null: both are to the end. */
export function commonEnd(a: KeysPage, b: KeysPage): string | null {
  const ends = [a, b].flatMap(({ entries, done }) => (done ? [] : [entries.at(-1)?.[0] ?? '']))
  const [first, second] = ends
  if (first === undefined) return null
  return second === undefined || compareKeys(first, second) < 0 ? first : second
}

export function upTo({ entries }: KeysPage, end: string | null): Map<string, number> {
  return new Map(entries.filter(([key]) => end === null || compareKeys(key, end) <= 0))
}

export function beyond({ entries, done }: KeysPage, end: string): KeysPage {
  return { entries: entries.filter(([key]) => compareKeys(key, end) > 0), done }
}
