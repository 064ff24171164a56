/** How much a disk holds: counted page by page beside the work, and exact at the end. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareKeys } from '../../src/base/bytes.ts'
import type { Database } from '../../src/disk/database.ts'
import type { Sized } from '../../src/store/change.ts'
import { growthOf, type Amounts, Inventory } from '../../src/store/inventory.ts'
import { databaseKey } from '../../src/store/place.ts'
import { encodeRecord, type Kind, type Sibling, type StoreRecord } from '../../src/store/record.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { ManualClock } from '../disk/manual-clock.ts'
import { contextOf, elementOf, recordOf, sumOf } from './arbitrary.ts'
import { StoreWorld } from './world.ts'

function siblingOf(n: number, kind: Kind, bytes: number): Sibling {
  const dot = { actor: 'a', n }
  return { dot, stamp: n, expiresAtMs: 0, kind, value: new Uint8Array(bytes) }
}

function sized(record: StoreRecord): Sized {
  return { record, bytes: encodeRecord(record).length }
}

function sizedOf(kind: Kind | 'siblings', bytes: number): Sized {
  const siblings =
    kind === 'siblings'
      ? [siblingOf(1, 'text', bytes), siblingOf(2, 'bytes', 1)]
      : [siblingOf(1, kind, bytes)]
  return sized(recordOf(contextOf(new Map([['a', 2]])), siblings))
}

type Range = { readonly from: string; readonly to: string; readonly limit: number }

/** Entries that `scan` gives as they were when it began; between two of them others may write. */
class Shelf {
  readonly entries = new Map<string, Sized>()
  /** Stored bytes that are no record. */
  readonly damaged = new Map<string, Uint8Array>()
  /** Called between two entries of a scan. */
  amid: () => void = () => {}

  readonly database = {
    scan: (range: Range): AsyncIterable<readonly [string, Uint8Array]> => this.#scan(range),
  } as unknown as Database

  async *#scan({ from, to, limit }: Range): AsyncGenerator<readonly [string, Uint8Array]> {
    const keys = [...this.entries.keys(), ...this.damaged.keys()].sort(compareKeys)
    const page = keys
      .filter((key) => compareKeys(key, from) >= 0 && compareKeys(key, to) < 0)
      .slice(0, limit)
      .map((key) => [key, this.#bytesOf(key)] as const)
    for (const entry of page) {
      this.amid()
      await Promise.resolve()
      yield entry
    }
  }

  #bytesOf(key: string): Uint8Array {
    return this.damaged.get(key) ?? encodeRecord((this.entries.get(key) as Sized).record)
  }

  get sum(): Amounts {
    const all = [...this.entries.values()].map((held) => growthOf(null, held))
    const of = (pick: (each: Amounts) => number): number => all.reduce((n, g) => n + pick(g), 0)
    return {
      records: of(({ records }) => records),
      tombstones: of(({ tombstones }) => tombstones),
      withSiblings: of(({ withSiblings }) => withSiblings),
      bytes: of(({ bytes }) => bytes),
      damaged: this.damaged.size,
    }
  }
}

describe('inventory', () => {
  it('tells nothing until all is counted, then all', async () => {
    const shelf = new Shelf()
    for (let i = 0; i < 600; i++) {
      shelf.entries.set(
        databaseKey(i % 7, `k${i}`),
        sizedOf((['tombstone', 'siblings', 'text'] as const)[i % 3] ?? 'text', i),
      )
    }
    const inventory = new Inventory()
    const clock = new ManualClock()
    const counting = inventory.count(shelf.database, clock, new AbortController().signal)
    assert.equal(inventory.held, null)
    await clock.drive(counting)
    assert.deepEqual(inventory.held, shelf.sum)
    const { records, tombstones, withSiblings } = shelf.sum
    assert.deepEqual([records, tombstones, withSiblings], [600, 200, 200])
  })

  it('is exact whatever changes while it counts', async () => {
    const change = fc.record({
      i: fc.nat(700),
      kind: fc.constantFrom<Kind | 'siblings' | null>('text', 'tombstone', 'siblings', null),
      bytes: fc.nat(50),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 80 }), fc.nat(), async (changes, seed) => {
        const shelf = new Shelf()
        const random = new SimRandom(`inventory ${seed}`)
        const keyOf = (i: number): string => String(i).padStart(3, '0')
        const name = (i: number): string => databaseKey(0, keyOf(i))
        for (let i = 0; i < 600; i += 2) shelf.entries.set(name(i), sizedOf('text', i % 40))
        const inventory = new Inventory()
        const left = [...changes]
        shelf.amid = () => {
          while (left.length > 0 && random.int(8) === 0) {
            const { i, kind, bytes } = left.pop() as (typeof changes)[number]
            const before = shelf.entries.get(name(i)) ?? null
            const after = kind === null ? null : sizedOf(kind, bytes)
            if (after === null) shelf.entries.delete(name(i))
            else shelf.entries.set(name(i), after)
            inventory.changed({ partition: 0, key: keyOf(i), before, after })
          }
        }
        const clock = new ManualClock()
        await clock.drive(inventory.count(shelf.database, clock, new AbortController().signal))
        assert.deepEqual(inventory.held, shelf.sum)
      }),
      { numRuns: 60 },
    )
  })

  it('reads a page anew when too much changed behind it', async () => {
    const shelf = new Shelf()
    for (let i = 0; i < 10; i++) shelf.entries.set(databaseKey(0, `k${i}`), sizedOf('text', 5))
    const inventory = new Inventory()
    let storms = 0
    shelf.amid = () => {
      if (storms++ > 0) return
      for (let i = 0; i < 5000; i++) {
        const held = sizedOf('text', 1)
        shelf.entries.set(databaseKey(1, `n${i}`), held)
        inventory.changed({ partition: 1, key: `n${i}`, before: null, after: held })
      }
    }
    const clock = new ManualClock()
    await clock.drive(inventory.count(shelf.database, clock, new AbortController().signal))
    assert.deepEqual(inventory.held, shelf.sum)
  })

  it('counts on where records are damaged, and says how many they are', async () => {
    const shelf = new Shelf()
    for (let i = 0; i < 600; i++) {
      const name = databaseKey(0, `k${i}`)
      if (i % 100 < 2) shelf.damaged.set(name, new Uint8Array([9, 9]))
      else shelf.entries.set(name, sizedOf('text', 5))
    }
    const inventory = new Inventory()
    let storms = 0
    // The first page is read anew: what is damaged there counts once.
    shelf.amid = () => {
      if (storms++ > 0) return
      const held = sizedOf('text', 1)
      for (let i = 0; i < 5000; i++) {
        shelf.entries.set(databaseKey(1, `n${i}`), held)
        inventory.changed({ partition: 1, key: `n${i}`, before: null, after: held })
      }
    }
    const clock = new ManualClock()
    await clock.drive(inventory.count(shelf.database, clock, new AbortController().signal))
    assert.deepEqual(inventory.held, shelf.sum)
    assert.deepEqual([shelf.sum.records, shelf.sum.damaged], [5588, 12])
  })

  it('counts siblings: values that stay, and what stands beside them', () => {
    const known = { ...contextOf(new Map([['a', 4]])), sums: [sumOf('a', 3)] }
    const [first, second] = [siblingOf(1, 'text', 3), siblingOf(2, 'text', 4)]
    const ends = { ...second, expiresAtMs: 4_000_000_000_000 }
    const elements = [elementOf({ actor: 'a', n: 3 }), elementOf({ actor: 'a', n: 4 })]
    const of = (siblings: readonly Sibling[], change: Partial<StoreRecord> = {}): number =>
      growthOf(null, sized({ ...recordOf(contextOf(known.vector), siblings), ...change }))
        .withSiblings
    assert.equal(of([first, second]), 1)
    assert.equal(of([first, siblingOf(2, 'tombstone', 0)]), 0)
    assert.equal(of([first, ends]), 0)
    assert.equal(of([], { elements }), 0)
    assert.equal(of([], { known }), 0)
    assert.equal(of([first], { elements }), 1)
    assert.equal(of([first], { known }), 1)
  })

  it('of a node counts keys with siblings until a write replaces them, also after a start', async () => {
    const world = await StoreWorld.start(['ab'])
    const siblings = (name: string) => world.kv(name).held?.withSiblings
    const { context } = await world.drive(world.kv('a').put('k', '1', { write: 'all' }))
    for (const value of ['2', '3']) await world.drive(world.kv('a').put('k', value, { context }))
    await world.until('both have them', () => siblings('a') === 1 && siblings('b') === 1)
    world.crash('a')
    await world.boot('a')
    await world.until('it has counted', () => siblings('a') !== undefined)
    assert.equal(siblings('a'), 1)
    const seen = await world.drive(world.kv('a').siblings('k'))
    await world.drive(world.kv('a').put('k', '4', { context: seen.context, write: 'all' }))
    assert.deepEqual([siblings('a'), siblings('b')], [0, 0])
  })

  it('of a node says in the log that something is damaged', async () => {
    const world = await StoreWorld.start(['a'])
    for (const key of ['k', 'l', 'm']) await world.drive(world.kv('a').put(key, 'v'))
    const write = { key: databaseKey(0, 'l'), value: new Uint8Array([9]) }
    await world.drive(world.node('a').database?.commit([write]) ?? Promise.resolve())
    world.crash('a')
    const { lines } = await world.boot('a')
    await world.until('it has counted', () => world.kv('a').held !== null)
    assert.deepEqual([world.kv('a').held?.records, world.kv('a').held?.damaged], [2, 1])
    const told = lines.filter(({ event }) => event === 'store.records-damaged')
    assert.deepEqual(
      told.map(({ fields }) => fields),
      [{ records: 1 }],
    )
  })

  it('ends with its signal', async () => {
    const aborter = new AbortController()
    const inventory = new Inventory()
    const counting = inventory.count(new Shelf().database, new ManualClock(), aborter.signal)
    aborter.abort(new Error('over'))
    await assert.rejects(counting, /over/)
    assert.equal(inventory.held, null)
  })
})
