/**
 * The two changes of a record: joining what two replicas know, and adding a write.
 *
 * Joining is commutative, associative and idempotent, loses no sibling that nothing replaced, and
 * brings none back that something did. So replicas that have seen the same writes, in any order
 * and any number of times, hold the same record.
 */
import type { Sibling, StoreRecord } from './record.ts'
import {
  compareDots,
  type Context,
  contextCovers,
  type Dot,
  joinContexts,
  withDot,
} from './version-vector.ts'

export function joinRecords(a: StoreRecord, b: StoreRecord): StoreRecord {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const kept = new Map<string, Sibling>()
  for (const sibling of a.siblings) {
    if (!contextCovers(b.known, sibling.dot) || hasDot(b, sibling))
      kept.set(dotKey(sibling), sibling)
  }
  for (const sibling of b.siblings) {
    if (!contextCovers(a.known, sibling.dot) || hasDot(a, sibling))
      kept.set(dotKey(sibling), sibling)
  }
  return { known: joinContexts(a.known, b.known), siblings: sorted([...kept.values()]) }
}

/**
 * The record after a write that replaces what `context` covers, here or not here yet. `record`
 * holds every write of the dot's disk to this key that was ever acknowledged, so its vector may
 * cover them all.
 */
export function addWrite(record: StoreRecord, context: Context, write: Sibling): StoreRecord {
  const own = { vector: new Map([[write.dot.actor, write.dot.n]]), dots: [] }
  const known = joinContexts(joinContexts(record.known, context), own)
  const kept = record.siblings.filter(({ dot }) => !contextCovers(context, dot))
  return { known, siblings: sorted([...kept, write]) }
}

/** What the writer of `dot` has seen when its write has made `record`: others' siblings it has not. */
export function contextAfter(record: StoreRecord, context: Context, dot: Dot): Context {
  return record.siblings.length === 1 ? record.known : withDot(context, dot)
}

function isEmpty({ known }: StoreRecord): boolean {
  return known.vector.size === 0 && known.dots.length === 0
}

function hasDot(record: StoreRecord, { dot }: Sibling): boolean {
  return record.siblings.some((each) => compareDots(each.dot, dot) === 0)
}

function dotKey({ dot }: Sibling): string {
  return `${dot.n}/${dot.actor}`
}

function sorted(siblings: Sibling[]): readonly Sibling[] {
  return siblings.length < 2 ? siblings : siblings.sort((a, b) => compareDots(a.dot, b.dot))
}
