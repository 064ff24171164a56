/** kv.counter and kv.set: keys of the replicated store whose writers change one value together. */
import * as v from 'valibot'
import { DEFAULT_DEADLINE_MS } from '../../base/call-limits.ts'
import type { JsonValue, Value } from '../../node/api.ts'
import { ELEMENTS_MAX, SET_BYTES_MAX } from '../../store/limits.ts'
import { call, keyDeadline } from '../method.ts'
import { key, level, value } from '../schemas.ts'
import { checkValue } from '../value-check.ts'
import { valueFromJson, valueToJson } from '../values.ts'
import {
  answered,
  context,
  CONTEXT_FLAG,
  KEY,
  MAX_AGE_FLAG,
  optional,
  optionalRead,
  read,
  READ_FLAG,
  reading,
  readToJson,
  WRITE_ERRORS,
  WRITE_FLAG,
  written,
} from './kv-shapes.ts'

const READ_ERRORS = ['UNCLAIMED', 'NO_QUORUM', 'TOO_LARGE', 'CONFLICT'] as const
const changing = {
  errors: [...WRITE_ERRORS, 'CLOCK_SKEW', 'CONFLICT'],
  changes: true,
  withinMs: DEFAULT_DEADLINE_MS,
} as const
const asking = { errors: READ_ERRORS, changes: false, withinMs: DEFAULT_DEADLINE_MS } as const

const elements = v.pipe(
  v.array(value),
  v.minLength(1, 'must not be empty'),
  v.maxLength(ELEMENTS_MAX),
  v.description('values; JSON objects are equal whatever the order of their keys'),
)
const ELEMENTS = {
  param: 'elements',
  kind: 'values',
  bytesMax: SET_BYTES_MAX,
  help: 'the elements, each as a value: text, @FILE, or - for standard input',
} as const

const setWritten = v.object({
  key: v.string(),
  changed: v.pipe(v.number(), v.description('elements that were added, or removed')),
  ...answered,
})

export const kvCounterAdd = call({
  name: 'kv.counter.add',
  help: 'add to a counter; a repeat may count twice (reg.incr with opId: once)',
  params: v.strictObject({
    key,
    delta: v.exactOptional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(Number.MIN_SAFE_INTEGER),
        v.maxValue(Number.MAX_SAFE_INTEGER),
        v.description('may be negative; 1 by default'),
      ),
    ),
    write: v.exactOptional(level),
    ...keyDeadline,
  }),
  result: v.object({
    ...written.entries,
    value: v.pipe(v.number(), v.description('the count as far as its replica has heard')),
  }),
  ...changing,
  cli: {
    help: 'add to a counter; a repeat may count twice (reg incr --op-id: once)',
    args: [
      KEY,
      { param: 'delta', kind: 'signed', help: 'what to add (default: 1)', optional: true },
    ],
    flags: [WRITE_FLAG],
  },
  run: (node, params, options) =>
    node.kv.counter.add(params.key, params.delta, { ...options, ...optional(params) }),
})

export const kvCounterGet = call({
  name: 'kv.counter.get',
  help: 'read a counter; null when there is none',
  params: v.strictObject({ key, ...reading, ...keyDeadline }),
  result: v.nullable(v.object({ ...read, value: v.number() })),
  ...asking,
  cli: {
    help: 'read a counter; status 4 when there is none',
    args: [KEY],
    flags: [READ_FLAG, MAX_AGE_FLAG],
  },
  run: async (node, params, options) => {
    const count = await node.kv.counter.get(params.key, { ...options, ...optionalRead(params) })
    return count === null ? null : { ...readToJson(count), value: count.value }
  },
})

export const kvSetAdd = call({
  name: 'kv.set.add',
  help: 'add elements to a set',
  params: v.strictObject({ key, elements, write: v.exactOptional(level), ...keyDeadline }),
  result: setWritten,
  ...changing,
  cli: { args: [KEY, ELEMENTS], flags: [WRITE_FLAG] },
  run: async (node, params, options) =>
    await node.kv.set.add(params.key, valuesOf(params.elements), {
      ...options,
      ...optional(params),
    }),
})

export const kvSetRm = call({
  name: 'kv.set.rm',
  help: 'remove elements from a set; one that is added meanwhile stays',
  params: v.strictObject({
    key,
    elements,
    write: v.exactOptional(level),
    context: v.exactOptional(v.pipe(context, v.description('remove only what was seen then'))),
    ...keyDeadline,
  }),
  result: setWritten,
  ...changing,
  cli: {
    args: [KEY, ELEMENTS],
    flags: [WRITE_FLAG, { ...CONTEXT_FLAG, help: 'remove only what was seen then' }],
  },
  run: async (node, params, options) =>
    await node.kv.set.rm(params.key, valuesOf(params.elements), {
      ...options,
      ...optional(params),
    }),
})

export const kvSetLs = call({
  name: 'kv.set.ls',
  help: 'the elements of a set; none when there is no set',
  params: v.strictObject({ key, ...reading, ...keyDeadline }),
  result: v.object({ ...read, value: v.array(value) }),
  ...asking,
  cli: { args: [KEY], flags: [READ_FLAG, MAX_AGE_FLAG] },
  run: async (node, params, options) => {
    const found = await node.kv.set.ls(params.key, { ...options, ...optionalRead(params) })
    return { ...readToJson(found), value: found.value.map(valueToJson) }
  },
})

/** Throws USAGE or TOO_LARGE. */
function valuesOf(json: readonly JsonValue[]): readonly Value[] {
  return json.map((one) => {
    const element = valueFromJson(one)
    checkValue(element, SET_BYTES_MAX)
    return element
  })
}
