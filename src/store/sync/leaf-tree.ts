/**
 * The hash tree of one partition, or of a range of it: sums of fingerprints over ranges of its
 * sorted keys, kept up to date as entries change.
 *
 * Leaves begin at keys whose hash has so many low bits zero, so replicas with nearly the same keys
 * have nearly the same leaves (content-defined cuts). Cuts with more bits zero bound the nodes of
 * higher levels. Only sums of leaves are kept: those of higher nodes are added up when asked for.
 *
 * A change of an entry changes one sum. A cut that goes joins two leaves, whose sums add up. A cut
 * that comes cannot be made without reading, and waits in `pending` until somebody wants to know
 * more than the root (`splice`): the sum of the leaf that it will split is right until then. So
 * the root always is.
 */
import { compareKeys } from '../../base/bytes.ts'
import { addFingerprints, keyHash, subtractFingerprints } from '../fingerprint.ts'

/** Keys of a leaf, on average: 2 to this. */
const LEAF_BITS = 5
/** Nodes of one level in one of the next, on average: 2 to this. */
const LEVEL_BITS = 4
export const LEVEL_MAX = 6

/** Keys from `from` on, before `to`; null: to the end. */
export interface Span {
  readonly from: string
  readonly to: string | null
}

/** A part of a span: from this key to that of the next, and the sum of what lies in it. */
export interface TreeNode {
  readonly from: string
  readonly sum: number
}

/** At least one node. */
export interface SpanNodes {
  readonly level: number
  readonly nodes: readonly TreeNode[]
}

/** -1: no leaf begins there. */
export function cutLevel(key: string): number {
  const hash = keyHash(key)
  const zeros = hash === 0 ? 32 : 31 - Math.clz32(hash & -hash)
  return zeros < LEAF_BITS ? -1 : Math.min(LEVEL_MAX, Math.floor((zeros - LEAF_BITS) / LEVEL_BITS))
}

export class LeafTree {
  /** Where each leaf but the first begins, in order. About one in 32 keys. */
  readonly #cuts: string[] = []
  /** Of the leaves: one more than cuts. */
  readonly #sums: number[] = [0]
  /** Keys that are cuts and here, but not in `#cuts`. As few as the keys that came. */
  readonly #pending = new Set<string>()
  #root = 0

  get root(): number {
    return this.#root
  }

  get leaves(): number {
    return this.#sums.length
  }

  get pending(): number {
    return this.#pending.size
  }

  /** The fingerprint of an entry became another; null: it was not there, or is no more. */
  change(key: string, before: number | null, after: number | null): void {
    if (before === after) return
    const leaf = this.#leafOf(key)
    const less = subtractFingerprints(this.#sums[leaf] ?? 0, before ?? 0)
    this.#sums[leaf] = addFingerprints(less, after ?? 0)
    this.#root = addFingerprints(subtractFingerprints(this.#root, before ?? 0), after ?? 0)
    if (before !== null && after !== null) return
    if (cutLevel(key) < 0) return
    if (after !== null) this.#pending.add(key)
    else if (!this.#pending.delete(key)) this.#joinAt(key)
  }

  /** An entry after all that are here. */
  append(key: string, print: number): void {
    if (cutLevel(key) >= 0) {
      this.#cuts.push(key)
      this.#sums.push(0)
    }
    const leaf = this.#sums.length - 1
    this.#sums[leaf] = addFingerprints(this.#sums[leaf] ?? 0, print)
    this.#root = addFingerprints(this.#root, print)
  }

  /** So many leaves, from the one in which a key lies. */
  part(key: string, leaves: number): Span {
    const first = this.#leafOf(key)
    return { from: this.#cuts[first - 1] ?? '', to: this.#cuts[first - 1 + leaves] ?? null }
  }

  /**
   * Holds what is kept of a span against what was counted of it, and takes that over, with the cuts
   * that waited in it. `part` was told all changes of the span meanwhile, as this was. False: it was
   * not the same. null: the span does not begin and end where leaves do by now.
   */
  mend(span: Span, part: LeafTree): boolean | null {
    const bounds = this.#leavesOf(span)
    if (bounds === null) return null
    const [first, end] = bounds
    // The span begins at a cut, before which the part has nothing.
    const skipped = part.#cuts[0] === span.from ? 1 : 0
    const sums = part.#sums.slice(skipped)
    const kept = this.#sums.slice(first, end)
    const isSame = kept.length === sums.length && kept.every((sum, i) => sum === sums[i])
    // Where cuts wait, its leaves are larger: only all of them together can be held against the part.
    const isRight =
      (isSame || (kept.length < sums.length && kept.reduce(addFingerprints) === part.#root)) &&
      this.#sums.reduce(addFingerprints) === this.#root
    if (isSame && isRight) return true
    this.#sums.splice(first, end - first, ...sums)
    this.#cuts.splice(first, end - first - 1, ...part.#cuts.slice(skipped))
    for (const cut of part.#cuts) this.#pending.delete(cut)
    this.#root = this.#sums.reduce(addFingerprints)
    return isRight
  }

  /** What is to be read so that cuts can be made: of each leaf, from the first that waits in it. */
  unread(): Span[] {
    const spans: Span[] = []
    for (const from of [...this.#pending].sort(compareKeys)) {
      const to = this.#cuts[this.#leafOf(from)] ?? null
      if (spans.length === 0 || spans.at(-1)?.to !== to) spans.push({ from, to })
    }
    return spans
  }

  /**
   * Puts what has been read of a span that `unread` gave in its place. `part` was told all changes
   * of the span meanwhile, as this was. False: the leaf has another end by now: read again.
   */
  splice({ from, to }: Span, part: LeafTree): boolean {
    const leaf = this.#leafOf(from)
    if ((this.#cuts[leaf] ?? null) !== to) return false
    const [first = 0, ...sums] = part.#sums
    const rest = subtractFingerprints(this.#sums[leaf] ?? 0, part.#root)
    this.#sums.splice(leaf, 1, addFingerprints(rest, first), ...sums)
    this.#cuts.splice(leaf, 0, ...part.#cuts)
    for (const cut of part.#cuts) this.#pending.delete(cut)
    return true
  }

  /**
   * The nodes of a span at the lowest level at which there are at most so many. null: the span does
   * not begin and end where leaves do here.
   */
  nodes(span: Span, nodesMax: number): SpanNodes | null {
    for (let level = 0; ; level++) {
      const nodes = this.nodesAt(span, level)
      if (nodes === null) return null
      if (nodes.length <= nodesMax || level === LEVEL_MAX) return { level, nodes }
    }
  }

  /** The same at a given level. */
  nodesAt(span: Span, level: number): TreeNode[] | null {
    const bounds = this.#leavesOf(span)
    return bounds === null ? null : this.#nodesOf(...bounds, span.from, level)
  }

  /** The first of its leaves, and the one after the last. */
  #leavesOf({ from, to }: Span): readonly [number, number] | null {
    const first = this.#leafAt(from)
    const end = to === null ? this.#sums.length : this.#leafAt(to)
    return first === null || end === null || end <= first ? null : [first, end]
  }

  #nodesOf(first: number, end: number, from: string, level: number): TreeNode[] {
    const nodes: TreeNode[] = []
    let begin = from
    let sum = 0
    for (let leaf = first; leaf < end; leaf++) {
      const cut = this.#cuts[leaf - 1]
      if (leaf > first && cut !== undefined && (level === 0 || cutLevel(cut) >= level)) {
        nodes.push({ from: begin, sum })
        begin = cut
        sum = 0
      }
      sum = addFingerprints(sum, this.#sums[leaf] ?? 0)
    }
    nodes.push({ from: begin, sum })
    return nodes
  }

  #joinAt(cut: string): void {
    const leaf = this.#leafOf(cut)
    if (this.#cuts[leaf - 1] !== cut) return
    const sum = addFingerprints(this.#sums[leaf - 1] ?? 0, this.#sums[leaf] ?? 0)
    this.#sums.splice(leaf - 1, 2, sum)
    this.#cuts.splice(leaf - 1, 1)
  }

  /** The leaf that begins at this key; null: none does. */
  #leafAt(key: string): number | null {
    if (key === '') return 0
    const leaf = this.#leafOf(key)
    return this.#cuts[leaf - 1] === key ? leaf : null
  }

  /** The leaf in which the key is, or would be: so many cuts are not after it. */
  #leafOf(key: string): number {
    let low = 0
    let high = this.#cuts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#cuts[middle] ?? '', key) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The parts of a span whose sums differ: between cuts that both sides have. */
export function differing(
  span: Span,
  mine: readonly TreeNode[],
  theirs: readonly TreeNode[],
): Span[] {
  const spans: Span[] = []
  let i = 0
  let j = 0
  let from = span.from
  while (i < mine.length || j < theirs.length) {
    let mySum = mine[i++]?.sum ?? 0
    let theirSum = theirs[j++]?.sum ?? 0
    // On to the next cut that both have.
    for (;;) {
      const order = orderOf(mine[i], theirs[j])
      if (order === 0) break
      if (order < 0) mySum = addFingerprints(mySum, mine[i++]?.sum ?? 0)
      else theirSum = addFingerprints(theirSum, theirs[j++]?.sum ?? 0)
    }
    const to = mine[i]?.from ?? span.to
    if (mySum !== theirSum) spans.push({ from, to })
    from = to ?? ''
  }
  return spans
}

/** Which of two begins first; one that is not there begins at the end. */
function orderOf(a: TreeNode | undefined, b: TreeNode | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  return compareKeys(a.from, b.from)
}

/** Those that touch become one. */
export function joinSpans(spans: readonly Span[]): Span[] {
  const joined: Span[] = []
  for (const span of spans) {
    const last = joined.at(-1)
    if (last === undefined || last.to !== span.from) joined.push(span)
    else joined[joined.length - 1] = { from: last.from, to: span.to }
  }
  return joined
}
