/** reg: registers, each with one linearizable history. */
import { DEFAULT_DEADLINE_MS, PAGE_ENTRIES_MAX } from '../../base/call-limits.ts'
import * as v from 'valibot'
import type { JsonValue, RegEvent, RegSetOptions, Value } from '../../node/api.ts'
import { CALLERS_OP_ID_BYTES_MAX, VALUE_BYTES_MAX } from '../../paxos/limits.ts'
import type { CliFlag } from '../method.ts'
import { call, keyDeadline, watch } from '../method.ts'
import { key, namedRead, text, value, whole } from '../schemas.ts'
import { checkValue } from '../value-check.ts'
import { valueFromJson, valueToJson } from '../values.ts'

const version = v.pipe(v.string(), v.description('opaque; grows with every change, also as text'))
const ifVersion = v.pipe(
  text,
  v.description('only if this is the current version; else CONFLICT, with the current one'),
)
const ifAbsent = v.pipe(
  v.boolean(),
  v.description('only if there is no value; else CONFLICT, with the current version'),
)

/** Of every call that changes something. */
const change = {
  opId: v.exactOptional(
    v.pipe(
      text,
      v.minLength(1, 'must not be empty'),
      v.description(
        `name of this change, at most ${CALLERS_OP_ID_BYTES_MAX} bytes: asked for twice, it happens once`,
      ),
    ),
  ),
  since: v.exactOptional(
    v.pipe(text, v.description('version known before opId was first used; see the interface')),
  ),
} as const

const setParams = v.strictObject({
  key,
  value,
  ifVersion: v.exactOptional(ifVersion),
  ifAbsent: v.exactOptional(ifAbsent),
  ...change,
  ...keyDeadline,
})

const written = v.object({ key: v.string(), version })
const found = v.object({ key: v.string(), value, version })

const KEY = { param: 'key', kind: 'text', help: 'the key' } as const
const VALUE = {
  param: 'value',
  kind: 'value',
  bytesMax: VALUE_BYTES_MAX,
  help: 'the value, @FILE, or - for standard input',
} as const
const IF_VERSION: CliFlag = {
  flag: '--if-version <version>',
  param: 'ifVersion',
  kind: 'text',
  help: 'only if this is the current version',
}
const IF_ABSENT: CliFlag = {
  flag: '--if-absent',
  param: 'ifAbsent',
  kind: 'flag',
  help: 'only if there is no value',
}
const DEADLINE: CliFlag = {
  flag: '--deadline <duration>',
  param: 'deadlineMs',
  kind: 'duration',
  help: 'end with an error after this long (default: 2s)',
}
const CHANGE_FLAGS: readonly CliFlag[] = [
  DEADLINE,
  {
    flag: '--op-id <name>',
    param: 'opId',
    kind: 'text',
    help: `name of this change, at most ${CALLERS_OP_ID_BYTES_MAX} bytes: asked for twice, it happens once`,
  },
  {
    flag: '--since <version>',
    param: 'since',
    kind: 'text',
    help: 'version known before --op-id was first used',
  },
]

const CHANGE_ERRORS = [
  'UNCLAIMED',
  'NO_QUORUM',
  'CONFLICT',
  'TOO_LARGE',
  'DISK_FULL',
  'STORAGE_FAILED',
] as const

export const regGet = call({
  name: 'reg.get',
  help: 'read a register: what a majority holds now; null when there is no value',
  params: v.strictObject({ key, ...namedRead, ...keyDeadline }),
  result: v.nullable(found),
  errors: ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE'],
  changes: false,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    help: 'read a register: what a majority holds now; status 4 when there is no value',
    args: [KEY],
    flags: [DEADLINE],
  },
  run: async (node, params, options) => {
    const read = await node.reg.get(params.key, options)
    return read === null ? null : { ...read, value: valueToJson(read.value) }
  },
})

const changing = { errors: CHANGE_ERRORS, changes: true, withinMs: DEFAULT_DEADLINE_MS } as const
const setting = {
  ...changing,
  params: setParams,
  result: written,
  cli: { args: [KEY, VALUE], flags: [IF_VERSION, IF_ABSENT, ...CHANGE_FLAGS] },
} as const

export const regSet = call({
  ...setting,
  name: 'reg.set',
  help: 'set a register, if a condition is given only when it holds',
  run: async (node, params, options) =>
    node.reg.set(params.key, storedOf(params.value), { ...options, ...optional(params) }),
})

export const regCas = call({
  ...setting,
  name: 'reg.cas',
  help: 'set a register on a condition, which must be given',
  run: async (node, params, options) =>
    node.reg.cas(params.key, storedOf(params.value), { ...options, ...optional(params) }),
})

export const regDel = call({
  name: 'reg.del',
  help: "delete a register's value; no error when there is none",
  params: v.strictObject({
    key,
    ifVersion: v.exactOptional(ifVersion),
    ...change,
    ...keyDeadline,
  }),
  result: v.object({
    key: v.string(),
    version: v.pipe(v.string(), v.description("'' when there was nothing to delete")),
  }),
  ...changing,
  cli: { args: [KEY], flags: [IF_VERSION, ...CHANGE_FLAGS] },
  run: (node, params, options) => node.reg.del(params.key, { ...options, ...optional(params) }),
})

export const regIncr = call({
  name: 'reg.incr',
  help: 'add a whole number to a register that holds one; absent counts as 0',
  params: v.strictObject({
    key,
    by: v.exactOptional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(Number.MIN_SAFE_INTEGER),
        v.maxValue(Number.MAX_SAFE_INTEGER),
        v.description('may be negative; 1 by default'),
      ),
    ),
    ...change,
    ...keyDeadline,
  }),
  result: v.object({
    key: v.string(),
    value: v.pipe(v.number(), v.description('the sum')),
    version,
  }),
  ...changing,
  cli: {
    args: [KEY, { param: 'by', kind: 'signed', help: 'what to add (default: 1)', optional: true }],
    flags: CHANGE_FLAGS,
  },
  run: (node, params, options) =>
    node.reg.incr(params.key, params.by, { ...options, ...optional(params) }),
})

export const regLs = call({
  name: 'reg.ls',
  help: 'list registers by prefix, a page at a time: each as it was during the call',
  params: v.strictObject({
    prefix: v.exactOptional(text, ''),
    after: v.exactOptional(v.pipe(text, v.description('next of the page before'))),
    limit: v.exactOptional(v.pipe(whole, v.minValue(1), v.maxValue(PAGE_ENTRIES_MAX))),
    ...keyDeadline,
  }),
  result: v.object({
    entries: v.array(found),
    next: v.pipe(v.nullable(v.string()), v.description('after of the next page; null at the end')),
  }),
  errors: ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE'],
  changes: false,
  withinMs: DEFAULT_DEADLINE_MS,
  cli: {
    args: [{ param: 'prefix', kind: 'text', help: 'what the keys begin with', optional: true }],
    flags: [
      { flag: '--after <key>', param: 'after', kind: 'text', help: 'begin after this key' },
      { flag: '--limit <count>', param: 'limit', kind: 'integer', help: 'at most this many keys' },
      DEADLINE,
    ],
  },
  run: async (node, { prefix, after, limit }, options) => {
    const { entries, next } = await node.reg.ls(prefix, {
      ...options,
      ...(after !== undefined && { after }),
      ...(limit !== undefined && { limit }),
    })
    return { entries: entries.map((one) => ({ ...one, value: valueToJson(one.value) })), next }
  },
})

export const regWatch = watch({
  keeps: 'last',
  name: 'reg.watch',
  help: 'a register as it is, then what it becomes; the last change always',
  params: v.strictObject({
    key,
    after: v.exactOptional(v.pipe(text, v.description('go on from the version of an event'))),
  }),
  result: v.union([
    v.object({ kind: v.picklist(['value']), key: v.string(), value, version }),
    v.object({
      kind: v.pipe(v.picklist(['absent']), v.description('there is no value')),
      key: v.string(),
      version,
    }),
  ]),
  errors: ['UNCLAIMED', 'TOO_LARGE'],
  changes: false,
  withinMs: null,
  cli: {
    args: [KEY],
    flags: [
      {
        flag: '--after <version>',
        param: 'after',
        kind: 'text',
        help: 'go on from this version, without the value it names',
      },
    ],
  },
  run: (node, { key: watched, after }, { signal }) => {
    const options = { ...(after !== undefined && { after }), ...(signal && { signal }) }
    return toJson(node.reg.watch(watched, options))
  },
})

type WireEvent =
  | (Extract<RegEvent, { kind: 'value' }> & { readonly value: JsonValue })
  | Extract<RegEvent, { kind: 'absent' }>

async function* toJson(events: AsyncIterable<RegEvent>): AsyncGenerator<WireEvent, void> {
  for await (const event of events) {
    yield event.kind === 'absent' ? event : { ...event, value: valueToJson(event.value) }
  }
}

function storedOf(json: JsonValue): Value {
  const stored = valueFromJson(json)
  checkValue(stored, VALUE_BYTES_MAX)
  return stored
}

/** What only some calls say; absent stays absent. */
function optional(params: RegSetOptions): RegSetOptions {
  const { ifVersion: at, ifAbsent: absent, opId, since } = params
  return {
    ...(at !== undefined && { ifVersion: at }),
    ...(absent !== undefined && { ifAbsent: absent }),
    ...(opId !== undefined && { opId }),
    ...(since !== undefined && { since }),
  }
}
