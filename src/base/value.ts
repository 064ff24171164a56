/**
 * Values of programs and the bytes that they are kept as: bytes, text or JSON, each given back as
 * what it was given. Keys are well-formed text.
 */
import { utf8, utf8Excess, utf8ToText } from './bytes.ts'
import { AtollError } from './errors.ts'
import { jsonExcess } from './json-scan.ts'
import { checkJson, VALUE_DEPTH_MAX } from './json-value.ts'

/** Bytes, text or JSON: returned as what it was stored as. */
export type Value = Uint8Array | string | JsonValue
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue }

export type ValueKind = 'bytes' | 'text' | 'json'

export interface EncodedValue {
  readonly kind: ValueKind
  readonly bytes: Uint8Array
}

/** Throws AtollError USAGE for what JSON would not give back, or TOO_LARGE over a limit. */
export function encodeValue(value: Value, bytesMax: number): EncodedValue {
  if (value instanceof Uint8Array) {
    checkSize(value, bytesMax)
    // A copy: the program may go on to use its array, and all replicas must hold the same.
    return { kind: 'bytes', bytes: new Uint8Array(value) }
  }
  const encoded = typeof value === 'string' ? encodeText(value) : encodeJson(value)
  checkSize(encoded.bytes, bytesMax)
  return encoded
}

/**
 * A kind that holds no value (a deletion) is never asked for. Never throws: what is not text, or not
 * JSON, although its writer said so, or is deeper than may be written, or has a number that is too
 * large for one, is given as bytes: the key stays readable, and its page.
 */
export function decodeValue(kind: string, bytes: Uint8Array): Value {
  if (kind === 'bytes') return bytes.slice()
  const text = utf8ToText(bytes)
  if (text === null) return bytes.slice()
  if (kind !== 'json') return text
  if (jsonExcess(text, VALUE_DEPTH_MAX, text.length) !== null) return bytes.slice()
  try {
    return parseJson(text)
  } catch {
    return bytes.slice()
  }
}

/** What a number must have to be parsed as infinite: a large exponent, or many digits. */
const HUGE = /[eE]\+?\d{3}|\d{200}/

/** Throws SyntaxError, also for numbers beyond what a program can write: they would print as null. */
function parseJson(text: string): JsonValue {
  if (!HUGE.test(text)) return JSON.parse(text) as JsonValue
  return JSON.parse(text, (_, value: JsonValue) => {
    if (value === Infinity || value === -Infinity) throw new SyntaxError('no finite number')
    return value
  }) as JsonValue
}

/** Of a key, as UTF-8. */
export const KEY_BYTES_MAX = 1024

/** Throws AtollError USAGE or TOO_LARGE. */
export function checkKey(key: string): void {
  if (key === '') throw new AtollError('USAGE', 'a key has at least one character')
  if (!key.isWellFormed()) throw new AtollError('USAGE', 'the key is not well-formed Unicode')
  const bytes = utf8Excess(key, KEY_BYTES_MAX)
  if (bytes === 0) return
  throw new AtollError('TOO_LARGE', `the key has ${bytes} bytes; the limit is ${KEY_BYTES_MAX}`)
}

function checkSize({ length }: Uint8Array, bytesMax: number): void {
  if (length <= bytesMax) return
  throw new AtollError('TOO_LARGE', `the value has ${length} bytes; the limit is ${bytesMax}`)
}

function encodeText(value: string): EncodedValue {
  if (value.isWellFormed()) return { kind: 'text', bytes: utf8(value) }
  throw new AtollError('USAGE', 'the value is not well-formed Unicode')
}

function encodeJson(value: JsonValue): EncodedValue {
  checkJson(value)
  return { kind: 'json', bytes: utf8(JSON.stringify(value)) }
}
