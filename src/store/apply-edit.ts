/**
 * What an edit makes of the record that its coordinator holds.
 *
 * Additions to a counter or set are refused where another type is seen, and never because of what
 * this coordinator has not heard of: types that were written apart stand beside each other, as
 * siblings do, until a put replaces them.
 */
import { unreachable } from '../base/assert.ts'
import { AtollError } from '../base/errors.ts'
import { UNITS_PER_MS } from '../base/hybrid-time.ts'
import type { Edit, ElementValue } from './edit.ts'
import {
  DOTS_MAX,
  ELEMENTS_MAX,
  RECORD_BYTES_MAX,
  SET_BYTES_MAX,
  SIBLINGS_MAX,
  VECTOR_MAX,
} from './limits.ts'
import {
  addCount,
  addElements,
  addWrite,
  contextAfter,
  elementName,
  removeElements,
  replaceSeen,
} from './merge.ts'
import { isVisible, type StoreRecord, visibleSiblings } from './record.ts'
import { countOf, isCounting, numberOf } from './sums.ts'
import { type Context, type Dot, withDot } from './version-vector.ts'

/** Of the write that makes the edit. */
export interface EditBy {
  readonly key: string
  /** The first of `dotsOf(edit)` consecutive ones. */
  readonly dot: Dot
  /** What it replaces; of a removal, what it may remove. */
  readonly context: Context
  /** Hybrid time, and that of the coordinator's clock. */
  readonly stamp: number
  readonly nowMs: number
}

export interface Edited {
  readonly record: StoreRecord
  /** What its writer has seen then. */
  readonly seen: Context
  /** The count, or how many elements were added or removed; of a put the index of one of `REPLACED`. */
  readonly effect: number
}

/** What a put has replaced that is more than values: nothing, or the first that readers were shown. */
export const REPLACED = [null, 'counter', 'set'] as const

/** How many writes it is. */
export function dotsOf(edit: Edit): number {
  return edit.what === 'add' ? edit.elements.length : 1
}

/** Throws CONFLICT, or TOO_LARGE when its writer is asked for too much. */
export function applyEdit(before: StoreRecord, edit: Edit, by: EditBy): Edited {
  switch (edit.what) {
    case 'put': {
      const { kind, value, ttlMs } = edit
      const { dot, stamp } = by
      const write = { dot, stamp, expiresAtMs: expiry(ttlMs, by), kind, value }
      const record = addWrite(before, by.context, write)
      const effect = REPLACED.indexOf(replacedBy(before, record))
      return { record, seen: contextAfter(record, by.context, dot), effect }
    }
    case 'count':
      return count(before, edit, by)
    case 'add':
      return add(before, edit, by)
    case 'remove':
      return remove(before, edit.elements, by)
    default:
      return unreachable(edit)
  }
}

function replacedBy(before: StoreRecord, after: StoreRecord): (typeof REPLACED)[number] {
  if (isCounter(before) && !isCounter(after)) return 'counter'
  return before.elements.length > 0 && after.elements.length === 0 ? 'set' : null
}

function isCounter({ known, replaced }: StoreRecord): boolean {
  return isCounting(known.sums, replaced)
}

/** A clock that is behind what it replaces would let the value end too early. */
function expiry(ttlMs: number, { stamp, nowMs }: EditBy): number {
  return ttlMs === 0 ? 0 : Math.max(nowMs, Math.floor(stamp / UNITS_PER_MS)) + ttlMs
}

function count(
  held: StoreRecord,
  { delta, anew }: Extract<Edit, { what: 'count' }>,
  by: EditBy,
): Edited {
  const before = anew ? replaceSeen(held, by.context) : held
  if (!anew) refuseOther(before, 'counter', by)
  const earlier = countOf(before.known.sums, before.replaced)
  const record = addCount(withoutDead(before, by.nowMs), by.dot, delta)
  const value = countOf(record.known.sums, record.replaced)
  // Additions that were made apart may have left the range together: the way back is open.
  if (size(value) > Number.MAX_SAFE_INTEGER && size(value) > size(earlier)) {
    throw new AtollError('CONFLICT', `the counter "${by.key}" would leave its range of 53 bits`, {
      hint: `see how far it is: atoll kv counter get ${by.key}`,
    })
  }
  return { record, seen: seenOf(record, by), effect: numberOf(value) }
}

function add(
  held: StoreRecord,
  { elements, anew }: Extract<Edit, { what: 'add' }>,
  by: EditBy,
): Edited {
  const before = anew ? replaceSeen(held, by.context) : held
  if (!anew) refuseOther(before, 'set', by)
  const { actor, n } = by.dot
  const there = new Set(before.elements.map(elementName))
  const added = elements.map((element, i) => ({ ...element, dot: { actor, n: n + i } }))
  const record = addElements(withoutDead(before, by.nowMs), added)
  const bytes = record.elements.reduce((sum, { value }) => sum + value.length, 0)
  if (record.elements.length > ELEMENTS_MAX || bytes > SET_BYTES_MAX) {
    const what = `the set would have ${record.elements.length} elements of ${bytes} bytes together`
    throw new AtollError('TOO_LARGE', `${what}; the limit is ${ELEMENTS_MAX} of ${SET_BYTES_MAX}`, {
      hint: 'keep large sets as keys with a common prefix',
    })
  }
  const effect = elements.filter((element) => !there.has(elementName(element))).length
  return { record, seen: seenOf(record, by), effect }
}

function remove(before: StoreRecord, elements: readonly ElementValue[], by: EditBy): Edited {
  refuseOther(before, 'set', by)
  const names = new Set(elements.map(elementName))
  const record = removeElements(before, names, by.context)
  const left = new Set(record.elements.map(elementName))
  const removed = new Set(before.elements.map(elementName).filter((name) => !left.has(name)))
  return { record, seen: seenOf(record, by), effect: removed.size }
}

/** Beside a value that it has not replaced, the writer has seen its own alone. */
function seenOf(record: StoreRecord, { context, dot, nowMs }: EditBy): Context {
  return visibleSiblings(record, nowMs).length === 0 ? record.known : withDot(context, dot)
}

function withoutDead(record: StoreRecord, nowMs: number): StoreRecord {
  return { ...record, siblings: record.siblings.filter((each) => isVisible(each, nowMs)) }
}

function refuseOther(record: StoreRecord, wanted: 'counter' | 'set', { key, nowMs }: EditBy): void {
  const isOther = wanted === 'set' ? isCounter(record) : record.elements.length > 0
  const isValue = visibleSiblings(record, nowMs).length > 0
  if (!isOther && !isValue) return
  const what = isValue ? 'a value that was put' : `a ${wanted === 'set' ? 'counter' : 'set'}`
  throw new AtollError('CONFLICT', `"${key}" holds ${what}, not a ${wanted}`, {
    hint: `see what it is, or delete it first: atoll kv get ${key}`,
  })
}

function size(value: bigint): bigint {
  return value < 0n ? -value : value
}

/** Throws TOO_LARGE when a writer leaves more unresolved than others may be sent. */
export function checkSize({ siblings, known }: StoreRecord, bytes: number): void {
  const isKnownSmall = known.vector.size <= VECTOR_MAX && known.dots.length <= DOTS_MAX
  if (isKnownSmall && siblings.length <= SIBLINGS_MAX && bytes <= RECORD_BYTES_MAX) return
  throw new AtollError('TOO_LARGE', `the key has ${siblings.length} unresolved values`, {
    hint: 'read the key and put it with the context that you got',
  })
}
