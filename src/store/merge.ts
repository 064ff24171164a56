/**
 * The changes of a record: joining what two replicas know, and adding a write.
 *
 * Joining is commutative, associative and idempotent, loses nothing that nothing replaced, and
 * brings none back that something did. So replicas that have seen the same writes, in any order
 * and any number of times, hold the same record.
 */
import type { ValueKind } from '../base/value.ts'
import {
  type Element,
  EMPTY_RECORD,
  NO_ELEMENTS,
  type Sibling,
  type StoreRecord,
} from './record.ts'
import { isCounting, joinSums, NO_SUMS, stillCounted, type Sum } from './sums.ts'
import {
  compareDots,
  type Context,
  contextCovers,
  type Dot,
  joinContexts,
  withDot,
} from './version-vector.ts'

/** What a write has brought and another may replace. */
interface Written {
  readonly dot: Dot
}

export function joinRecords(a: StoreRecord, b: StoreRecord): StoreRecord {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const known = joinContexts(a.known, b.known)
  return {
    known,
    siblings: joinWritten(a.siblings, a.known, b.siblings, b.known),
    elements: joinElements(a, b),
    replaced: stillCounted(joinSums(a.replaced, b.replaced), known.sums),
  }
}

/**
 * The record after a write that replaces what `context` covers, here or not here yet. `record`
 * holds every write of the dot's disk to this key that was ever acknowledged, so its vector may
 * cover them all.
 */
export function addWrite(record: StoreRecord, context: Context, write: Sibling): StoreRecord {
  const rest = replaceSeen(record, context)
  const known = joinContexts(rest.known, contextOf([write.dot]))
  return { ...rest, known, siblings: sorted([...rest.siblings, write]) }
}

/** What is left when all that `context` covers has been replaced. */
export function replaceSeen(record: StoreRecord, context: Context): StoreRecord {
  const known = joinContexts(record.known, context)
  const replaced = joinSums(record.replaced, context.sums)
  return {
    known,
    siblings: unseen(record.siblings, context),
    elements: record.elements.length === 0 ? NO_ELEMENTS : unseen(record.elements, context),
    replaced: stillCounted(replaced, known.sums),
  }
}

/** The record after an addition to its counter by the disk of `dot`. */
export function addCount(record: StoreRecord, dot: Dot, delta: number): StoreRecord {
  const own = record.known.sums.find(({ actor }) => actor === dot.actor)
  const sum = counted(own, record, dot, delta)
  const known = joinContexts(record.known, contextOf([dot], sum))
  const replaced = stillCounted(record.replaced, known.sums)
  return { ...record, known, replaced }
}

/** When all that the disk has counted is replaced, it counts from nought. */
function counted(own: Sum | undefined, record: StoreRecord, dot: Dot, delta: number): Sum {
  const { actor, n } = dot
  const by = BigInt(delta)
  const isAnew = own === undefined || !isCounting([own], record.replaced)
  return isAnew ? { actor, start: n, n, total: by } : { ...own, n, total: own.total + by }
}

/** The record after elements were added; each replaces those that are equal to it. */
export function addElements(record: StoreRecord, added: readonly Element[]): StoreRecord {
  const names = new Set(added.map(elementName))
  const kept = record.elements.filter((element) => !names.has(elementName(element)))
  const known = joinContexts(record.known, contextOf(added.map(({ dot }) => dot)))
  return { ...record, known, elements: sorted([...kept, ...added]) }
}

/**
 * The record without the named elements that `seen` covers. It needs no dot of its own: whoever
 * knows of the writes of elements and does not hold them knows that they are gone.
 */
export function removeElements(
  record: StoreRecord,
  names: ReadonlySet<string>,
  seen: Context,
): StoreRecord {
  const elements = record.elements.filter(
    (element) => !names.has(elementName(element)) || !contextCovers(seen, element.dot),
  )
  return elements.length === record.elements.length ? record : { ...record, elements }
}

/** Equal for equal elements. */
export function elementName(element: { readonly kind: ValueKind; readonly value: Uint8Array }) {
  const { buffer, byteOffset, length } = element.value
  return `${element.kind}:${Buffer.from(buffer, byteOffset, length).toString('latin1')}`
}

/** What the writer of `dot` has seen when its write has made `record`: others' values it has not. */
export function contextAfter(record: StoreRecord, context: Context, dot: Dot): Context {
  const { known, siblings, elements, replaced } = record
  const isAlone = siblings.length === 1 && elements.length === 0
  return isAlone && !isCounting(known.sums, replaced) ? known : withDot(context, dot)
}

/** Whether it has or had anything of a set or counter: then it is stored before it is told. */
export function isMergeable({ known, elements }: StoreRecord): boolean {
  return elements.length > 0 || known.sums.length > 0
}

function isEmpty({ known }: StoreRecord): boolean {
  return known.vector.size === 0 && known.dots.length === 0
}

/** Of writes of one disk. */
function contextOf(dots: readonly Dot[], sum?: Sum): Context {
  const last = dots.at(-1)
  if (last === undefined) return EMPTY_RECORD.known
  const sums = sum === undefined ? NO_SUMS : [sum]
  return { vector: new Map([[last.actor, last.n]]), dots: [], sums }
}

function unseen<T extends Written>(items: readonly T[], context: Context): readonly T[] {
  return items.filter(({ dot }) => !contextCovers(context, dot))
}

function joinElements(a: StoreRecord, b: StoreRecord): readonly Element[] {
  if (a.elements.length === 0 && b.elements.length === 0) return NO_ELEMENTS
  return joinWritten(a.elements, a.known, b.elements, b.known)
}

/** What both have, and what one has and the other has not heard of. Both are sorted by dot. */
function joinWritten<T extends Written>(
  a: readonly T[],
  knownToA: Context,
  b: readonly T[],
  knownToB: Context,
): readonly T[] {
  const joined: T[] = []
  let j = 0
  for (const mine of a) {
    let other = b[j]
    while (other !== undefined && compareDots(other.dot, mine.dot) < 0) {
      if (!contextCovers(knownToA, other.dot)) joined.push(other)
      other = b[++j]
    }
    const isBoth = other !== undefined && compareDots(other.dot, mine.dot) === 0
    if (isBoth) j++
    if (isBoth || !contextCovers(knownToB, mine.dot)) joined.push(mine)
  }
  for (const other of b.slice(j)) if (!contextCovers(knownToA, other.dot)) joined.push(other)
  return joined
}

function sorted<T extends Written>(items: readonly T[]): readonly T[] {
  return items.length < 2 ? items : items.toSorted((a, b) => compareDots(a.dot, b.dot))
}
