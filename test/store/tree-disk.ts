/**
 * A disk under hash trees, for one partition: what it holds is known beside it, and its scans and
 * changes overtake each other as a test says.
 */
import fc from 'fast-check'
import { compareKeys } from '../../src/base/bytes.ts'
import type { Database } from '../../src/disk/database.ts'
import type { Clock } from '../../src/seams/clock.ts'
import type { Sized } from '../../src/store/change.ts'
import { entryFingerprint } from '../../src/store/fingerprint.ts'
import { databaseKey } from '../../src/store/place.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { HashTrees } from '../../src/store/sync/hash-trees.ts'
import { cutLevel, LeafTree, type Span, type TreeNode } from '../../src/store/sync/leaf-tree.ts'
import { contextOf, recordOf, writeOf } from './arbitrary.ts'

export const WHOLE: Span = { from: '', to: null }

/** Names of which about one in four is a cut, so that leaves come and go. */
export const POOL: readonly string[] = Array.from({ length: 4000 }, (_, i) => `k${i}`)
  .filter((key, i) => cutLevel(key) >= 0 || i % 12 === 0)
  .sort(compareKeys)
export const SMALL = POOL.slice(0, 60)

/** The record of a key after its n-th write. */
export function sized(n: number): Sized {
  const write = writeOf({ actor: 'disk-a', n })
  const record = recordOf(contextOf(new Map([['disk-a', n]])), [write])
  return { record, bytes: encodeRecord(record).length }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}

export const clock = {
  monotonicMs: () => 0,
  wallMs: () => 0,
  after: (_: number, run: () => void) => clock.soon(run),
  soon: (run: () => void) => {
    const handle = setImmediate(run)
    return { cancel: () => clearImmediate(handle) }
  },
} as Clock

/**
 * A disk whose scans see each change that becomes durable before they come to it, and whose
 * changes are told a little after that.
 */
export class Disk {
  readonly trees: HashTrees
  readonly contents = new Map<string, number>()
  /** Entries that scans have read. */
  entriesRead = 0
  scans = 0
  /** Runs before each entry of a scan is looked for. */
  onStep: () => void = () => undefined
  #n = 0
  /** One change is told after the other, as a disk's commits are. */
  #telling = Promise.resolve()

  constructor() {
    const database = {
      scan: (range: { from: string; to: string; limit: number }) => this.#scan(range),
    }
    this.trees = new HashTrees(database as unknown as Database, clock)
  }

  /** In one commit: a new record under each key, or none any more. */
  commit(changes: readonly (readonly [key: string, isThere: boolean])[]): void {
    const told = changes.map(([key, isThere]) => {
      const n = this.contents.get(key)
      const before = n === undefined ? null : sized(n)
      const after = isThere ? sized(++this.#n) : null
      if (isThere) this.contents.set(key, this.#n)
      else this.contents.delete(key)
      return { partition: 0, key, before, after }
    })
    this.#telling = this.#telling.then(async () => {
      for (const change of told) {
        this.trees.changed(change)
        await Promise.resolve()
      }
    })
  }

  async *#scan({ from, to, limit }: { from: string; to: string; limit: number }) {
    this.scans++
    let after = from
    for (let left = limit; left > 0; left--) {
      this.onStep()
      await Promise.resolve()
      const next = [...this.contents.keys()]
        .map((key) => databaseKey(0, key))
        .filter((name) => compareKeys(name, after) >= 0 && compareKeys(name, to) < 0)
        .sort(compareKeys)[0]
      if (next === undefined) return
      this.entriesRead++
      const { record } = sized(this.contents.get(next.slice(databaseKey(0, '').length)) ?? 0)
      yield [next, encodeRecord(record)] as const
      after = `${next}\0`
    }
  }

  /** All that the tree says, at every level. */
  async nodes(): Promise<readonly TreeNode[][]> {
    return this.trees.read(0, (tree) => {
      return [0, 1, 2].map((level) => tree.nodesAt(WHOLE, level) ?? [])
    })
  }

  counted(): LeafTree {
    const tree = new LeafTree()
    for (const key of [...this.contents.keys()].sort(compareKeys)) {
      tree.append(key, entryFingerprint(key, sized(this.contents.get(key) ?? 0).record))
    }
    return tree
  }
}

export function allNodes(tree: LeafTree): readonly TreeNode[][] {
  return [0, 1, 2].map((level) => tree.nodesAt(WHOLE, level) ?? [])
}

export type Step = readonly (readonly [string, boolean])[] | 'read'

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.array(fc.tuple(fc.constantFrom(...SMALL), fc.boolean()), {
        minLength: 1,
        maxLength: 12,
      }),
    },
    { weight: 1, arbitrary: fc.constant('read' as const) },
  ),
  { maxLength: 30 },
)

/** One change of a key in one commit. */
export function once(changes: readonly (readonly [string, boolean])[]) {
  return [...new Map(changes)]
}
