/**
 * The two changes of a record: joining what two replicas know, and adding a write.
 *
 * Joining is commutative, associative and idempotent, loses no sibling that nothing replaced, and
 * brings none back that something did. So replicas that have seen the same writes, in any order
 * and any number of times, hold the same record.
 */
import { compareDots, type Sibling, type StoreRecord } from './record.ts'
import { covers, joinVectors, type VersionVector } from './version-vector.ts'

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
  return { vector: joinVectors(a.vector, b.vector), siblings: settled([...kept.values()]) }
}

/** The record after a write that replaces what `context` covers. */
export function addWrite(record: StoreRecord, context: VersionVector, write: Sibling): StoreRecord {
  const known = joinVectors(record.vector, context)
  const vector = new Map(known)
  vector.set(write.dot.actor, Math.max(write.dot.n, known.get(write.dot.actor) ?? 0))
  const kept = record.siblings.filter(({ dot }) => !covers(context, dot))
  return { vector, siblings: settled([...kept, write]) }
}

function hasDot(record: StoreRecord, { dot }: Sibling): boolean {
  return record.siblings.some((each) => compareDots(each.dot, dot) === 0)
}

function dotKey({ dot }: Sibling): string {
  return `${dot.n}/${dot.actor}`
}

/**
 * Sorted, and with the twins of one write made one: a write whose first coordinator did not answer
 * was given to a second one, which made another dot for the same value and stamp.
 */
function settled(siblings: Sibling[]): readonly Sibling[] {
  if (siblings.length < 2) return siblings
  siblings.sort((a, b) => compareDots(a.dot, b.dot))
  return siblings.filter(
    (sibling, i) => !siblings.some((other, j) => j < i && isTwin(other, sibling)),
  )
}

function isTwin(a: Sibling, b: Sibling): boolean {
  return a.stamp === b.stamp && a.kind === b.kind && Buffer.compare(a.value, b.value) === 0
}
