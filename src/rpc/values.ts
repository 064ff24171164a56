/**
 * The JSON form of a value, the one rule for the socket, the command line and `-o json`:
 *
 *   text    a JSON string                       "blue"
 *   bytes   an object with the one key base64   {"base64":"/wA="}
 *   JSON    itself                              {"a":1}, [1,2], 5, true, null
 *
 * A JSON object that could be taken for another form, because its one key is `base64`,
 * `base64text` or `json`, is wrapped: {"json":{"base64":"x"}}. So every value comes back as what
 * it was put as.
 *
 * On the way in, text may also come as its bytes in UTF-8: {"base64text":"Ymx1ZQ=="}. JSON spends
 * six bytes on a control character, so that text far below its limit would not fit a line.
 */
import { AtollError } from '../base/errors.ts'
import { utf8, utf8ToText } from '../base/bytes.ts'
import type { JsonValue, KvMergeType, KvValue, Value } from '../node/api.ts'

/** JSON of a text that is longer goes as base64: two bytes for each of the longest value. */
const TEXT_JSON_BYTES_MAX = 2 * 1024 * 1024
/** `\u0000` for one unit. */
const ESCAPED_BYTES_MAX = 6

export function valueToJson(value: Value): JsonValue {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return { base64: base64OfBytes(value) }
  return soleKey(value) === null ? value : { json: value }
}

/** A set is a list of its elements, each in its own form. */
export function shownToJson(value: KvValue, type?: KvMergeType): JsonValue {
  const isSet = type === 'set' || hasBytes(value)
  return isSet ? (value as readonly Value[]).map(valueToJson) : valueToJson(value as Value)
}

export function shownToRequest(value: KvValue, type?: KvMergeType): JsonValue {
  const isSet = type === 'set' && Array.isArray(value)
  return isSet ? value.map(valueToRequest) : valueToRequest(value as Value)
}

export function shownFromJson(json: JsonValue, type?: KvMergeType): KvValue {
  return type === 'set' && isList(json) ? json.map(valueFromJson) : valueFromJson(json)
}

function isList(json: JsonValue): json is readonly JsonValue[] {
  return Array.isArray(json)
}

/** JSON has none in it: a list that has is a set. */
function hasBytes(value: KvValue): boolean {
  return Array.isArray(value) && value.some((element) => element instanceof Uint8Array)
}

/** For a request, or a line of `kv import`: every value within its limit fits. */
export function valueToRequest(value: Value): JsonValue {
  if (typeof value !== 'string') return valueToJson(value)
  if (value.length * ESCAPED_BYTES_MAX <= TEXT_JSON_BYTES_MAX) return value
  if (Buffer.byteLength(JSON.stringify(value)) <= TEXT_JSON_BYTES_MAX) return value
  return { base64text: base64OfBytes(utf8(value)) }
}

/** Throws AtollError USAGE for text that is not well-formed and base64 that is not base64. */
export function valueFromJson(json: JsonValue): Value {
  if (typeof json === 'string') return wellFormed(json)
  const key = soleKey(json)
  if (key === null) return json
  const inner = (json as Record<string, JsonValue>)[key] as JsonValue
  if (key === 'json') return inner
  const bytes = bytesOfBase64(inner)
  return key === 'base64' ? bytes : textOfBytes(bytes)
}

/** What marks another form, when that is the object's only key. */
function soleKey(json: JsonValue): 'base64' | 'base64text' | 'json' | null {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null
  const object = json as { readonly [key: string]: JsonValue }
  const keys = Object.keys(object)
  if (keys.length !== 1) return null
  const [key] = keys
  return key === 'base64' || key === 'base64text' || key === 'json' ? key : null
}

/** A lone surrogate has no UTF-8 form: stored, it would come back as something else. */
function wellFormed(text: string): string {
  if (text.isWellFormed()) return text
  throw new AtollError('USAGE', 'the value is not well-formed text (a lone surrogate)')
}

function textOfBytes(bytes: Uint8Array): string {
  const text = utf8ToText(bytes)
  if (text !== null) return text
  throw new AtollError('USAGE', 'the value says base64text but is not text in UTF-8', {
    hint: 'what is not text is {"base64":"…"}',
  })
}

function base64OfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** Strict: Node skips what is no base64, and a value must not change on its way in. */
function bytesOfBase64(text: JsonValue): Uint8Array {
  if (typeof text === 'string') {
    const bytes = Buffer.from(text, 'base64')
    if (bytes.toString('base64') === text) return new Uint8Array(bytes)
  }
  throw new AtollError('USAGE', 'the value says base64 but is not base64 with padding', {
    hint: 'bytes are {"base64":"/wA="}; JSON that looks so is {"json":{"base64":…}}',
  })
}
