/** What a reader is shown of a record: its values, a counter as a number, a set as a list. */
import { decodeValue, type Value } from '../base/value.ts'
import type { KvFound, KvMergeType, KvRead, KvSiblings, KvValue } from './api.ts'
import { elementName } from './merge.ts'
import { type Element, type StoreRecord, visibleSiblings } from './record.ts'
import { countOf, isCounting, numberOf } from './sums.ts'

export interface Shown {
  /** null: a value that was put. */
  readonly type: KvMergeType | null
  readonly value: KvValue
  /** Wall time in ms; 0: never. */
  readonly expiresAtMs: number
}

/**
 * What a key holds for whoever looks at `nowMs`: the counter and the set, which are what all their
 * writers made, then the values that were put, newest first.
 */
export function shownOf(record: StoreRecord, nowMs: number): readonly Shown[] {
  const { known, siblings, elements, replaced } = record
  const shown: Shown[] = []
  if (isCounting(known.sums, replaced)) {
    const value = numberOf(countOf(known.sums, replaced))
    shown.push({ type: 'counter', value, expiresAtMs: 0 })
  }
  if (elements.length > 0) shown.push({ type: 'set', value: listOf(elements), expiresAtMs: 0 })
  if (siblings.length === 0) return shown
  for (const { kind, value, expiresAtMs } of visibleSiblings(record, nowMs)) {
    shown.push({ type: null, value: decodeValue(kind, value), expiresAtMs })
  }
  return shown
}

/** Each once, in the same order everywhere. */
function listOf(elements: readonly Element[]): readonly Value[] {
  const named = new Map(elements.map((element) => [elementName(element), element]))
  const sorted = [...named].sort(([a], [b]) => (a < b ? -1 : 1))
  return sorted.map(([, { kind, value }]) => decodeValue(kind, value))
}

/** What a key was seen to hold. */
export interface Looked {
  readonly key: string
  readonly shown: readonly Shown[]
  readonly context: string
  readonly acks: number
  readonly replicas: number
  readonly partial: boolean
  /** null: the replicas were asked for this call. */
  readonly ageMs: number | null
}

/** null when it is nothing. */
export function readOf({ shown, ageMs, ...looked }: Looked): KvRead | null {
  const [first, ...others] = shown
  if (first === undefined) return null
  const rest = others.map(({ value }) => value)
  return { ...looked, ...foundOf(first), others: rest, ...(ageMs !== null && { ageMs }) }
}

/** All of it, also when it is nothing. */
export function siblingsOf(looked: Looked): KvSiblings {
  const { shown, ageMs: _, ...rest } = looked
  return { ...rest, siblings: shown.map(foundOf) }
}

export function foundOf({ type, value, expiresAtMs }: Shown): KvFound {
  return { value, ...(type !== null && { type }), ...(expiresAtMs > 0 && { expiresAtMs }) }
}
