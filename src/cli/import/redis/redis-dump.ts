/**
 * An RDB file as entries of an import: strings as text or bytes, sets as sets, lists as JSON arrays,
 * hashes as JSON objects, sorted sets as arrays of `[member, score]` in the order of scores.
 * Inside JSON what is no UTF-8 is `{"base64":…}`, a score without end `"inf"` or `"-inf"`.
 */
import type { JsonValue, KvMergeType, KvValue } from '../../../node/api.ts'
import { shownToRequest } from '../../../rpc/values.ts'
import { named, textOf, textOrBytes } from '../dump-text.ts'
import type { ImportEntry } from '../import-entry.ts'
import { readRdb } from './rdb-reader.ts'
import type { RdbKey, RdbValue } from './rdb-value.ts'

export interface RedisOptions {
  /** Whose keys are wanted; undefined: those of 0, and whatever else there is is missed. */
  readonly database: number | undefined
}

export async function* redisEntries(
  chunks: AsyncIterable<Buffer>,
  options: RedisOptions,
  note: (text: string) => void,
): AsyncGenerator<ImportEntry, void, undefined> {
  let at = 0
  let libraries = 0
  const keys = readRdb(chunks, () => libraries++)
  for await (const key of keys) yield entryOf(++at, key, options)
  if (libraries > 0) note(`libraries of functions left out: ${libraries}`)
}

function entryOf(at: number, read: RdbKey, { database }: RedisOptions): ImportEntry {
  if (read.database !== (database ?? 0)) {
    const hint = database === undefined ? ` (import it by itself: --db ${read.database})` : ''
    const why = `in database ${read.database} of Redis${hint}`
    return { kind: 'left-out', at, why, fails: database === undefined }
  }
  const { expiresAtMs } = read
  if (read.key === null) return { kind: 'wrong', at, why: 'the key is too long' }
  const wrong = (why: string) =>
    ({ kind: 'wrong', at, why: `${named(read.key ?? Buffer.alloc(0))}: ${why}` }) as const
  const key = textOf(read.key)
  if (key === null) return wrong('the key is not UTF-8')
  const value = valueOf(read.value)
  if ('cannot' in value) return wrong(value.cannot)
  const stored = {
    value: shownToRequest(value.value, value.type),
    ...(value.type !== undefined && { type: value.type }),
  }
  const expiry = expiresAtMs === null ? {} : { expiresAtMs }
  return { kind: 'put', at, key, ...stored, ...expiry }
}

type Converted =
  | { readonly value: KvValue; readonly type?: KvMergeType }
  | { readonly cannot: string }

function valueOf(value: RdbValue): Converted {
  switch (value.kind) {
    case 'string':
      return { value: textOrBytes(value.bytes) }
    case 'set':
      return { value: value.items.map(textOrBytes), type: 'set' }
    case 'list':
      return { value: value.items.map(inJson) }
    case 'zset':
      return {
        value: value.members.toSorted(byScore).map(([m, score]) => [inJson(m), inJsonScore(score)]),
      }
    case 'hash':
      return hashOf(value.fields)
    case 'unread':
      return { cannot: `${value.what} has no counterpart here` }
  }
}

function hashOf(fields: readonly (readonly [Buffer, Buffer])[]): Converted {
  // Without a prototype: a field may have any name.
  const hash: Record<string, JsonValue> = Object.create(null)
  for (const [field, value] of fields) {
    const name = textOf(field)
    if (name === null) return { cannot: `the field ${named(field)} of the hash is not UTF-8` }
    hash[name] = inJson(value)
  }
  return { value: hash }
}

function byScore(a: readonly [Buffer, number], b: readonly [Buffer, number]): number {
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : Buffer.compare(a[0], b[0])
}

function inJson(bytes: Buffer): JsonValue {
  return textOf(bytes) ?? { base64: bytes.toString('base64') }
}

function inJsonScore(score: number): JsonValue {
  if (Number.isFinite(score)) return score
  return score > 0 ? 'inf' : '-inf'
}
