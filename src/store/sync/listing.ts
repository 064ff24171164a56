/** The entries of some spans of a partition as they are on the disk: keys, fingerprints, in pages. */
import { compareKeys } from '../../base/bytes.ts'
import type { Database } from '../../disk/database.ts'
import { storedFingerprint } from '../fingerprint.ts'
import { SYNC_BYTES, SYNC_ENTRIES } from '../limits.ts'
import { userKey } from '../place.ts'
import type { KeysAnswer, KeysQuestion } from './compare-messages.ts'
import type { Span } from './leaf-tree.ts'
import { rangeOf } from './range-count.ts'

export interface Listing {
  readonly entries: readonly (readonly [string, number])[]
  /** All up to this key is listed; '': all. */
  readonly upTo: string
}

/** As many entries as a page takes. */
export async function list(
  database: Database,
  partition: number,
  spans: readonly Span[],
  after: string,
): Promise<Listing> {
  const entries: [string, number][] = []
  let bytes = 0
  const all = entriesOf(database, { partition, spans, after }, SYNC_ENTRIES + 1)
  for await (const [key, record] of all) {
    const isFull = entries.length === SYNC_ENTRIES || bytes > SYNC_BYTES
    if (isFull) return { entries, upTo: entries.at(-1)?.[0] ?? '' }
    entries.push([key, storedFingerprint(key, record)])
    bytes += key.length
  }
  return { entries, upTo: '' }
}

/** What is here beside what the asker has, as much as a page takes. */
export async function answerKeys(database: Database, question: KeysQuestion): Promise<KeysAnswer> {
  const { upTo, prints } = question
  const places = new Map(prints.map((print, i) => [print, i]))
  const found = prints.map(() => false)
  const entries: [string, number][] = []
  let bytes = 0
  let last = ''
  const all = entriesOf(database, question, prints.length + SYNC_ENTRIES + 1)
  for await (const [key, record] of all) {
    if (upTo !== '' && compareKeys(key, upTo) > 0) break
    const isFull = entries.length === SYNC_ENTRIES || bytes > SYNC_BYTES
    if (isFull) return { upTo: last, found, entries }
    const print = storedFingerprint(key, record)
    const place = places.get(print)
    if (place === undefined) {
      entries.push([key, print])
      bytes += key.length
    } else found[place] = true
    last = key
  }
  return { upTo: '', found, entries }
}

/** Spans are in order and do not meet. */
async function* entriesOf(
  database: Database,
  { partition, spans, after }: Pick<KeysQuestion, 'partition' | 'spans' | 'after'>,
  limit: number,
): AsyncIterable<readonly [string, Uint8Array]> {
  for (const span of spans) {
    if (span.to !== null && after !== '' && compareKeys(span.to, after) <= 0) continue
    const start = after !== '' && compareKeys(after, span.from) >= 0 ? after : ''
    const range = { ...rangeOf(partition, span, start), limit }
    for await (const [stored, record] of database.scan(range)) yield [userKey(stored), record]
  }
}
