/**
 * The two changes of a record: joining what two replicas know, and adding a write.
 *
 * Joining is commutative, associative and idempotent, loses no sibling that nothing replaced, and
 * brings none back that something did. So replicas that have seen the same writes, in any order
 * and any number of times, hold the same record.
 */
import { compareDots, type Sibling, type StoreRecord } from './record.ts'
import {
  type Context,
  contextCovers,
  covers,
  type Dot,
  joinVectors,
  withDot,
} from './version-vector.ts'

export function joinRecords(a: StoreRecord, b: StoreRecord): StoreRecord {
  if (a.vector.size === 0) return b
  if (b.vector.size === 0) return a
  const kept = new Map<string, Sibling>()
  for (const sibling of a.siblings) {
    if (!covers(b.vector, sibling.dot) || hasDot(b, sibling)) kept.set(dotKey(sibling), sibling)
  }
  for (const sibling of b.siblings) {
    if (!covers(a.vector, sibling.dot) || hasDot(a, sibling)) kept.set(dotKey(sibling), sibling)
  }
  return { vector: joinVectors(a.vector, b.vector), siblings: sorted([...kept.values()]) }
}

/**
 * The record after a write that replaces what `context` covers. `record` holds every write of the
 * dot's disk to this key that was ever acknowledged, so its vector may cover them all.
 */
export function addWrite(record: StoreRecord, context: Context, write: Sibling): StoreRecord {
  const vector = new Map(joinVectors(record.vector, context.vector))
  vector.set(write.dot.actor, Math.max(write.dot.n, vector.get(write.dot.actor) ?? 0))
  const kept = record.siblings.filter(({ dot }) => !contextCovers(context, dot))
  return { vector, siblings: sorted([...kept, write]) }
}

/** What the writer of `dot` has seen when its write has made `record`: others' siblings it has not. */
export function contextAfter(record: StoreRecord, context: Context, dot: Dot): Context {
  return record.siblings.length === 1 ? { vector: record.vector, dots: [] } : withDot(context, dot)
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
