/**
 * Values of programs and the bytes that they are kept as: bytes, text or JSON, each given back as
 * what it was given. Keys are well-formed text.
 */
import { utf8, utf8Excess, utf8ToText } from './bytes.ts'
import { AtollError } from './errors.ts'

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

/** Throws AtollError USAGE, or TOO_LARGE over the limit. */
export function encodeValue(value: Value, bytesMax: number): EncodedValue {
  const encoded = encodeAny(value)
  if (encoded.bytes.length <= bytesMax) return encoded
  const size = encoded.bytes.length
  throw new AtollError('TOO_LARGE', `the value has ${size} bytes; the limit is ${bytesMax}`)
}

/**
 * A kind that holds no value (a deletion) is never asked for. Never throws: what is not text, or not
 * JSON, although its writer said so, is given as bytes: the key stays readable.
 */
export function decodeValue(kind: string, bytes: Uint8Array): Value {
  if (kind === 'bytes') return bytes.slice()
  const text = utf8ToText(bytes)
  if (text === null) return bytes.slice()
  if (kind !== 'json') return text
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return bytes.slice()
  }
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

function encodeAny(value: Value): EncodedValue {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new AtollError('USAGE', 'the value is not well-formed Unicode')
    return { kind: 'text', bytes: utf8(value) }
  }
  if (value instanceof Uint8Array) return { kind: 'bytes', bytes: value }
  const text = jsonOf(value)
  if (text === undefined) throw new AtollError('USAGE', 'the value is neither bytes, text nor JSON')
  return { kind: 'json', bytes: utf8(text) }
}

function jsonOf(value: Value): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new AtollError('USAGE', `the value cannot be JSON: ${String(cause)}`, { cause })
  }
}
