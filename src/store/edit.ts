/** What a write does to its key, and how it is told to the replica that carries it out. */
import { unreachable } from '../base/assert.ts'
import type { ValueKind } from '../base/value.ts'
import { WireError, type WireReader, type WireWriter } from '../wire/codec.ts'
import { ELEMENTS_MAX, SET_BYTES_MAX, TTL_MS_MAX, VALUE_BYTES_MAX } from './limits.ts'
import { ELEMENT_KINDS, KINDS, type Kind } from './record.ts'

/** An element of a set; JSON is in its one form (canonical.ts). */
export interface ElementValue {
  readonly kind: ValueKind
  readonly value: Uint8Array
}

export type Edit =
  /** Stores a value, or a tombstone. It ends after `ttlMs`; 0: never. */
  | {
      readonly what: 'put'
      readonly kind: Kind
      readonly value: Uint8Array
      readonly ttlMs: number
    }
  /** Adds to a counter. `anew`: as a put does, it replaces what there is, with a counter. */
  | { readonly what: 'count'; readonly delta: number; readonly anew: boolean }
  /** Adds to a set. `anew`: it replaces what there is, with a set. */
  | { readonly what: 'add'; readonly elements: readonly ElementValue[]; readonly anew: boolean }
  | { readonly what: 'remove'; readonly elements: readonly ElementValue[] }

/** On the wire by their place, as kinds are: only ever added to at the end. */
const EDITS = ['put', 'count', 'add', 'remove'] as const

export function writeEdit(out: WireWriter, edit: Edit): WireWriter {
  out.uint(EDITS.indexOf(edit.what))
  switch (edit.what) {
    case 'put':
      return out.uint(KINDS.indexOf(edit.kind)).bytes(edit.value).uint(edit.ttlMs)
    case 'count':
      return writeSigned(out, edit.delta).bool(edit.anew)
    case 'add':
      return writeElements(out, edit.elements).bool(edit.anew)
    case 'remove':
      return writeElements(out, edit.elements)
    default:
      return unreachable(edit)
  }
}

/** Throws WireError. Values are views of the message. */
export function readEdit(from: WireReader): Edit {
  const what = EDITS[from.uint(EDITS.length)]
  switch (what) {
    case 'put': {
      const kind = KINDS[from.uint(KINDS.length)]
      if (kind === undefined) throw new WireError('unknown kind of value')
      return { what, kind, value: from.bytes(VALUE_BYTES_MAX), ttlMs: from.uint(TTL_MS_MAX) }
    }
    case 'count':
      return { what, delta: readSigned(from), anew: from.bool() }
    case 'add':
      return { what, elements: readElements(from), anew: from.bool() }
    case 'remove':
      return { what, elements: readElements(from) }
    default:
      throw new WireError('unknown kind of write')
  }
}

/** With bytes of its own, where what was read is a view of something larger. */
export function kept(edit: Edit): Edit {
  if (edit.what === 'count') return edit
  if (edit.what === 'put') return { ...edit, value: edit.value.slice() }
  const elements = edit.elements.map(({ kind, value }) => ({ kind, value: value.slice() }))
  return { ...edit, elements }
}

export function writeSigned(out: WireWriter, value: number): WireWriter {
  return out.bool(value < 0).uint(Math.abs(value))
}

export function readSigned(from: WireReader): number {
  const isNegative = from.bool()
  const size = from.uint()
  return isNegative && size > 0 ? -size : size
}

function writeElements(out: WireWriter, elements: readonly ElementValue[]): WireWriter {
  return out.list(elements, (to, { kind, value }) =>
    to.uint(ELEMENT_KINDS.indexOf(kind)).bytes(value),
  )
}

function readElements(from: WireReader): readonly ElementValue[] {
  return from.list(ELEMENTS_MAX, (each) => {
    const kind = ELEMENT_KINDS[each.uint(ELEMENT_KINDS.length)]
    if (kind === undefined) throw new WireError('unknown kind of element')
    return { kind, value: each.bytes(SET_BYTES_MAX) }
  })
}
