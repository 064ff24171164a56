/** What calls of kv have in common: their parameters, what they give, and their flags. */
import * as v from 'valibot'
import type { KvGetOptions, KvRead, KvWriteOptions, Level } from '../../node/api.ts'
import { MAX_AGE_MS_MAX } from '../../store/limits.ts'
import type { CliFlag } from '../method.ts'
import { level, text, value } from '../schemas.ts'
import { shownToJson } from '../values.ts'

export const context = v.pipe(
  text,
  v.description('what this write replaces, as a read or write gave it'),
)

export const maxAgeMs = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(MAX_AGE_MS_MAX),
  v.description('an answer that the daemon was given at most so long ago will do'),
)

/** What every reply says of how many took part. */
export const answered = {
  acks: v.pipe(v.number(), v.description('replicas whose disks have it')),
  replicas: v.number(),
  partial: v.pipe(v.boolean(), v.description('fewer than a majority answered')),
} as const

export const written = v.object({
  key: v.string(),
  context: v.pipe(v.string(), v.description('what the writer has seen of the key, this included')),
  ...answered,
})

/** Of a put or a deletion. */
export const valueWritten = v.object({
  ...written.entries,
  siblingCount: v.pipe(
    v.number(),
    v.description(
      'values of the key now, as far as its coordinator has heard: those that the context did not cover stay',
    ),
  ),
})

export const mergeType = v.pipe(
  v.picklist(['counter', 'set']),
  v.description('absent: a value that was put; a counter is a number, a set a list of elements'),
)
const others = v.pipe(
  v.array(value),
  v.description(
    'values of the siblings beside this: of writers that did not see each other, newest first',
  ),
)
/** One of the values of a key. */
export const held = {
  value,
  type: v.exactOptional(mergeType),
  expiresAtMs: v.exactOptional(
    v.pipe(v.number(), v.description('when the value ends, in ms since 1970; absent: never')),
  ),
} as const
/** What a key holds. */
export const found = { key: v.string(), ...held } as const
export const read = {
  ...found,
  context: v.pipe(v.string(), v.description('give it to kv.put to replace what it covers')),
  others,
  ...answered,
  ageMs: v.exactOptional(
    v.pipe(v.number(), v.description('how long ago replicas were asked; absent: now')),
  ),
} as const

/** Of every call that reads a key. */
export const reading = {
  read: v.exactOptional(level),
  maxAgeMs: v.exactOptional(maxAgeMs),
} as const

const BY_DEFAULT = 'by default a majority, or what can be had, marked partial'
const LEVEL = { kind: 'text', choices: ['one', 'quorum', 'all'] } as const
export const WRITE_FLAG: CliFlag = {
  ...LEVEL,
  flag: '--write <level>',
  param: 'write',
  help: `replicas that must store it, or the call fails; ${BY_DEFAULT}`,
}
export const READ_FLAG: CliFlag = {
  ...LEVEL,
  flag: '--read <level>',
  param: 'read',
  help: `replicas that must answer, or the call fails; ${BY_DEFAULT}`,
}
export const MAX_AGE_FLAG: CliFlag = {
  flag: '--max-age <duration>',
  param: 'maxAgeMs',
  kind: 'duration',
  help: 'an answer that the daemon was given at most so long ago will do, such as 1s',
}
export const CONTEXT_FLAG: CliFlag = {
  flag: '--context <context>',
  param: 'context',
  kind: 'text',
  help: 'what this write replaces: the context of kv get --siblings -o json; other values stay',
}
export const KEY = { param: 'key', kind: 'text', help: 'the key' } as const

export const WRITE_ERRORS = [
  'UNCLAIMED',
  'NO_QUORUM',
  'TOO_LARGE',
  'DISK_FULL',
  'STORAGE_FAILED',
] as const

/** What only some calls say; absent stays absent. */
export function optional(params: {
  readonly write?: Level
  readonly context?: string
}): KvWriteOptions {
  return {
    ...(params.write === undefined ? {} : { write: params.write }),
    ...(params.context === undefined ? {} : { context: params.context }),
  }
}

/** What only some calls say; absent stays absent. */
export function optionalRead(params: {
  readonly read?: Level
  readonly maxAgeMs?: number
}): KvGetOptions {
  return {
    ...(params.read !== undefined && { read: params.read }),
    ...(params.maxAgeMs !== undefined && { maxAgeMs: params.maxAgeMs }),
  }
}

export function readToJson(seen: KvRead) {
  const { value: first, type, others: rest } = seen
  const json = rest.map((one) => shownToJson(one))
  return { ...seen, value: shownToJson(first, type), others: json }
}
