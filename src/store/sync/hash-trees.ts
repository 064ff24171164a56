/**
 * The hash trees of the partitions that are here: counted once after a start, by a scan of each,
 * and kept up to date by every change from then on. Nothing of them is on the disk: what a crash
 * left is counted anew.
 */
import type { Database } from '../../disk/database.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { Change, Sized } from '../change.ts'
import { digestOfNumbers, entryFingerprint, storedFingerprint } from '../fingerprint.ts'
import type { LeafTree, Span } from './leaf-tree.ts'
import { RangeCount } from './range-count.ts'

/** What is told of them as numbers. */
export interface TreeLevels {
  /** Partitions whose root is known. */
  readonly counted: number
  /** Sums that are kept. */
  readonly leaves: number
}

/** What came of a look at some leaves. */
export interface Checked {
  readonly isRight: boolean | null
  readonly end: string | null
}

/** Between two partitions that nobody has asked for: others may not wait. */
const PAUSE_MS = 5

export class HashTrees implements TreeLevels {
  readonly #database: Database
  readonly #clock: Clock
  /** At most one a partition, as all below. */
  readonly #trees = new Map<number, LeafTree>()
  readonly #counts = new Map<number, RangeCount>()
  /** The last piece of work at each partition: one follows the other. */
  readonly #work = new Map<number, Promise<unknown>>()
  readonly #aborter = new AbortController()

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** Work under way ends with an error, soon. */
  stop(): void {
    this.#aborter.abort()
  }

  /** To be told in the turn in which it has become durable. */
  changed({ partition, key, before, after, damaged }: Change): void {
    const tree = this.#trees.get(partition)
    const count = this.#counts.get(partition)
    if (tree === undefined && count === undefined) return
    const was = damaged === undefined ? printOf(key, before) : storedFingerprint(key, damaged)
    const is = printOf(key, after)
    tree?.change(key, was, is)
    count?.changed(key, was, is)
  }

  /** The sum of all entries of a partition; null: not counted yet. */
  root(partition: number): number | null {
    return this.#trees.get(partition)?.root ?? null
  }

  get counted(): number {
    return this.#trees.size
  }

  get leaves(): number {
    let leaves = 0
    for (const tree of this.#trees.values()) leaves += tree.leaves
    return leaves
  }

  /** From now on its root is known. Rejects when the database does, and after `stop`. */
  async count(partition: number): Promise<void> {
    if (!this.#trees.has(partition)) await this.#inTurn(partition, () => this.#countAll(partition))
  }

  /** Resolves when it is counted, or after that time, and never later: counting goes on. */
  async countWithin(partition: number, waitMs: number): Promise<void> {
    const ended = new AbortController()
    const late = sleep(this.#clock, waitMs, ended.signal).catch(() => undefined)
    try {
      await Promise.race([this.count(partition), late])
    } finally {
      ended.abort()
    }
  }

  /** Counts those that nobody has asked for, with little haste. */
  async countInTime(partitions: Iterable<number>): Promise<void> {
    for (const partition of partitions) {
      if (this.#trees.has(partition)) continue
      await sleep(this.#clock, PAUSE_MS, this.#aborter.signal)
      await this.count(partition)
    }
  }

  /** Looks at the tree with all its leaves: those that came have been read. */
  async read<T>(partition: number, look: (tree: LeafTree) => T): Promise<T> {
    return this.#inTurn(partition, async () => {
      const tree = await this.#countAll(partition)
      await this.#makeCuts(partition, tree)
      return look(tree)
    })
  }

  /** Cuts of a partition that wait to be made. */
  pending(partition: number): number {
    return this.#trees.get(partition)?.pending ?? 0
  }

  /** Makes them. Gives how many entries were read for it. */
  async makeCuts(partition: number): Promise<number> {
    return this.#inTurn(partition, async () => {
      const tree = this.#trees.get(partition)
      return tree === undefined ? 0 : this.#makeCuts(partition, tree)
    })
  }

  /**
   * Counts so many leaves anew, from that of a key on, and mends the tree if it was wrong. null:
   * it could not be told. `end`: where the rest begins; null: there is none.
   */
  async check(partition: number, key: string, leaves: number): Promise<Checked> {
    return this.#inTurn(partition, async () => {
      const tree = this.#trees.get(partition)
      if (tree === undefined) return { isRight: null, end: null }
      const span = tree.part(key, leaves)
      const { tree: part } = await this.#countSpan(partition, span)
      const isRight = tree.mend(span, part)
      this.#counts.delete(partition)
      return { isRight, end: span.to }
    })
  }

  async #countAll(partition: number): Promise<LeafTree> {
    const known = this.#trees.get(partition)
    if (known !== undefined) return known
    const { tree } = await this.#countSpan(partition, { from: '', to: null })
    this.#trees.set(partition, tree)
    this.#counts.delete(partition)
    return tree
  }

  /** Cuts that come while it reads may be left: the nodes are merely larger by them. */
  async #makeCuts(partition: number, tree: LeafTree): Promise<number> {
    let entries = 0
    for (const span of tree.unread()) {
      const count = await this.#countSpan(partition, span)
      tree.splice(span, count.tree)
      this.#counts.delete(partition)
      entries += count.entries
    }
    return entries
  }

  /** It goes on being told of changes until it is taken out of `#counts`, in the same step. */
  async #countSpan(partition: number, span: Span) {
    const count = new RangeCount(partition, span)
    this.#counts.set(partition, count)
    try {
      await count.run(this.#database, this.#clock, this.#aborter.signal)
    } catch (error) {
      this.#counts.delete(partition)
      throw error
    }
    return count
  }

  async #inTurn<T>(partition: number, run: () => Promise<T>): Promise<T> {
    const before = this.#work.get(partition) ?? Promise.resolve()
    const work = before.then(run, run)
    this.#work.set(partition, work)
    try {
      return await work
    } finally {
      if (this.#work.get(partition) === work) this.#work.delete(partition)
    }
  }
}

/** Of the roots of some partitions: equal when all of them are. */
export function digestOf(partitions: readonly number[], roots: readonly (number | null)[]): number {
  return digestOfNumbers(partitions.flatMap((partition, i) => [partition, roots[i] ?? -1]))
}

function printOf(key: string, held: Sized | null): number | null {
  return held === null ? null : entryFingerprint(key, held.record)
}
