/**
 * What may be stored as JSON: what JSON gives back as it was. What it would change or drop
 * (undefined, NaN, a Map, a Date, …) is refused and not stored as something else; of a number only
 * the sign of −0 is lost, which equals 0. One limit for all ways in, so that a value that one node
 * takes can be read and written through every other.
 */
import { AtollError } from './errors.ts'

/** Deeper JSON overflows the stack of who prints it (about 6000 levels). */
export const VALUE_DEPTH_MAX = 32
/** Counted as a scan of the text counts them (json-scan.ts): what opens, and commas. */
export const VALUE_ELEMENTS_MAX = 100_000
const PATH_LENGTH_MAX = 80

/** Throws AtollError USAGE, naming the place within the value, or TOO_LARGE. */
export function checkJson(value: unknown): void {
  new JsonWalk().visit(value, 'value')
}

/** One walk over a JSON value: no deeper than VALUE_DEPTH_MAX, no longer than VALUE_ELEMENTS_MAX. */
class JsonWalk {
  /** What the current place lies in; bounded by VALUE_DEPTH_MAX. */
  readonly #around: object[] = []
  #elements = 0

  visit(value: unknown, path: string): void {
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
    // JSON.stringify would ask it, wherever it comes from.
    if (typeof Reflect.get(value, 'toJSON') === 'function')
      throw noJson(path, 'what has a toJSON()')
    this.#around.pop()
  }

  #visitArray(value: readonly unknown[], path: string): void {
    this.#count(value.length)
    for (let i = 0; i < value.length; i++) this.visit(value[i], `${path}[${i}]`)
    // Holes were refused above, so what is more has a name.
    if (Object.keys(value).length > value.length) throw noJson(path, 'a list with named parts')
  }

  #visitObject(value: object, path: string): void {
    if (!isPlain(value)) throw noJson(path, `a ${classOf(value)}`)
    if (Object.getOwnPropertySymbols(value).length > 0) throw noJson(path, 'an object with symbols')
    const entries = Object.entries(value)
    this.#count(entries.length)
    for (const [key, item] of entries) this.visit(item, `${path}.${key}`)
  }

  #count(items: number): void {
    this.#elements += Math.max(1, items)
    if (this.#elements <= VALUE_ELEMENTS_MAX) return
    throw new AtollError('TOO_LARGE', `the value has over ${VALUE_ELEMENTS_MAX} elements`)
  }
}

/** Made by braces, by JSON or without a prototype; in any realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function classOf(value: object): string {
  const made: unknown = Reflect.get(value, 'constructor')
  return typeof made === 'function' && made.name !== '' ? made.name : 'class'
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
