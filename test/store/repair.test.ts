/** Read repair: what replicas disagree on is made equal after the reader has its answer. */
import assert from 'node:assert/strict'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { databaseKey, placeOf } from '../../src/store/place.ts'
import { errorOf } from './error-of.ts'
import { type Fate, isRead, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')

/** Writes to these get lost, and anti-entropy does not help. */
function missing(...names: readonly string[]) {
  return (question: Question): Fate | undefined => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

async function damage(world: StoreWorld, name: string, key: string): Promise<void> {
  const { partition } = placeOf(world.latest, key)
  const write = { key: databaseKey(partition, key), value: new Uint8Array([9, 9]) }
  await world.drive(world.node(name).database?.commit([write]) ?? Promise.resolve())
}

const repairsTo = (world: StoreWorld): string[] => world.asked.filter(isWrite).map(({ to }) => to)

describe('read repair', () => {
  it('gives a replica what it lacks, after the answer', async () => {
    for (const reader of ['a', 'b', 'c', 'd']) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      world.fate = missing('c')
      await world.drive(world.kv('a').put('k', 'v'))
      world.fate = missing()
      world.asked.length = 0
      const read = await world.drive(world.kv(reader).get('k', { read: 'all' }))
      assert.equal(read?.value, 'v')
      await world.wait(20)
      assert.deepEqual(world.held('c', 'k'), ['v'], reader)
      assert.deepEqual(repairsTo(world), reader === 'c' ? [] : ['c'], 'and nobody else')
    }
  })

  it('waits for answers that come after the level is met', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('c')
    await world.drive(world.kv('a').put('k', 'v'))
    const { promise, resolve } = Promise.withResolvers<void>()
    world.fate = (q) => (isRead(q) && q.to === 'c' ? promise : missing()(q))
    assert.equal((await world.drive(world.kv('a').get('k')))?.acks, 2)
    await world.wait(20)
    assert.deepEqual(world.held('c', 'k'), [])
    resolve()
    await world.wait(20)
    assert.deepEqual(world.held('c', 'k'), ['v'])
  })

  it('does not write where all agree', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.asked.length = 0
    for (const name of ['a', 'b', 'c']) {
      await world.drive(world.kv(name).get('k', { read: 'all' }))
      assert.equal(await world.drive(world.kv(name).get('none', { read: 'all' })), null)
    }
    await world.wait(20)
    assert.deepEqual(repairsTo(world), [])
  })

  it('brings the older to the newer, never the other way', async () => {
    for (const last of ['put', 'del'] as const) {
      for (const reader of ['a', 'b', 'c']) {
        const world = await StoreWorld.start(['abc'])
        await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
        // One disk has the newer, two the older.
        world.fate = missing('b', 'c')
        const kv = world.kv('a')
        const limits = { write: 'one' } as const
        await world.drive(last === 'put' ? kv.put('k', 'new', limits) : kv.del('k', limits))
        world.fate = missing()
        await world.drive(world.kv(reader).get('k', { read: 'all' }))
        await world.wait(20)
        const expected = last === 'put' ? ['new'] : ['†']
        for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), expected)
      }
    }
  })

  it('keeps values of writers that did not see each other, everywhere', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('a', 'b', 'c')
    for (const name of ['a', 'b', 'c']) {
      const options = { write: 'one', context: NOTHING } as const
      await world.drive(world.kv(name).put('k', name, options))
    }
    world.fate = missing()
    const read = await world.drive(world.kv('b').get('k', { read: 'all' }))
    assert.equal(read?.others.length, 2)
    await world.wait(20)
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['a', 'b', 'c'])
    const again = await world.drive(world.kv('c').get('k', { read: 'one' }))
    assert.equal(again?.context, read?.context)
  })

  it('makes replicas equal in what they know as well', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('c')
    const first = await world.drive(world.kv('a').put('k', '1'))
    world.fate = missing('b')
    await world.drive(world.kv('a').put('k', '2', { context: first.context }))
    world.fate = missing()
    await world.drive(world.kv('a').get('k', { read: 'all' }))
    await world.wait(20)
    const [of, ...others] = ['a', 'b', 'c'].map((name) => world.record(name, 'k'))
    for (const other of others) assert.deepEqual(other, of)
  })

  it('that fails is left to anti-entropy', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(50)
    world.fate = missing('c')
    await world.drive(world.kv('a').put('k', 'v'))
    // What the writer knows is of no use.
    world.fate = (q) => (isWrite(q) || (isSync(q) && q.from === 'a') ? 'unreachable' : undefined)
    world.asked.length = 0
    await world.drive(world.kv('b').get('k', { read: 'quorum' }))
    await world.until(
      'b compares itself with c',
      () => world.asked.some((q) => isSync(q) && q.from === 'b' && q.to === 'c'),
      1000,
    )
  })

  it('has at most 256 under way; the others are left to other reads', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = missing('b')
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    await world.drive(Promise.all(keys.map((key) => world.kv('a').put(key, 'v', { write: 'one' }))))
    await world.wait(2100)
    world.asked.length = 0
    await world.drive(Promise.all(keys.map((key) => world.kv('a').get(key, { read: 'all' }))))
    assert.equal(repairsTo(world).length, 256)
    // They are given up after a while, and then there is room again.
    await world.wait(6000)
    world.asked.length = 0
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    await world.drive(
      Promise.all(keys.slice(256).map((key) => world.kv('a').get(key, { read: 'all' }))),
    )
    await world.wait(20)
    assert.equal(repairsTo(world).length, 44)
    assert.deepEqual(world.held('b', 'k299'), ['v'])
  })
})

describe('an answer that is no record', () => {
  it('counts as failed, whether it comes before the others or after', async () => {
    for (const isLate of [false, true]) {
      const world = await StoreWorld.start(['abc'])
      await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
      await damage(world, 'c', 'k')
      const { promise, resolve } = Promise.withResolvers<void>()
      world.fate = (q) => (isLate && isRead(q) && q.to === 'c' ? promise : missing()(q))
      const read = await world.drive(world.kv('a').get('k'))
      assert.deepEqual([read?.value, read?.acks, read?.partial], ['v', 2, false])
      resolve()
      await world.wait(50)
      world.fate = missing()
      const error = await errorOf(world.drive(world.kv('b').get('k', { read: 'all' })))
      assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'not-applied'])
    }
  })

  it('counts as failed on the reader’s own disk', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await damage(world, 'a', 'k')
    const read = await world.drive(world.kv('a').get('k'))
    assert.deepEqual([read?.value, read?.acks], ['v', 2])
    await world.wait(50)
  })

  it('is never repaired away from the others: they keep theirs', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await damage(world, 'c', 'k')
    for (const name of ['a', 'b', 'c']) await world.drive(world.kv(name).get('k'))
    await world.wait(50)
    for (const name of ['a', 'b']) assert.deepEqual(world.held(name, 'k'), ['v'])
  })
})

describe('inspect', () => {
  it('tells siblings and deletes', async () => {
    const world = await StoreWorld.start(['a'])
    await world.drive(world.kv('a').put('k', '1'))
    await world.drive(world.kv('a').put('k', '2', { context: contextText(EMPTY_CONTEXT, '') }))
    const valuesOf = async () => {
      return [...(await world.drive(world.kv('a').inspect('k', 500))).values()].map(
        (h) => h.siblingCount,
      )
    }
    assert.deepEqual(await valuesOf(), [2])
    const { entries } = await world.drive(world.kv('a').ls(''))
    assert.deepEqual(entries, [{ key: 'k', value: '2', siblingCount: 2 }])
    await world.drive(world.kv('a').del('k'))
    assert.deepEqual(await valuesOf(), [0])
  })

  it('says what each replica has, and leaves out who did not answer', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = missing('b')
    const { context } = await world.drive(world.kv('a').put('k', 'v'))
    world.fate = (q) => (isRead(q) && q.to === 'c' ? 'unreachable' : missing()(q))
    const held = await world.drive(world.kv('d').inspect('k', 500))
    const [a = '', b = ''] = world.idsOf('ab')
    assert.deepEqual(
      new Map([...held].map(([id, { context: its, siblingCount }]) => [id, [its, siblingCount]])),
      new Map([
        [a, [context, 1]],
        [b, ['', 0]],
      ]),
    )
  })
})
