/** How values look: by themselves, on a line of a list, and as their own bytes. */
import type { JsonValue } from '../node/api.ts'
import type { ResultOf } from '../rpc/methods.ts'
import { valueFromJson } from '../rpc/values.ts'
import type { View } from './output.ts'
import { plural, printable } from './terminal.ts'

const SHORT = 60

/** A value on one line of a list. */
export function shortValue(json: JsonValue): string {
  const text = printable(typeof json === 'string' ? json : JSON.stringify(json))
  return text.length <= SHORT ? text : `${text.slice(0, SHORT)}…`
}

/** A value's own bytes. */
export function rawValue(json: JsonValue): string | Uint8Array {
  const value = valueFromJson(json)
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  return JSON.stringify(value)
}

/** A value by itself: text as it is. */
function valueText(json: JsonValue): string {
  return typeof json === 'string' ? `${json}\n` : `${JSON.stringify(json)}\n`
}

/** Bytes could do anything to a terminal. */
const BYTES_NOTE = 'the value is bytes: -o raw gives them as they are'

function isBytes(json: JsonValue): boolean {
  return valueFromJson(json) instanceof Uint8Array
}

export const kvGet: View<ResultOf<'kv.get'>> = {
  human: (read) => (read === null ? '' : valueText(read.value)),
  raw: (read) => (read === null ? '' : rawValue(read.value)),
  note: (read) => {
    if (read === null) return null
    const notes = []
    if (read.siblings.length > 0) {
      const others = plural(read.siblings.length, 'other value')
      notes.push(`${others} of concurrent writers: see -o json; put with --context to resolve`)
    }
    if (read.partial) notes.push(`partial: ${read.acks} of ${read.replicas} replicas answered`)
    if (isBytes(read.value)) notes.push(BYTES_NOTE)
    return notes.length === 0 ? null : notes.join('\n')
  },
}

export const regGet: View<ResultOf<'reg.get'>> = {
  human: (read) => (read === null ? '' : valueText(read.value)),
  raw: (read) => (read === null ? '' : rawValue(read.value)),
  note: (read) => (read !== null && isBytes(read.value) ? BYTES_NOTE : null),
}
