/** What is told of a replica's record: each write that nothing has replaced, and who is behind. */
import assert from 'node:assert/strict'
import { heldVersions } from '../../src/store/held.ts'
import type { StoreRecord } from '../../src/store/record.ts'
import { StoreWorld } from './world.ts'

const FAR = { deadlineMs: 1000 }

async function heldBy(world: StoreWorld, key: string) {
  return world.drive(world.kv('a').inspect(key, FAR.deadlineMs))
}

function idOf(world: StoreWorld, name: string): string {
  return world.idsOf(name)[0] ?? ''
}

describe('what replicas hold', () => {
  it('of values: their kinds, sizes, writers and ends', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'four', { write: 'all', ttlMs: 60_000 }))
    const [held] = (await heldBy(world, 'k')).values()
    assert.ok(held !== undefined)
    const [write] = held.writes
    assert.ok(write !== undefined && write.expiresAtMs !== null)
    assert.ok(write.expiresAtMs > world.clock.wallMs())
    const rest = { kind: 'text', bytes: 4, count: 1, by: idOf(world, 'a') }
    assert.deepEqual(held.writes, [{ ...rest, expiresAtMs: write.expiresAtMs }])
    assert.deepEqual([held.siblingCount, held.isCurrent], [1, true])
    await world.wait(61_000)
    const [ended] = (await heldBy(world, 'k')).values()
    assert.equal(ended?.siblingCount, 0)
    assert.deepEqual(
      ended.writes.map(({ kind, count }) => [kind, count]),
      [['expired', 0]],
    )
  })

  it('of deletions, sets and counters', async () => {
    const world = await StoreWorld.start(['abc'])
    const kv = world.kv('a')
    const all = { write: 'all' } as const
    await world.drive(kv.put('gone', 'v', all))
    await world.drive(kv.del('gone', all))
    await world.drive(kv.set.add('tags', ['x', 'yy'], all))
    await world.drive(kv.counter.add('hits', 5, all))
    const toldOf = async (key: string) => {
      const [held] = (await heldBy(world, key)).values()
      return held?.writes.map(({ kind, bytes, count }) => [held.siblingCount, kind, bytes, count])
    }
    assert.deepEqual(await toldOf('gone'), [[0, 'deleted', 0, 0]])
    assert.deepEqual(await toldOf('tags'), [[1, 'set', 3, 2]])
    assert.deepEqual(await toldOf('hits'), [[1, 'counter', 0, 5]])
    assert.deepEqual(await toldOf('none'), [])
  })

  it('of a replica that is behind, and of siblings', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(50)
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    world.fate = ({ to, kind }) => (to === 'c' && kind !== 0 ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'new'))
    await world.wait(50)
    world.fate = ({ from }) => (from === 'c' ? 'lost' : undefined)
    const held = await heldBy(world, 'k')
    const told = ['a', 'b', 'c'].map((name) => held.get(idOf(world, name))?.isCurrent)
    assert.deepEqual(told, [true, true, false])
    const mixed: ReadonlyMap<string, StoreRecord> = new Map([
      ['b', world.record('b', 'k')],
      ['c', world.record('c', 'k')],
    ])
    assert.deepEqual(
      [...heldVersions('k', mixed, 0).values()].map(({ isCurrent }) => isCurrent),
      [true, false],
    )
  })

  it('two that have each what the other has not are both behind', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = () => 'lost'
    const put = (name: string) => world.drive(world.kv(name).put('k', name, { deadlineMs: 100 }))
    await put('a')
    await put('b')
    const records = new Map(['a', 'b'].map((name) => [name, world.record(name, 'k')]))
    const held = heldVersions('k', records, world.clock.wallMs())
    assert.ok([...held.values()].every(({ isCurrent }) => !isCurrent))
  })
})
