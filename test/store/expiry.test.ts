/** Values that end: by the clock of whoever looks, by their own write, and never too early. */
import assert from 'node:assert/strict'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { TTL_MS_MAX } from '../../src/store/limits.ts'
import { errorOf } from './error-of.ts'
import { isSync, StoreWorld } from './world.ts'

const ALL = { write: 'all' } as const
const TTL_MS = 60_000

async function valueAt(world: StoreWorld, name: string, key = 'k'): Promise<unknown> {
  const read = await world.drive(world.kv(name).get(key, { read: 'all' }))
  return read === null ? null : read.value
}

describe('a value with a time', () => {
  it('ends then, everywhere, in reads and lists', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const startMs = world.clock.wallMs()
    await world.drive(world.kv('d').put('k', 'v', { ttlMs: TTL_MS, ...ALL }))
    await world.drive(world.kv('a').put('stays', 'v', ALL))
    const read = await world.drive(world.kv('b').get('k'))
    const endsMs = read?.expiresAtMs ?? 0
    assert.ok(endsMs >= startMs + TTL_MS && endsMs <= world.clock.wallMs() + TTL_MS)
    const page = await world.drive(world.kv('a').ls('k'))
    assert.deepEqual(page.entries, [{ key: 'k', value: 'v', expiresAtMs: endsMs, siblingCount: 1 }])
    await world.wait(endsMs - 1 - world.clock.wallMs() - 50)
    assert.equal(await valueAt(world, 'c'), 'v')
    await world.wait(60)
    for (const name of ['a', 'b', 'c', 'd']) assert.equal(await valueAt(world, name), null)
    const left = await world.drive(world.kv('d').ls(''))
    assert.deepEqual(left.entries, [{ key: 'stays', value: 'v', siblingCount: 1 }])
  })

  it('ends without a write: the records of the replicas stay as they are', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { ttlMs: 1000, ...ALL }))
    const before = ['a', 'b', 'c'].map((name) => world.record(name, 'k'))
    world.skew('c', 10 * 24 * 60 * 60 * 1000)
    assert.equal(await valueAt(world, 'c'), null, 'a clock that is days ahead')
    await world.wait(20)
    assert.deepEqual(
      ['a', 'b', 'c'].map((name) => world.record(name, 'k')),
      before,
    )
    assert.equal(await valueAt(world, 'a'), 'v', 'and nobody else minds')
  })

  it('does not end early where it was written by a clock that is behind what it replaced', async () => {
    const world = await StoreWorld.start(['abc'])
    world.skew('b', -60 * 60 * 1000)
    await world.drive(world.kv('a').put('k', 'old', ALL))
    await world.drive(world.kv('b').put('k', 'new', { ttlMs: TTL_MS, ...ALL }))
    assert.equal(await valueAt(world, 'a'), 'new')
    const endsMs = world.record('a', 'k').siblings[0]?.expiresAtMs ?? 0
    assert.ok(endsMs >= world.clock.wallMs() + TTL_MS - 1000)
  })

  it('ends in answers that are kept as well', async () => {
    const world = await StoreWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.kv('a').put('k', 'v', { ttlMs: 1000, ...ALL }))
    const kept = () => world.drive(world.kv('e').get('k', { maxAgeMs: 60_000 }))
    assert.equal((await kept())?.value, 'v')
    await world.wait(100)
    assert.ok(((await kept())?.ageMs ?? 0) >= 100, 'it is kept')
    await world.wait(1000)
    assert.equal(await kept(), null)
  })

  it('leaves siblings that have no such time', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (question) => (isSync(question) ? 'lost' : undefined)
    await world.drive(world.kv('a').put('k', 'ends', { ttlMs: 1000, ...ALL }))
    const context = contextText(EMPTY_CONTEXT, '')
    await world.drive(world.kv('b').put('k', 'stays', { context, ...ALL }))
    await world.wait(1100)
    const read = await world.drive(world.kv('c').get('k'))
    assert.deepEqual([read?.value, read?.others], ['stays', []])
    const all = await world.drive(world.kv('c').siblings('k'))
    assert.deepEqual(all.siblings, [{ value: 'stays' }])
  })

  it('gives way to a counter or set when it has ended', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { ttlMs: 1000, ...ALL }))
    assert.equal((await errorOf(world.drive(world.kv('b').set.add('k', ['x'])))).code, 'CONFLICT')
    await world.wait(1100)
    await world.drive(world.kv('b').set.add('k', ['x'], ALL))
    assert.deepEqual(world.record('c', 'k').siblings, [])
    assert.deepEqual(await valueAt(world, 'a'), ['x'])
  })

  it('is written anew with another time, or none', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', '1', { ttlMs: 1000, ...ALL }))
    await world.drive(world.kv('b').put('k', '2', ALL))
    await world.wait(1100)
    assert.equal(await valueAt(world, 'c'), '2')
  })

  it('is asked for in whole milliseconds within limits', async () => {
    const world = await StoreWorld.start(['abc'])
    for (const ttlMs of [0, -1, 0.5, TTL_MS_MAX + 1, Number.NaN]) {
      const put = world.kv('a').put('k', 'v', { ttlMs })
      assert.equal((await errorOf(world.drive(put))).code, 'USAGE', String(ttlMs))
    }
    const counter = world.kv('a').put('k', 1, { ttlMs: 5, type: 'counter' })
    assert.equal((await errorOf(world.drive(counter))).code, 'USAGE')
    await world.drive(world.kv('a').put('k', 'v', { ttlMs: TTL_MS_MAX }))
    assert.equal(await valueAt(world, 'b'), 'v')
  })
})

describe('all that a key holds', () => {
  it('comes with a context that resolves it, also of a deletion', async () => {
    const world = await StoreWorld.start(['abc'])
    const never = await world.drive(world.kv('a').siblings('k'))
    assert.deepEqual(never.siblings, [])
    await world.drive(world.kv('a').put('k', '1', ALL))
    await world.drive(world.kv('b').put('k', '2', { context: never.context, ...ALL }))
    const both = await world.drive(world.kv('c').siblings('k'))
    assert.deepEqual(both.siblings, [{ value: '2' }, { value: '1' }])
    await world.drive(world.kv('c').del('k', { context: both.context, ...ALL }))
    const deleted = await world.drive(world.kv('a').siblings('k'))
    assert.deepEqual(deleted.siblings, [])
    assert.notEqual(deleted.context, never.context)
    await world.drive(world.kv('a').put('k', '3', { context: deleted.context, ...ALL }))
    assert.deepEqual(world.held('b', 'k'), ['3'])
  })

  it('comes with what each of them is', async () => {
    const world = await StoreWorld.start(['abc'])
    const context = contextText(EMPTY_CONTEXT, '')
    await world.drive(world.kv('a').set.add('k', ['x'], ALL))
    await world.drive(world.kv('b').put('k', 'w', { context, ...ALL }))
    const all = await world.drive(world.kv('c').siblings('k'))
    assert.deepEqual(all.siblings, [{ value: ['x'], type: 'set' }, { value: 'w' }])
  })

  it('comes with when each of them ends', async () => {
    const world = await StoreWorld.start(['abc'])
    const context = contextText(EMPTY_CONTEXT, '')
    await world.drive(world.kv('a').put('k', 'stays', ALL))
    await world.drive(world.kv('b').put('k', 'ends', { context, ttlMs: 1000, ...ALL }))
    const endsMs = world.record('b', 'k').siblings.find((each) => each.expiresAtMs > 0)?.expiresAtMs
    const all = await world.drive(world.kv('c').siblings('k'))
    assert.deepEqual(all.siblings, [{ value: 'ends', expiresAtMs: endsMs }, { value: 'stays' }])
  })
})
