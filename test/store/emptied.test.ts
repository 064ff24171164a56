/** A former replica says that it holds nothing when that is so, and not before. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { placeOf } from '../../src/store/place.ts'
import { isSync, isWrite, StoreWorld } from './world.ts'

const KEYS = Array.from({ length: 16 }, (_, i) => `k${i}`)

/** `a` held two partitions that are `bcd`'s now; it has not been told. */
async function left(): Promise<StoreWorld> {
  const world = await StoreWorld.start(['abc', 'abc', 'abc', 'abc'], { nodes: 'd' })
  for (const key of KEYS) {
    await world.drive(world.kv('b').put(key, 'v', { write: 'all' }))
  }
  world.move(['bcd', 'bcd', 'abc', 'abc'])
  await world.tell()
  await world.wait(3000)
  world.finish()
  return world
}

describe('a former replica that has let go', () => {
  it('says so of each partition when it has dropped it, and of no other', async () => {
    const world = await left()
    world.fate = (q) => (isSync(q) && q.from === 'a' ? new AtollError('BUSY', '') : undefined)
    await world.tell()
    await world.wait(30_000)
    assert.deepEqual(world.node('a').emptied, [], 'nobody took it')
    world.fate = () => undefined
    await world.until('both are said', () => new Set(world.node('a').emptied).size === 2)
    assert.deepEqual(new Set(world.node('a').emptied), new Set(['0 in 4', '1 in 4']))
    for (const name of ['b', 'c', 'd']) assert.deepEqual(world.node(name).emptied, [])
  })

  it('says so after a restart, and not of what the disk still has', async () => {
    const world = await left()
    world.fate = (q) => (isSync(q) && q.from === 'a' ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(3000)
    world.crash('a')
    await world.boot('a')
    await world.wait(3000)
    assert.deepEqual(world.node('a').emptied, [])
    world.fate = () => undefined
    await world.until('both are said', () => new Set(world.node('a').emptied).size === 2)
    world.crash('a')
    await world.boot('a')
    await world.until('again', () => new Set(world.node('a').emptied).size === 2)
  })

  it('has let go of nothing before it is offered and deleted', async () => {
    const world = await left()
    const hasLetGo = () => world.drive(world.kv('a').hasLetGo())
    assert.equal(await hasLetGo(), true, 'they are its own')
    world.fate = (q) => (isSync(q) && q.from === 'a' ? new AtollError('BUSY', '') : undefined)
    await world.tell()
    await world.wait(3000)
    assert.equal(await hasLetGo(), false)
    world.fate = () => undefined
    await world.until('both are said', () => new Set(world.node('a').emptied).size === 2)
    assert.equal(await hasLetGo(), true)
  })

  it('says so of what it never had', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.move(['bcd'])
    await world.tell()
    await world.wait(3000)
    assert.deepEqual(world.node('a').emptied, [], 'it is one of the old set until then')
    world.finish()
    await world.tell()
    await world.until('a has said so', () => world.node('a').emptied.length > 0)
  })

  it('says so only when what it was taking in is on its way out as well', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.move(['bcd'])
    await world.tell()
    await world.wait(3000)
    Object.assign(world.disk('a'), { syncMs: () => 50 })
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    const put = world.kv('a').put('k', 'v')
    put.catch(() => undefined)
    world.finish()
    await world.tell('bcd')
    await world.tell('a')
    await world.wait(5000)
    assert.deepEqual(world.held('a', 'k'), ['v'])
    assert.deepEqual(world.node('a').emptied, [])
    world.fate = () => undefined
    await world.until('a has said so', () => world.node('a').emptied.length > 0)
    assert.deepEqual(world.held('a', 'k'), [])
  })

  it('says nothing of what went while it waited for its disk: more may come of that', async () => {
    const world = await StoreWorld.start(['abc', 'abc', 'abc', 'abc'], { nodes: 'd' })
    const inPartition = (partition: number, skip = 0): string => {
      const keys = Array.from({ length: 64 }, (_, i) => `k${i}`)
      return keys.filter((key) => placeOf(world.latest, key).partition === partition)[skip] ?? ''
    }
    await world.drive(world.kv('a').put(inPartition(2), 'v'))
    world.move(['bcd', 'abc', 'abc', 'abc'])
    await world.tell()
    await world.wait(3000)
    world.finish()
    world.move(['bcd', 'bcd', 'abc', 'abc'])
    await world.tell()
    await world.wait(3000)
    assert.deepEqual(new Set(world.node('a').emptied), new Set(['0 in 4']))
    Object.assign(world.disk('a'), { syncMs: () => 50 })
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    world.lose('d')
    const put = (key: string): void =>
      void world
        .kv('a')
        .put(key, 'w')
        .catch(() => undefined)
    put(inPartition(2))
    await world.wait(2)
    // The next turn of its disk: that partition 1 has moved away, and a write elsewhere.
    world.finish()
    const learning = world.node('a').topology.learn(world.latest)
    put(inPartition(2, 1))
    world.find('d')
    await world.wait(60)
    // The one after that: what was accepted before.
    put(inPartition(1))
    await world.drive(learning)
    await world.wait(200)
    assert.deepEqual(world.held('a', inPartition(1)), ['w'])
    await world.wait(5000)
    assert.deepEqual(new Set(world.node('a').emptied), new Set(['0 in 4']))
  })

  it('offers what it still has when a partition came back and went again', async () => {
    const world = await left()
    let isPushing = false
    const { promise, resolve } = Promise.withResolvers<void>()
    world.fate = (q) => {
      if (!isSync(q) || q.from !== 'a') return undefined
      isPushing = true
      return promise
    }
    await world.tell()
    await world.until('a offers', () => isPushing)
    world.move(['abc', 'abc', 'abc', 'abc'])
    await world.tell('a')
    resolve()
    await world.wait(3000)
    world.fate = () => undefined
    await world.tell()
    await world.wait(3000)
    world.finish()
    await world.tell()
    world.move(['bcd', 'bcd', 'abc', 'abc'])
    await world.tell()
    await world.wait(3000)
    world.finish()
    await world.tell()
    await world.until('both are said', () => world.node('a').emptied.length >= 2)
    for (const key of KEYS) {
      const { partition } = placeOf(world.latest, key)
      assert.deepEqual(world.held('a', key), partition < 2 ? [] : ['v'])
    }
  })
})
