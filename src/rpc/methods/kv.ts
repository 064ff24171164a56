/** kv: the replicated store. */
import { DEFAULT_DEADLINE_MS } from '../../base/call-limits.ts'
import * as v from 'valibot'
import type {
  JsonValue,
  KvEntry,
  KvMergeType,
  KvPage,
  KvSiblings,
  KvValue,
} from '../../node/api.ts'
import { SCAN_ENTRIES_MAX, TTL_MS_MAX } from '../../store/limits.ts'
import { call, type CliFlag, keyDeadline } from '../method.ts'
import { key, level, text, value, whole } from '../schemas.ts'
import { checkShown } from '../value-check.ts'
import {
  answered,
  context,
  CONTEXT_FLAG,
  found,
  held,
  KEY,
  MAX_AGE_FLAG,
  mergeType,
  optional,
  optionalRead,
  read,
  READ_FLAG,
  reading,
  readToJson,
  WRITE_ERRORS,
  valueWritten,
  WRITE_FLAG,
} from './kv-shapes.ts'
import { shownFromJson, shownToJson } from '../values.ts'

/** A page is cut here, so that a reply stays far below what a client accepts in one line. */
const PAGE_CHARACTERS_MAX = 2 * 1024 * 1024

type WireEntry = KvEntry & { readonly value: JsonValue }

/** What `kv.get` gives of a key when it is asked for all. */
const all = {
  key: v.string(),
  siblings: v.pipe(v.array(v.object(held)), v.description('newest first; none: deleted')),
  context: v.pipe(v.string(), v.description('covers all of them; give it to kv.put')),
  ...answered,
} as const

const ttlMs = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(TTL_MS_MAX),
  v.description('the value ends after this many milliseconds'),
)

const TTL_FLAG: CliFlag = {
  flag: '--ttl <duration>',
  param: 'ttlMs',
  kind: 'duration',
  help: 'the value ends after this long, such as 10s',
}
const SIBLINGS_FLAG: CliFlag = {
  flag: '--siblings',
  param: 'siblings',
  kind: 'flag',
  help: 'all values and the context that covers them, also when deleted',
}

export const kvPut = call({
  name: 'kv.put',
  help: 'store a value',
  params: v.strictObject({
    key,
    value,
    ttlMs: v.exactOptional(ttlMs),
    type: v.exactOptional(
      v.pipe(
        mergeType,
        v.description('store a whole number as a counter, a list as the elements of a set'),
      ),
    ),
    write: v.exactOptional(level),
    context: v.exactOptional(context),
    ...keyDeadline,
  }),
  result: v.object({
    ...valueWritten.entries,
    replaced: v.exactOptional(
      v.pipe(mergeType, v.description('the value stands where a counter or a set stood')),
    ),
  }),
  errors: [...WRITE_ERRORS, 'CLOCK_SKEW'],
  changes: true,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    args: [
      KEY,
      { param: 'value', kind: 'value', help: 'the value, @FILE, or - for standard input' },
    ],
    flags: [TTL_FLAG, WRITE_FLAG, CONTEXT_FLAG],
  },
  run: async (node, params, options) => {
    const { key: name, value: given, type, ttlMs: lasts } = params
    const stored = storedOf(given, type)
    return await node.kv.put(name, stored, {
      ...options,
      ...optional(params),
      ...(type !== undefined && { type }),
      ...(lasts !== undefined && { ttlMs: lasts }),
    })
  },
})

export const kvGet = call({
  name: 'kv.get',
  help: 'read a value; null when there is none',
  params: v.strictObject({
    key,
    siblings: v.exactOptional(
      v.pipe(v.boolean(), v.description('all values and what covers them, also when deleted')),
    ),
    ...reading,
    ...keyDeadline,
  }),
  result: v.nullable(v.union([v.object(read), v.object(all)])),
  errors: ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE'],
  changes: false,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    help: 'read a value; status 4 when there is none',
    args: [KEY],
    flags: [SIBLINGS_FLAG, READ_FLAG, MAX_AGE_FLAG],
  },
  run: async (node, params, options) => {
    const asked = { ...options, ...optionalRead(params) }
    if (params.siblings === true) return siblingsToJson(await node.kv.siblings(params.key, asked))
    const seen = await node.kv.get(params.key, asked)
    return seen === null ? null : readToJson(seen)
  },
})

export const kvDel = call({
  name: 'kv.del',
  help: 'delete a key',
  params: v.strictObject({
    key,
    write: v.exactOptional(level),
    context: v.exactOptional(context),
    ...keyDeadline,
  }),
  result: valueWritten,
  errors: [...WRITE_ERRORS, 'CLOCK_SKEW'],
  changes: true,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: { args: [KEY], flags: [WRITE_FLAG, CONTEXT_FLAG] },
  run: (node, params, options) => node.kv.del(params.key, { ...options, ...optional(params) }),
})

export const kvLs = call({
  name: 'kv.ls',
  help: 'list keys and values by prefix, a page at a time',
  params: v.strictObject({
    prefix: v.exactOptional(text, ''),
    after: v.exactOptional(v.pipe(text, v.description('next of the page before'))),
    limit: v.exactOptional(v.pipe(whole, v.minValue(1), v.maxValue(SCAN_ENTRIES_MAX))),
    ...keyDeadline,
  }),
  result: v.object({
    entries: v.array(
      v.object({
        ...found,
        siblingCount: v.pipe(
          v.number(),
          v.description('values of the key; over 1: kv.get with siblings gives them'),
        ),
      }),
    ),
    next: v.pipe(v.nullable(v.string()), v.description('after of the next page; null at the end')),
    partial: v.boolean(),
  }),
  errors: ['UNCLAIMED', 'NO_QUORUM'],
  changes: false,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    args: [{ param: 'prefix', kind: 'text', help: 'what the keys begin with', optional: true }],
    flags: [
      { flag: '--after <key>', param: 'after', kind: 'text', help: 'begin after this key' },
      { flag: '--limit <count>', param: 'limit', kind: 'integer', help: 'at most this many keys' },
    ],
  },
  run: async (node, { prefix, after, limit }, options) => {
    const page = await node.kv.ls(prefix, {
      ...options,
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
    })
    return cut(page)
  },
})

function siblingsToJson({ siblings: values, ...seen }: KvSiblings) {
  const siblings = values.map((one) => ({ ...one, value: shownToJson(one.value, one.type) }))
  return { ...seen, siblings }
}

/** Throws USAGE or TOO_LARGE. */
function storedOf(json: JsonValue, type: KvMergeType | undefined): KvValue {
  const stored = shownFromJson(json, type)
  checkShown(stored, type)
  return stored
}

function cut(page: KvPage): { entries: WireEntry[]; next: string | null; partial: boolean } {
  const entries: WireEntry[] = []
  let characters = 0
  for (const entry of page.entries) {
    const json = shownToJson(entry.value, entry.type)
    characters += entry.key.length + JSON.stringify(json).length
    const last = entries.at(-1)
    if (characters > PAGE_CHARACTERS_MAX && last !== undefined) {
      return { entries, next: last.key, partial: page.partial }
    }
    entries.push({ ...entry, value: json })
  }
  return { entries, next: page.next, partial: page.partial }
}
