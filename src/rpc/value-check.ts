/**
 * What may be stored, checked before it goes anywhere: the same embedded and over the socket.
 *
 * What JSON would change or drop on the way (undefined, NaN, a Map, a Date, …) is refused and not
 * stored as something else. Bounds are those of a line on the socket, so that a value that one node
 * takes can be read and written through every other.
 */
import { KEY_BYTES_MAX } from '../base/value.ts'
import { AtollError } from '../base/errors.ts'
import { utf8Excess } from '../base/bytes.ts'
import type { KvMergeType, KvValue, Value } from '../node/api.ts'
import { SET_BYTES_MAX, VALUE_BYTES_MAX } from '../store/limits.ts'
import { VALUE_DEPTH_MAX, VALUE_ELEMENTS_MAX } from './limits.ts'

const PATH_LENGTH_MAX = 80

/** Throws AtollError USAGE, naming the place within the value, or TOO_LARGE. */
export function checkValue(value: unknown, bytesMax: number): asserts value is Value {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) {
      throw new AtollError('USAGE', 'the value is not well-formed text (a lone surrogate)')
    }
    return checkBytes('value', utf8Excess(value, bytesMax), bytesMax)
  }
  if (value instanceof Uint8Array) return checkBytes('value', value.length, bytesMax)
  new JsonWalk().visit(value, 'value')
}

/** As `checkValue`; of a set each element. */
export function checkShown(
  value: unknown,
  type: KvMergeType | undefined,
): asserts value is KvValue {
  if (type !== 'set') return checkValue(value, VALUE_BYTES_MAX)
  if (!Array.isArray(value)) throw new AtollError('USAGE', 'a set is given as a list')
  for (const element of value as readonly unknown[]) checkValue(element, SET_BYTES_MAX)
}

/** Throws AtollError TOO_LARGE. What is no text is not its business. */
export function checkKeyBytes(key: unknown): void {
  if (typeof key !== 'string') return
  checkBytes('key', utf8Excess(key, KEY_BYTES_MAX), KEY_BYTES_MAX)
}

function checkBytes(what: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return
  throw new AtollError('TOO_LARGE', `the ${what} has ${bytes} bytes; the limit is ${bytesMax}`)
}

/** One walk over a JSON value: no deeper than VALUE_DEPTH_MAX, no longer than VALUE_ELEMENTS_MAX. */
class JsonWalk {
  /** What the current place lies in; bounded by VALUE_DEPTH_MAX. */
  readonly #around: object[] = []
  #elements = 0

  visit(value: unknown, path: string): void {
    if (++this.#elements > VALUE_ELEMENTS_MAX) {
      throw new AtollError('TOO_LARGE', `the value has over ${VALUE_ELEMENTS_MAX} elements`)
    }
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return
    if (typeof value === 'number') {
      if (Number.isFinite(value)) return
      throw noJson(path, String(value))
    }
    if (typeof value !== 'object') throw noJson(path, nameOf(value))
    if (this.#around.includes(value)) throw noJson(path, 'a part of itself')
    if (this.#around.push(value) > VALUE_DEPTH_MAX) {
      throw new AtollError('TOO_LARGE', `the value has over ${VALUE_DEPTH_MAX} levels`)
    }
    if (Array.isArray(value)) this.#visitArray(value, path)
    else this.#visitObject(value, path)
    this.#around.pop()
  }

  #visitArray(value: readonly unknown[], path: string): void {
    for (let i = 0; i < value.length; i++) this.visit(value[i], `${path}[${i}]`)
  }

  #visitObject(value: object, path: string): void {
    if (!isPlain(value)) throw noJson(path, `a ${value.constructor.name || 'class'}`)
    if (Object.getOwnPropertySymbols(value).length > 0) throw noJson(path, 'an object with symbols')
    for (const [key, item] of Object.entries(value)) this.visit(item, `${path}.${key}`)
  }
}

/** Made by braces, by JSON or without a prototype; in any realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function nameOf(value: unknown): string {
  return value === undefined ? 'undefined' : `a ${typeof value}`
}

function noJson(path: string, what: string): AtollError {
  const place = path.length <= PATH_LENGTH_MAX ? path : `${path.slice(0, PATH_LENGTH_MAX)}…`
  return new AtollError('USAGE', `${place} is ${what}, which is no JSON`, {
    hint: 'a value is text, bytes (a Uint8Array) or JSON',
  })
}
