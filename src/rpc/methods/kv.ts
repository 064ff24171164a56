/** kv: the replicated store. */
import { DEFAULT_DEADLINE_MS } from '../../base/call-limits.ts'
import * as v from 'valibot'
import type { JsonValue, KvPage, KvPutOptions, Level } from '../../node/api.ts'
import { MAX_AGE_MS_MAX, VALUE_BYTES_MAX, SCAN_ENTRIES_MAX } from '../../store/limits.ts'
import type { CliFlag } from '../method.ts'
import { call, deadline } from '../method.ts'
import { key, level, text, value, whole } from '../schemas.ts'
import { checkValue } from '../value-check.ts'
import { valueFromJson, valueToJson } from '../values.ts'

/** A page is cut here, so that a reply stays far below what a client accepts in one line. */
const PAGE_CHARACTERS_MAX = 2 * 1024 * 1024

interface WireEntry {
  readonly key: string
  readonly value: JsonValue
  readonly siblings: number
}

const context = v.pipe(text, v.description('version that this write replaces'))

const maxAgeMs = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(MAX_AGE_MS_MAX),
  v.description('an answer that the daemon was given at most so long ago will do'),
)

const written = v.object({
  key: v.string(),
  version: v.string(),
  acks: v.pipe(v.number(), v.description('replicas whose disks have it')),
  replicas: v.number(),
  partial: v.pipe(v.boolean(), v.description('fewer than a majority answered')),
})

const BY_DEFAULT = 'by default a majority, or what can be had, marked partial'
const LEVEL = { kind: 'text', choices: ['one', 'quorum', 'all'] } as const
const WRITE_FLAG: CliFlag = {
  ...LEVEL,
  flag: '--write <level>',
  param: 'write',
  help: `replicas that must store it, or the call fails; ${BY_DEFAULT}`,
}
const READ_FLAG: CliFlag = {
  ...LEVEL,
  flag: '--read <level>',
  param: 'read',
  help: `replicas that must answer, or the call fails; ${BY_DEFAULT}`,
}
const MAX_AGE_FLAG: CliFlag = {
  flag: '--max-age <duration>',
  param: 'maxAgeMs',
  kind: 'duration',
  help: 'an answer that the daemon was given at most so long ago will do, such as 1s',
}
const CONTEXT_FLAG: CliFlag = {
  flag: '--context <version>',
  param: 'context',
  kind: 'text',
  help: 'version that this write replaces',
}
const KEY = { param: 'key', kind: 'text', help: 'the key' } as const

const WRITE_ERRORS = ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE', 'DISK_FULL', 'STORAGE_FAILED'] as const

export const kvPut = call({
  name: 'kv.put',
  help: 'store a value',
  params: v.strictObject({
    key,
    value,
    write: v.exactOptional(level),
    context: v.exactOptional(context),
    ...deadline,
  }),
  result: written,
  errors: [...WRITE_ERRORS, 'CLOCK_SKEW'],
  changes: true,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    args: [
      KEY,
      { param: 'value', kind: 'value', help: 'the value, @FILE, or - for standard input' },
    ],
    flags: [WRITE_FLAG, CONTEXT_FLAG],
  },
  run: async (node, params, options) => {
    const stored = valueFromJson(params.value)
    checkValue(stored, VALUE_BYTES_MAX)
    return await node.kv.put(params.key, stored, { ...options, ...optional(params) })
  },
})

export const kvGet = call({
  name: 'kv.get',
  help: 'read a value; null when there is none',
  params: v.strictObject({
    key,
    read: v.exactOptional(level),
    maxAgeMs: v.exactOptional(maxAgeMs),
    ...deadline,
  }),
  result: v.nullable(
    v.object({
      key: v.string(),
      value,
      version: v.pipe(v.string(), v.description('give it as context to replace what it covers')),
      acks: v.number(),
      replicas: v.number(),
      siblings: v.pipe(
        v.array(value),
        v.description('values of writers that did not see each other, newest first'),
      ),
      partial: v.boolean(),
      ageMs: v.exactOptional(
        v.pipe(v.number(), v.description('how long ago replicas were asked; absent: now')),
      ),
    }),
  ),
  errors: ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE'],
  changes: false,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    help: 'read a value; status 4 when there is none',
    args: [KEY],
    flags: [READ_FLAG, MAX_AGE_FLAG],
  },
  run: async (node, params, options) => {
    const { key: name, read, maxAgeMs: ageMs } = params
    const found = await node.kv.get(name, {
      ...options,
      ...(read !== undefined && { read }),
      ...(ageMs !== undefined && { maxAgeMs: ageMs }),
    })
    if (found === null) return null
    return { ...found, value: valueToJson(found.value), siblings: found.siblings.map(valueToJson) }
  },
})

export const kvDel = call({
  name: 'kv.del',
  help: 'delete a key',
  params: v.strictObject({
    key,
    write: v.exactOptional(level),
    context: v.exactOptional(context),
    ...deadline,
  }),
  result: written,
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
    ...deadline,
  }),
  result: v.object({
    entries: v.array(
      v.object({
        key: v.string(),
        value,
        siblings: v.pipe(v.number(), v.description('other values of the key; kv.get gives them')),
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

/** What only some calls say; absent stays absent. */
function optional(params: { readonly write?: Level; readonly context?: string }): KvPutOptions {
  return {
    ...(params.write === undefined ? {} : { write: params.write }),
    ...(params.context === undefined ? {} : { context: params.context }),
  }
}

function cut(page: KvPage): { entries: WireEntry[]; next: string | null; partial: boolean } {
  const entries: WireEntry[] = []
  let characters = 0
  for (const entry of page.entries) {
    const json = valueToJson(entry.value)
    characters += entry.key.length + JSON.stringify(json).length
    const last = entries.at(-1)
    if (characters > PAGE_CHARACTERS_MAX && last !== undefined) {
      return { entries, next: last.key, partial: page.partial }
    }
    entries.push({ key: entry.key, value: json, siblings: entry.siblings })
  }
  return { entries, next: page.next, partial: page.partial }
}
