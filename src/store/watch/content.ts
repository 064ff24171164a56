/** What stands in a record, by its writes: what else is known of them may differ. */
import { hash } from 'node:crypto'
import type { StoreRecord } from '../record.ts'
import type { Sums } from '../sums.ts'
import type { Dot } from '../version-vector.ts'

const MARK_BYTES = 6

export function isSameContent(a: StoreRecord, b: StoreRecord): boolean {
  if (a === b) return true
  return (
    areSameWrites(a.siblings, b.siblings) &&
    areSameWrites(a.elements, b.elements) &&
    areSameSums(a.known.sums, b.known.sums) &&
    areSameSums(a.replaced, b.replaced)
  )
}

/** A number that stands for one content of one key, of which so many values are shown. */
export function markOf(key: string, record: StoreRecord, shown: number): number {
  const { siblings, elements, known, replaced } = record
  const dots = [...siblings, ...elements].map(({ dot }) => `${dot.actor} ${dot.n}`)
  const sums = [...known.sums, ...replaced].map(({ actor, n }) => `${actor} ${n}`)
  const text = [key, shown, siblings.length, ...dots, known.sums.length, ...sums].join('\n')
  return hash('sha256', text, 'buffer').readUIntBE(0, MARK_BYTES)
}

type Written = readonly { readonly dot: Dot }[]

function areSameWrites(a: Written, b: Written): boolean {
  if (a.length !== b.length) return false
  return a.every(({ dot }, i) => dot.n === b[i]?.dot.n && dot.actor === b[i].dot.actor)
}

function areSameSums(a: Sums, b: Sums): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every(({ actor, n }, i) => n === b[i]?.n && actor === b[i].actor)
}
