/** Schemas that several methods share. What comes out is open: fields may be added. */
import * as v from 'valibot'
import type { JsonValue } from '../node/api.ts'

/** Above every limit of the layers below, which name theirs; these only bound the work here. */
const TEXT_LENGTH_MAX = 64 * 1024

/** Text that has a UTF-8 form. */
export const text = v.pipe(
  v.string(),
  v.maxLength(TEXT_LENGTH_MAX),
  v.check((value) => value.isWellFormed(), 'must be well-formed text (no lone surrogate)'),
)

export const key = v.pipe(
  text,
  v.minLength(1, 'must not be empty'),
  v.description('the key, at most 1024 bytes of UTF-8'),
)

/** See values.ts; what it holds is checked where it is turned into a value. */
export const value = v.pipe(
  v.custom<JsonValue>((input) => input !== undefined, 'is missing'),
  v.description('text as a string, bytes as {"base64":"…"}, JSON as itself'),
)

export const level = v.pipe(
  v.picklist(['one', 'quorum', 'all']),
  v.description('replicas that must answer; absent: a majority, or fewer when there is none'),
)

export const whole = v.pipe(v.number(), v.integer(), v.minValue(0))

export const memberState = v.picklist(['alive', 'suspect', 'dead', 'left', 'removed'])
export const memberStateOrUnknown = v.picklist([
  'alive',
  'suspect',
  'dead',
  'left',
  'removed',
  'unknown',
])
export const role = v.picklist(['member', 'edge'])

/** A read may be repeated as it is; clients that name each of their calls may name it too. */
export const namedRead = {
  opId: v.exactOptional(v.pipe(text, v.description('of no effect: a read may be repeated'))),
} as const
