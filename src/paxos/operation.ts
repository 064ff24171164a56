/**
 * What may be done to a register, and what becomes of it: the function that a ballot proposes
 * (CASPaxos, Rystsov 2018). Operations are data, so that one node may propose what another was
 * asked for. Pure.
 */
import { utf8, utf8ToText } from '../base/bytes.ts'
import { unreachable } from '../base/assert.ts'
import type { ValueKind } from '../base/value.ts'
import { WireError, type WireReader, type WireWriter } from '../wire/codec.ts'
import { VALUE_BYTES_MAX } from './limits.ts'
import type { KeptReason, Register } from './register.ts'

/** `version` 0: the register is absent. Null: whatever it holds. */
export type Condition = { readonly revision: number } | null

export type Operation =
  | {
      readonly kind: 'set'
      readonly condition: Condition
      readonly valueKind: ValueKind
      readonly value: Uint8Array
    }
  | { readonly kind: 'delete'; readonly condition: Condition }
  /** Of a register that holds a whole number; an absent one counts as 0. */
  | { readonly kind: 'add'; readonly by: number }
  | { readonly kind: 'read' }
  /** As `read`, and voted on anew, so that replicas which lack it get it. */
  | { readonly kind: 'touch' }

/** What the operation makes of a register; `kept`: it changes nothing, and why. */
export type Effect =
  | {
      readonly kind: 'changed'
      readonly content: Pick<Register, 'kind' | 'value'>
      readonly number: number | null
    }
  | { readonly kind: 'kept'; readonly reason: KeptReason }

const NOTHING = new Uint8Array()
/** Longer texts are no number that we write. */
const NUMBER_LENGTH_MAX = 20

export function effectOf(operation: Operation, register: Register): Effect {
  switch (operation.kind) {
    case 'read':
    case 'touch':
      return { kind: 'kept', reason: 'read' }
    case 'set': {
      const { condition, valueKind, value } = operation
      if (!holds(condition, register)) return { kind: 'kept', reason: 'conflict' }
      return { kind: 'changed', content: { kind: valueKind, value }, number: null }
    }
    case 'delete': {
      if (!holds(operation.condition, register)) return { kind: 'kept', reason: 'conflict' }
      if (register.kind === 'absent') return { kind: 'kept', reason: 'read' }
      return { kind: 'changed', content: { kind: 'absent', value: NOTHING }, number: null }
    }
    case 'add':
      return sum(register, operation.by)
    default:
      return unreachable(operation)
  }
}

function holds(condition: Condition, { kind, revision }: Register): boolean {
  if (condition === null) return true
  return condition.revision === (kind === 'absent' ? 0 : revision)
}

function sum(register: Register, by: number): Effect {
  const number = numberIn(register)
  if (number === null) return { kind: 'kept', reason: 'not-a-number' }
  const result = number + by
  if (!Number.isSafeInteger(result)) return { kind: 'kept', reason: 'overflow' }
  return { kind: 'changed', content: { kind: 'json', value: utf8(String(result)) }, number: result }
}

function numberIn({ kind, value }: Register): number | null {
  if (kind === 'absent') return 0
  const text = kind === 'bytes' ? null : utf8ToText(value)
  if (text === null || text.length > NUMBER_LENGTH_MAX || !/^-?\d+$/.test(text)) return null
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : null
}

const KINDS = ['set', 'delete', 'add', 'read', 'touch'] as const
const VALUE_KINDS = ['bytes', 'text', 'json'] as const

export function writeOperation(out: WireWriter, operation: Operation): WireWriter {
  out.uint(KINDS.indexOf(operation.kind))
  switch (operation.kind) {
    case 'set': {
      const { condition, valueKind, value } = operation
      return writeCondition(out, condition).uint(VALUE_KINDS.indexOf(valueKind)).bytes(value)
    }
    case 'delete':
      return writeCondition(out, operation.condition)
    case 'add':
      return out.bool(operation.by < 0).uint(Math.abs(operation.by))
    case 'read':
    case 'touch':
      return out
    default:
      return unreachable(operation)
  }
}

/** Throws WireError. Values are views of the message. */
export function readOperation(from: WireReader): Operation {
  const kind = KINDS[from.uint(KINDS.length - 1)]
  switch (kind) {
    case 'set': {
      const condition = readCondition(from)
      const valueKind = VALUE_KINDS[from.uint(VALUE_KINDS.length - 1)]
      if (valueKind === undefined) throw new WireError('unknown kind of value')
      return { kind, condition, valueKind, value: from.bytes(VALUE_BYTES_MAX) }
    }
    case 'delete':
      return { kind, condition: readCondition(from) }
    case 'add': {
      const isNegative = from.bool()
      const size = from.uint()
      return { kind, by: isNegative ? 0 - size : size }
    }
    case 'read':
    case 'touch':
      return { kind }
    case undefined:
      throw new WireError('unknown kind of operation')
    default:
      return unreachable(kind)
  }
}

function writeCondition(out: WireWriter, condition: Condition): WireWriter {
  return condition === null ? out.bool(false) : out.bool(true).uint(condition.revision)
}

function readCondition(from: WireReader): Condition {
  return from.bool() ? { revision: from.uint() } : null
}
