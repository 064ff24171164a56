/** Elements of sets as bytes that are the same for equal elements, however they were given. */
import { type JsonValue, type Value, encodeValue } from '../base/value.ts'
import { AtollError } from '../base/errors.ts'
import { checkJson } from '../base/json-value.ts'
import type { ElementValue } from './edit.ts'
import { ELEMENTS_MAX, SET_BYTES_MAX } from './limits.ts'
import { elementName } from './merge.ts'

/** Each once. Throws USAGE for none and TOO_LARGE for too many. */
export function elementsOf(values: readonly Value[]): readonly ElementValue[] {
  if (values.length === 0) throw new AtollError('USAGE', 'an element is missing')
  if (values.length > ELEMENTS_MAX) {
    throw new AtollError('TOO_LARGE', `a set has at most ${ELEMENTS_MAX} elements`)
  }
  const elements = values.map(elementOf)
  return [...new Map(elements.map((element) => [elementName(element), element])).values()]
}

function elementOf(value: Value): ElementValue {
  const isJson = typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
  // What holds itself has no order.
  if (isJson) checkJson(value)
  const { kind, bytes } = encodeValue(isJson ? inOrder(value) : value, SET_BYTES_MAX)
  return { kind, value: bytes }
}

/** The same JSON, the keys of its objects in order. */
function inOrder(json: JsonValue): JsonValue {
  if (typeof json !== 'object' || json === null) return json
  if (isArray(json)) return json.map(inOrder)
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, value]) => [key, inOrder(value)]))
}

function isArray(json: JsonValue): json is readonly JsonValue[] {
  return Array.isArray(json)
}
