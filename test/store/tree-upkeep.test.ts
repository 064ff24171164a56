/** Hash trees are counted anew a little at a time: one that is wrong is found, told of and mended. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { entryFingerprint } from '../../src/store/fingerprint.ts'
import { cutLevel } from '../../src/store/sync/leaf-tree.ts'
import type { HashTrees } from '../../src/store/sync/hash-trees.ts'
import { Upkeep } from '../../src/store/sync/upkeep.ts'
import { type LogLine, recordingLog } from '../topology/fakes.ts'
import { allNodes, Disk, once, POOL, sized, SMALL, steps, turn } from './tree-disk.ts'

/** Enough for several looks: about one in four is a cut. */
const MANY = POOL.slice(0, 300)

function upkeepOf(trees: HashTrees) {
  const lines: LogLine[] = []
  const upkeep = new Upkeep(trees, recordingLog(lines))
  const round = async (held: readonly number[] = [0]): Promise<void> => {
    upkeep.round(held)
    await upkeep.ended()
  }
  return { lines, round }
}

async function counted(keys: readonly string[]): Promise<Disk> {
  const disk = new Disk()
  disk.commit(keys.map((key) => [key, true]))
  await turn()
  await disk.nodes()
  return disk
}

/** What a defect may leave: the tree is told something else than the disk has. */
function spoil(disk: Disk, key: string): void {
  disk.trees.changed({ partition: 0, key, before: sized(7777), after: sized(8888) })
}

describe('the upkeep of hash trees', () => {
  it('finds a right one right, whatever commits overtake its reads', async () => {
    const property = fc.asyncProperty(
      steps,
      fc.array(fc.array(fc.tuple(fc.constantFrom(...SMALL), fc.boolean()), { maxLength: 4 })),
      fc.array(fc.constantFrom(...SMALL)),
      async (history, meanwhile, looks) => {
        const disk = new Disk()
        for (const step of history) if (step !== 'read') disk.commit(once(step))
        await turn()
        await disk.nodes()
        let next = 0
        disk.onStep = () => {
          const changes = meanwhile[next++]
          if (changes !== undefined && changes.length > 0) disk.commit(once(changes))
        }
        for (const key of looks) {
          const { isRight } = await disk.trees.check(0, key, 3)
          assert.notEqual(isRight, false)
        }
        await turn()
        assert.equal(disk.trees.root(0), disk.counted().root)
        disk.onStep = () => undefined
        assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
      },
    )
    await fc.assert(property, { numRuns: 150 })
  })

  it('finds one that is wrong anywhere within a round for each 32 leaves, and mends it', async () => {
    for (const wrong of [MANY[0], MANY[150], MANY.at(-1)]) {
      const disk = await counted(MANY)
      const { lines, round } = upkeepOf(disk.trees)
      const rounds = Math.ceil((MANY.filter((key) => cutLevel(key) >= 0).length + 1) / 32)
      assert.ok(rounds >= 2)
      spoil(disk, wrong ?? '')
      for (let i = 0; i < rounds; i++) await round()
      assert.deepEqual(
        lines.map(({ event }) => event),
        ['store.tree-wrong'],
      )
      assert.equal(disk.trees.root(0), disk.counted().root)
      assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
      for (let i = 0; i < rounds; i++) await round()
      assert.equal(lines.length, 1, 'it is right from then on')
    }
  })

  it('mends what commits overtake as well', async () => {
    const disk = await counted(MANY)
    const { lines, round } = upkeepOf(disk.trees)
    spoil(disk, MANY[5] ?? '')
    let at = 0
    disk.onStep = () => {
      if (at++ < 40) disk.commit([[MANY[(at * 37) % 300] ?? '', at % 3 > 0]])
    }
    for (let i = 0; i < 8; i++) await round()
    assert.equal(lines.length, 1)
    await turn()
    disk.onStep = () => undefined
    assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
  })

  it('reads some leaves of one partition a round, of all that are here in turn', async () => {
    const looks: (readonly [number, string])[] = []
    const trees = {
      check: async (partition: number, key: string, leaves: number) => {
        assert.equal(leaves, 32)
        looks.push([partition, key])
        return { isRight: true, end: partition === 3 && key === '' ? 'middle' : null }
      },
      pending: () => 0,
    }
    const { round } = upkeepOf(trees as unknown as HashTrees)
    for (const held of [[1, 3, 9], [1, 3, 9], [1, 3, 9], [1, 9], [1, 9], [], [2]]) await round(held)
    const seen = [
      [1, ''],
      [3, ''],
      [3, 'middle'],
      [9, ''],
      [1, ''],
      [2, ''],
    ]
    assert.deepEqual(looks, seen)
  })

  it('makes the cuts that wait in what it reads, also where ever more come', async () => {
    const disk = new Disk()
    await disk.trees.count(0)
    disk.commit(MANY.map((key) => [key, true]))
    await turn()
    const { root } = disk.counted()
    assert.equal(disk.trees.leaves, 1)
    assert.deepEqual(await disk.trees.check(0, '', 32), { isRight: true, end: null })
    assert.deepEqual([disk.trees.pending(0), disk.trees.root(0)], [0, root])
    const { end } = await disk.trees.check(0, '', 32)
    assert.notEqual(end, null, 'from then on a look is a part of it')
    assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
  })

  it('finds leaves that are wrong although its root is right', async () => {
    const disk = await counted(MANY)
    const before = sized(7777)
    const after = sized(8888)
    const [first = '', last = ''] = [MANY[0], MANY[40]]
    disk.trees.changed({ partition: 0, key: first, before, after })
    disk.trees.changed({ partition: 0, key: first, before: after, after: before })
    assert.equal((await disk.trees.check(0, '', 32)).isRight, true)
    // What belongs to one leaf has gone to another.
    const print = entryFingerprint(last, before.record)
    const tree = await disk.trees.read(0, (each) => each)
    tree.change(first, null, print)
    tree.change(last, print, null)
    assert.equal((await disk.trees.check(0, '', 32)).isRight, false)
    assert.deepEqual(await disk.nodes(), allNodes(disk.counted()))
  })

  it('says nothing of what is not counted yet', async () => {
    const { lines, round } = upkeepOf(new Disk().trees)
    await round()
    assert.deepEqual(lines, [])
  })

  it('makes cuts when no more have come since the round before', async () => {
    const disk = new Disk()
    await disk.trees.count(0)
    const { trees } = disk
    const { round } = upkeepOf({
      check: async () => ({ isRight: true, end: null }),
      pending: (partition: number) => trees.pending(partition),
      makeCuts: (partition: number) => trees.makeCuts(partition),
    } as unknown as HashTrees)
    const cuts = POOL.filter((key) => cutLevel(key) >= 0)
    disk.commit([[cuts[0] ?? '', true]])
    await turn()
    await round()
    disk.commit([[cuts[1] ?? '', true]])
    await turn()
    await round()
    assert.equal(disk.trees.pending(0), 2, 'more came')
    await round()
    assert.equal(disk.trees.pending(0), 0)
    assert.equal(disk.trees.leaves, 3)
  })

  it('makes so many cuts a round, and the others later', async () => {
    const left = new Map([0, 1, 2, 3].map((partition) => [partition, 5]))
    const made: number[] = []
    const trees = {
      check: async () => ({ isRight: true, end: null }),
      pending: (partition: number) => left.get(partition) ?? 0,
      makeCuts: async (partition: number) => {
        made.push(partition)
        left.set(partition, 0)
        return 10_000
      },
    }
    const { round } = upkeepOf(trees as unknown as HashTrees)
    const held = [...left.keys()]
    await round(held)
    assert.deepEqual(made, [])
    await round(held)
    assert.deepEqual(made, [0, 1])
    await round(held)
    assert.deepEqual(made, held)
  })
})
