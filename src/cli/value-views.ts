/** How values look: by themselves, on a line of a list, and as their own bytes. */
import type { JsonValue } from '../node/api.ts'
import type { ResultOf } from '../rpc/methods.ts'
import { valueFromJson } from '../rpc/values.ts'
import { formatDuration } from './duration.ts'
import type { View } from './output.ts'
import { plural } from '../base/plural.ts'
import { printable } from './terminal.ts'

const SHORT = 60

/** A value on one line of a list. */
export function shortValue(json: JsonValue): string {
  const text = printable(typeof json === 'string' ? json : JSON.stringify(json))
  return text.length <= SHORT ? text : `${text.slice(0, SHORT)}…`
}

/** What is said beside a value on a line of a list. */
export function asides(siblingCount: number, expiresAtMs?: number): string[] {
  const siblings = siblingCount > 1 ? [`(1 of ${siblingCount} siblings)`] : []
  return expiresAtMs === undefined ? siblings : [...siblings, `(${endsText(expiresAtMs)})`]
}

/** By the clock of this machine, which is its daemon's too. */
function endsText(expiresAtMs: number): string {
  return `ends in ${formatDuration(Math.max(0, expiresAtMs - Date.now()))}`
}

/** A value's own bytes. */
function rawValue(json: JsonValue): string | Uint8Array {
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

type KvGet = Exclude<ResultOf<'kv.get'>, null>
type KvRead = Exclude<KvGet, { readonly siblings: unknown }>

export const kvGet: View<ResultOf<'kv.get'>> = {
  human: (found) => allOf(found).map(valueText).join(''),
  raw: (found) =>
    found === null ? '' : 'siblings' in found ? lines(allOf(found)) : rawValue(found.value),
  note: (found) => {
    if (found === null) return null
    return 'siblings' in found ? siblingsNote(found) : readNote(found)
  },
  aside: (found) => (found === null ? null : endsOf(found)),
}

export const kvCounterGet: View<ResultOf<'kv.counter.get'>> = {
  human: (found) => (found === null ? '' : valueText(found.value)),
  raw: (found) => (found === null ? '' : `${found.value}\n`),
  note: (found) => (found === null ? null : readNote(found)),
}

export const kvSetLs: View<ResultOf<'kv.set.ls'>> = {
  human: ({ value }) => value.map((one) => `${shortValue(one)}\n`).join(''),
  raw: ({ value }) => lines(value),
  note: readNote,
  elements: ({ value }) => value,
}

function allOf(found: ResultOf<'kv.get'>): readonly JsonValue[] {
  if (found === null) return []
  return 'siblings' in found ? found.siblings.map(({ value }) => value) : [found.value]
}

/** Values by themselves, one a line. */
function lines(values: readonly JsonValue[]): string {
  return values.map((one) => `${typeof one === 'string' ? one : JSON.stringify(one)}\n`).join('')
}

function readNote(read: Pick<KvRead, 'others' | 'partial' | 'acks' | 'replicas' | 'value'>) {
  const notes = []
  if (read.others.length > 0) {
    const others = plural(read.others.length, 'other value')
    notes.push(`${others} of concurrent writers: --siblings shows all; the next put replaces them`)
  }
  if (read.partial) notes.push(partialNote(read))
  if (isBytes(read.value)) notes.push(BYTES_NOTE)
  return notes.length === 0 ? null : notes.join('\n')
}

function endsOf(found: KvGet): string | null {
  if (!('siblings' in found)) {
    return found.expiresAtMs === undefined ? null : endsText(found.expiresAtMs)
  }
  const ends = found.siblings.map(({ expiresAtMs }, i) =>
    expiresAtMs === undefined ? [] : [`value ${i + 1} ${endsText(expiresAtMs)}`],
  )
  return ends.flat().join('\n') || null
}

function siblingsNote(found: Extract<KvGet, { readonly siblings: unknown }>): string {
  const notes = [`${plural(found.siblings.length, 'value')} · --context ${found.context}`]
  if (found.partial) notes.push(partialNote(found))
  return notes.join('\n')
}

function partialNote({ acks, replicas }: { readonly acks: number; readonly replicas: number }) {
  return `partial: ${acks} of ${replicas} replicas answered`
}

export const regGet: View<ResultOf<'reg.get'>> = {
  human: (read) => (read === null ? '' : valueText(read.value)),
  raw: (read) => (read === null ? '' : rawValue(read.value)),
  note: (read) => (read !== null && isBytes(read.value) ? BYTES_NOTE : null),
}
