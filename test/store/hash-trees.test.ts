/**
 * Hash trees against their definition: kept up to date through any history, and whatever reads and
 * changes overtake each other, they are what one counted from the entries would be.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareKeys } from '../../src/base/bytes.ts'
import { entryFingerprint, headOf } from '../../src/store/fingerprint.ts'
import { joinRecords } from '../../src/store/merge.ts'
import { decodeRecord, encodeRecord } from '../../src/store/record.ts'
import {
  cutLevel,
  differing,
  joinSpans,
  LeafTree,
  type Span,
  type TreeNode,
} from '../../src/store/sync/leaf-tree.ts'
import { CHANGES_MAX } from '../../src/store/sync/range-count.ts'
import { contextOf, recordOf, records, writeOf } from './arbitrary.ts'
import { allNodes, Disk, once, POOL, SMALL, steps, turn, WHOLE } from './tree-disk.ts'

describe('a hash tree', () => {
  it('is what one counted from scratch is, through any history', async () => {
    const property = fc.asyncProperty(steps, steps, async (before, after) => {
      const disk = new Disk()
      for (const step of before) if (step !== 'read') disk.commit(once(step))
      await turn()
      await disk.trees.count(0)
      for (const step of after) {
        if (step === 'read') await disk.nodes()
        else disk.commit(once(step))
        await turn()
        assert.equal(disk.trees.root(0), disk.counted().root)
      }
      assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
    })
    await fc.assert(property, { numRuns: 150 })
  })

  it('is right when commits overtake the reads that count it, and its cuts', async () => {
    const property = fc.asyncProperty(
      steps,
      fc.array(fc.array(fc.tuple(fc.constantFrom(...SMALL), fc.boolean()), { maxLength: 4 })),
      async (history, meanwhile) => {
        const disk = new Disk()
        let next = 0
        disk.onStep = () => {
          const changes = meanwhile[next++]
          if (changes !== undefined && changes.length > 0) disk.commit(once(changes))
        }
        for (const [i, step] of history.entries()) {
          if (step === 'read' || i === 3) await disk.nodes()
          else disk.commit(once(step))
          if (i % 2 === 0) await turn()
        }
        await disk.nodes()
        await turn()
        assert.equal(disk.trees.root(0), disk.counted().root)
        disk.onStep = () => undefined
        assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
      },
    )
    await fc.assert(property, { numRuns: 150 })
  })

  it('has the same root as another exactly when both hold the same', async () => {
    const property = fc.asyncProperty(
      steps,
      fc.nat(),
      fc.boolean(),
      async (history, at, isChanged) => {
        const [one, other] = [new Disk(), new Disk()]
        for (const disk of [one, other]) {
          await disk.trees.count(0)
          for (const step of history) if (step !== 'read') disk.commit(once(step))
          await turn()
        }
        // Another way to the same: what is not there came and went.
        const absent = SMALL.filter((key) => !other.contents.has(key))
        other.commit(absent.map((key) => [key, true]))
        await other.nodes()
        other.commit(absent.map((key) => [key, false]))
        await turn()
        const key = SMALL[at % SMALL.length] ?? ''
        if (isChanged) one.commit([[key, true]])
        await turn()
        assert.equal(one.trees.root(0) === other.trees.root(0), !isChanged)
        assert.equal(
          JSON.stringify(await one.nodes()) === JSON.stringify(await other.nodes()),
          !isChanged,
        )
      },
    )
    await fc.assert(property, { numRuns: 60 })
  })

  it('reads nothing to keep its root, and what came since for its leaves', async () => {
    const disk = new Disk()
    const [first, second] = [POOL.slice(0, 400), POOL.slice(400, 500)]
    disk.commit(first.map((key) => [key, true]))
    await disk.nodes()
    const { entriesRead, scans } = disk
    for (const key of [...second, ...first]) disk.commit([[key, true]])
    await turn()
    assert.equal(disk.trees.root(0), disk.counted().root)
    assert.equal(disk.scans, scans)
    await disk.nodes()
    // Those of a leaf before the first that came are not read.
    assert.ok(disk.entriesRead - entriesRead <= 1.2 * second.length, `${disk.entriesRead}`)
    const { scans: before } = disk
    await disk.nodes()
    assert.equal(disk.scans, before)
  })

  it('leaves what changes behind a page to the next', async () => {
    const disk = new Disk()
    disk.commit(POOL.slice(0, 400).map((key) => [key, true]))
    await turn()
    let isFirst = true
    disk.onStep = () => {
      const last = POOL.slice(390, 410)
      if (isFirst) disk.commit(last.map((key) => [key, true]))
      isFirst = false
    }
    await disk.trees.count(0)
    assert.equal(disk.trees.root(0), disk.counted().root)
    assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
  })

  it('is read again where a leaf has got another end while it was read', async () => {
    const disk = new Disk()
    const cuts = SMALL.filter((key) => cutLevel(key) >= 0)
    const [first = '', ...others] = cuts
    const [end = ''] = others
    disk.commit(SMALL.filter((key) => key !== first).map((key) => [key, true]))
    await turn()
    await disk.nodes()
    disk.commit([[first, true]])
    await turn()
    disk.onStep = () => {
      if (disk.contents.has(end)) disk.commit([[end, false]])
    }
    await disk.nodes()
    assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
  })

  it('is not counted before somebody asks, and then once', async () => {
    const disk = new Disk()
    disk.commit(SMALL.map((key) => [key, true]))
    await turn()
    assert.equal(disk.trees.root(0), null)
    await Promise.all([disk.trees.count(0), disk.trees.count(0), disk.nodes()])
    assert.equal(disk.scans, 1)
    assert.equal(disk.trees.root(0), disk.counted().root)
  })

  it('begins a page anew when more changes come than it may keep', async () => {
    const disk = new Disk()
    disk.commit([['k', true]])
    await turn()
    const keys = Array.from({ length: CHANGES_MAX + 1 }, (_, i) => `n${i}`)
    let isFirst = true
    disk.onStep = () => {
      if (isFirst) disk.commit(keys.map((key) => [key, true]))
      if (isFirst) disk.commit(keys.map((key) => [key, false]))
      isFirst = false
    }
    await disk.trees.count(0)
    assert.equal(disk.scans, 2)
    assert.equal(disk.trees.root(0), disk.counted().root)
  })

  it('ends its work with the store', async () => {
    const disk = new Disk()
    disk.commit(POOL.slice(0, 300).map((key) => [key, true]))
    await turn()
    disk.onStep = () => disk.trees.stop()
    await assert.rejects(disk.trees.count(0))
    assert.equal(disk.trees.root(0), null)
  })

  it('keeps one sum for about 32 keys', () => {
    const tree = new LeafTree()
    const keys = Array.from({ length: 64_000 }, (_, i) => `user/${i}`).sort(compareKeys)
    for (const key of keys) tree.append(key, 1)
    assert.ok(tree.leaves > 1700 && tree.leaves < 2300, `${tree.leaves}`)
    const nodes = [0, 1, 2].map((level) => tree.nodesAt(WHOLE, level)?.length ?? 0)
    const [leaves = 0, middle = 0, top = 0] = nodes
    assert.ok(leaves / middle > 10 && leaves / middle < 25, nodes.join())
    assert.ok(top < middle / 5, nodes.join())
    assert.equal(tree.nodes(WHOLE, leaves)?.level, 0)
    assert.equal(tree.nodes(WHOLE, leaves - 1)?.level, 1)
  })
})

describe('spans that differ', () => {
  const prints = fc.dictionary(fc.constantFrom(...SMALL), fc.integer({ min: 1, max: 3 }))
  const treeOf = (entries: Record<string, number>): LeafTree => {
    const tree = new LeafTree()
    for (const key of Object.keys(entries).sort(compareKeys)) tree.append(key, entries[key] ?? 0)
    return tree
  }
  const isIn = (key: string, { from, to }: Span): boolean =>
    compareKeys(from, key) <= 0 && (to === null || compareKeys(key, to) < 0)

  it('hold every key that differs, begin and end where both have cuts, and are none when all is equal', () => {
    fc.assert(
      fc.property(prints, prints, fc.nat({ max: 2 }), (mine, theirs, level) => {
        const [a, b] = [treeOf(mine), treeOf(theirs)]
        const spans = joinSpans(
          differing(WHOLE, a.nodesAt(WHOLE, level) ?? [], b.nodesAt(WHOLE, level) ?? []),
        )
        for (const key of SMALL) {
          if (mine[key] === theirs[key]) continue
          // Sums of two differing entries may be equal where prints are as few as here.
          const isHidden = !spans.some((span) => isIn(key, span))
          if (isHidden) assert.ok(sumsAgreeAround(a, b, key))
        }
        for (const span of spans) {
          assert.notEqual(a.nodesAt(span, level), null)
          assert.notEqual(b.nodesAt(span, level), null)
        }
        if (JSON.stringify(mine) === JSON.stringify(theirs)) assert.deepEqual(spans, [])
      }),
      { numRuns: 300 },
    )
  })

  /** Whether some span of both around the key has one sum. */
  function sumsAgreeAround(a: LeafTree, b: LeafTree, key: string): boolean {
    const equal = (a.nodesAt(WHOLE, 0) ?? []).flatMap(({ from }) => {
      return (b.nodesAt(WHOLE, 0) ?? []).flatMap(({ from: to }) => {
        const span = { from, to: compareKeys(from, to) < 0 ? to : null }
        const [x, y] = [a.nodesAt(span, 0), b.nodesAt(span, 0)]
        if (x === null || y === null || !isIn(key, span)) return []
        const sum = (nodes: TreeNode[]): number => nodes.reduce((all, node) => all + node.sum, 0)
        return [sum(x) === sum(y)]
      })
    })
    return equal.includes(true)
  }

  it('are few leaves when few keys differ', () => {
    const keys = Array.from({ length: 4000 }, (_, i) => `user/${i}`)
    const mine = Object.fromEntries(keys.map((key, i) => [key, i + 1]))
    const theirs = { ...mine, 'user/77': 9, 'user/78': 9, new: 5 }
    const [a, b] = [treeOf(mine), treeOf(theirs)]
    const spans = differing(WHOLE, a.nodesAt(WHOLE, 0) ?? [], b.nodesAt(WHOLE, 0) ?? [])
    const listed = keys.filter((key) => spans.some((span) => isIn(key, span)))
    assert.ok(spans.length <= 3 && listed.length < 400, `${spans.length} ${listed.length}`)
  })
})

describe('fingerprints of entries', () => {
  const of = (key: string, n: number, actor = 'disk-a') =>
    entryFingerprint(key, recordOf(contextOf(new Map([[actor, n]])), [writeOf({ actor, n })]))

  it('are 48 bits that differ with the key, the write and its disk', () => {
    const seen = new Set<number>()
    let count = 0
    for (let i = 0; i < 20_000; i++) {
      for (const print of [of(`k${i}`, 1), of('k', i + 2), of('k', 1, `disk-${i}`)]) {
        assert.ok(Number.isSafeInteger(print) && print >= 0 && print < 2 ** 48)
        seen.add(print)
        count++
      }
    }
    assert.equal(seen.size, count)
  })

  it('have each bit set in half of the cases, and half of them change with one bit of the input', () => {
    const bits = (print: number): number[] =>
      Array.from({ length: 48 }, (_, i) => Math.floor(print / 2 ** i) % 2)
    const set = Array.from({ length: 48 }, () => 0)
    const flipped = Array.from({ length: 48 }, () => 0)
    const rounds = 4000
    for (let i = 0; i < rounds; i++) {
      const [one, other] = [bits(of('key', i + 2)), bits(of('key', (i + 2) ^ (1 << (i % 20))))]
      for (let bit = 0; bit < 48; bit++) {
        set[bit] = (set[bit] ?? 0) + (one[bit] ?? 0)
        if (one[bit] !== other[bit]) flipped[bit] = (flipped[bit] ?? 0) + 1
      }
    }
    for (const share of [...set, ...flipped]) {
      assert.ok(Math.abs(share / rounds - 0.5) < 0.05, `${share / rounds}`)
    }
  })

  it('are equal exactly when records are, whatever their values, and whoever was known first', () => {
    fc.assert(
      fc.property(records, records, fc.nat({ max: 4 }), (a, other, part) => {
        // Most that differ in one thing alone are made so.
        const b =
          [
            other,
            { ...a, siblings: a.siblings.slice(1) },
            { ...a, elements: a.elements.slice(1) },
            { ...a, replaced: [] },
            { ...a, known: { ...a.known, dots: [] } },
          ][part] ?? other
        const isSame = Buffer.compare(encodeRecord(a), encodeRecord(b)) === 0
        assert.equal(entryFingerprint('k', a) === entryFingerprint('k', b), isSame)
        const vector = new Map([...a.known.vector].reverse())
        const again = headOf({ ...a, known: { ...a.known, vector } })
        assert.equal(entryFingerprint('k', again), entryFingerprint('k', a))
      }),
      { numRuns: 1000 },
    )
  })

  it('of heads tell who lacks what', () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        const joined = joinRecords(a, b)
        const heads = joinRecords(decodeRecord(encodeRecord(headOf(a))), headOf(b))
        assert.equal(entryFingerprint('k', heads), entryFingerprint('k', joined))
      }),
      { numRuns: 1000 },
    )
  })
})
