/** Counters: what was acknowledged counts once, wherever it was added, and whatever crashes. */
import assert from 'node:assert/strict'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { errorOf } from './error-of.ts'
import { isForward, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const ALL = { write: 'all' } as const
const MOST = Number.MAX_SAFE_INTEGER

/** Writes to these get lost, and nobody repairs. */
function missing(...names: readonly string[]) {
  return (question: Question) => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

/** Nobody reaches anybody, and nobody knows it. */
function cutOff(name: string) {
  return ({ from, to }: Question) => ([from, to].includes(name) ? 'lost' : undefined)
}

async function countAt(world: StoreWorld, name: string, key = 'k'): Promise<number | null> {
  const count = await world.drive(world.kv(name).counter.get(key, { read: 'all' }))
  return count === null ? null : count.value
}

describe('counters', () => {
  it('count what is added through every node, and an edge', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd', edges: 'e' })
    assert.equal(await countAt(world, 'a'), null)
    let sum = 0
    for (const [i, name] of ['a', 'b', 'c', 'd', 'e', 'a', 'e'].entries()) {
      const delta = i % 3 === 2 ? -i : 10 * i + 1
      sum += delta
      const added = await world.drive(world.kv(name).counter.add('k', delta, ALL))
      assert.deepEqual([added.value, added.acks, added.replicas, added.partial], [sum, 3, 3, false])
    }
    for (const name of ['a', 'd', 'e']) assert.equal(await countAt(world, name), sum)
    const read = await world.drive(world.kv('b').get('k'))
    assert.deepEqual([read?.value, read?.type, read?.others], [sum, 'counter', []])
    const page = await world.drive(world.kv('c').ls(''))
    assert.deepEqual(page.entries, [{ key: 'k', value: sum, type: 'counter', siblingCount: 1 }])
  })

  it('add one, when nothing else is said', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').counter.add('k'))
    assert.equal((await world.drive(world.kv('b').counter.add('k'))).value, 2)
  })

  it('keep all that was added where nobody heard of the others', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = cutOff('c')
    const adds = Array.from({ length: 20 }, (_, i) => [
      world.kv('a').counter.add('k', 1),
      world.kv('b').counter.add('k', 100),
      world.kv('c').counter.add('k', i === 0 ? -5 : 10_000, { write: 'one' }),
    ])
    await world.drive(Promise.all(adds.flat()))
    world.fate = () => undefined
    assert.equal(await countAt(world, 'b'), 20 * 101 - 5 + 19 * 10_000)
  })

  it('answer with what there is, and say so, or refuse: as a put does', async () => {
    const world = await StoreWorld.start(['abc'])
    world.lose('b')
    world.lose('c')
    const added = await world.drive(world.kv('a').counter.add('k', 3))
    assert.deepEqual([added.value, added.acks, added.replicas, added.partial], [3, 1, 3, true])
    const refused = await errorOf(
      world.drive(world.kv('a').counter.add('k', 4, { write: 'quorum' })),
    )
    assert.equal(refused.code, 'NO_QUORUM')
    world.find('b')
    world.find('c')
    // Whether what was refused counts is not known; what was acknowledged does.
    assert.ok([3, 7].includes((await countAt(world, 'a')) ?? 0))
  })

  it('lose nothing by a coordinator that crashes before its own sync', async () => {
    for (const deleted of [false, true]) {
      const world = await StoreWorld.start(['abc'])
      await world.drive(world.kv('a').counter.add('k', 5, ALL))
      Object.assign(world.disk('a'), { syncMs: () => 50 })
      world
        .kv('a')
        .counter.add('k', 1000)
        .catch(() => undefined)
      await world.wait(20)
      world.crash('a')
      if (deleted) await world.drive(world.kv('b').del('k', { write: 'quorum' }))
      Object.assign(world.disk('a'), { syncMs: () => 0 })
      await world.boot('a')
      await world.drive(world.kv('a').counter.add('k', 7))
      const counted = await countAt(world, 'c')
      assert.equal(counted, deleted ? 7 : 12, 'what nobody acknowledged is nowhere')
    }
  })

  it('say nothing to others before their own disk has it, also by a put that comes after', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('other', 'v', ALL))
    Object.assign(world.disk('a'), { syncMs: () => 50 })
    world.asked.length = 0
    const add = world.kv('a').counter.add('k', 1)
    const put = world.kv('a').put('k', 'v')
    await world.wait(30)
    assert.equal(world.asked.filter(isWrite).length, 0)
    await world.drive(Promise.all([add, put]))
    assert.ok(world.asked.some(isWrite))
  })

  it('do not hold back values that were only put', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('other', 'v', ALL))
    Object.assign(world.disk('a'), { syncMs: () => 50 })
    world.asked.length = 0
    const put = world.kv('a').put('k', 'v')
    await world.wait(1)
    assert.equal(world.asked.filter(isWrite).length, 2)
    await world.drive(put)
  })

  it('are deleted as far as the deletion has seen them', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').counter.add('k', 5, ALL))
    const seen = await world.drive(world.kv('b').counter.get('k'))
    await world.drive(world.kv('a').counter.add('k', 30, ALL))
    await world.drive(world.kv('c').del('k', { context: seen?.context ?? '', ...ALL }))
    assert.equal(await countAt(world, 'a'), 30, 'what the deletion had not seen')
    await world.drive(world.kv('c').del('k', ALL))
    assert.equal(await countAt(world, 'a'), null)
    await world.drive(world.kv('a').counter.add('k', 2, ALL))
    assert.equal(await countAt(world, 'b'), 2)
  })

  it('are deleted through a coordinator that has heard nothing of them', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = missing('c')
    await world.drive(world.kv('a').counter.add('k', 5))
    await world.drive(world.kv('d').get('k'))
    world.fate = (question) => {
      if (isForward(question)) return question.to === 'c' ? undefined : 'unreachable'
      return isSync(question) ? 'lost' : undefined
    }
    await world.drive(world.kv('d').del('k', ALL))
    assert.equal(await countAt(world, 'a'), null)
  })

  it('stand beside what was put apart from them, until a put has seen both', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('c')
    await world.drive(world.kv('a').counter.add('k', 5))
    world.fate = missing()
    const context = contextText(EMPTY_CONTEXT, '')
    await world.drive(world.kv('c').put('k', 'v', { context }))
    const read = await world.drive(world.kv('a').get('k', { read: 'all' }))
    assert.deepEqual([read?.value, read?.type, read?.others], [5, 'counter', ['v']])
    assert.equal(await countAt(world, 'b'), 5)
    await world.wait(20)
    const refused = await errorOf(world.drive(world.kv('a').counter.add('k', 1)))
    assert.equal(refused.code, 'CONFLICT')
    const put = { context: read?.context ?? '', ...ALL }
    assert.equal((await world.drive(world.kv('b').put('k', 'w', put))).replaced, 'counter')
    const after = await world.drive(world.kv('a').get('k'))
    assert.deepEqual([after?.value, after?.type, after?.others], ['w', undefined, []])
  })

  it('are no values, no sets, and the other way round', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('text', 'v', ALL))
    await world.drive(world.kv('a').counter.add('counter', 1, ALL))
    await world.drive(world.kv('a').set.add('set', ['x'], ALL))
    const kv = world.kv('b')
    const wrong = [
      () => kv.counter.add('text'),
      () => kv.counter.get('text'),
      () => kv.counter.add('set'),
      () => kv.counter.get('set'),
      () => kv.set.add('counter', ['x']),
      () => kv.set.rm('counter', ['x']),
      () => kv.set.ls('text'),
      () => kv.set.rm('text', ['v']),
    ]
    for (const call of wrong) {
      const { code, outcome, message } = await errorOf(world.drive<unknown>(call()))
      assert.deepEqual([code, outcome], ['CONFLICT', 'not-applied'], message)
    }
    await world.drive(world.kv('c').del('text'))
    await world.drive(world.kv('b').counter.add('text', 8))
    assert.equal(await countAt(world, 'a', 'text'), 8, 'a deletion gives way')
  })

  it('stay within 53 bits, and come back from beyond', async () => {
    const world = await StoreWorld.start(['abc'])
    const add = (name: string, delta: number) =>
      world.drive(world.kv(name).counter.add('k', delta, { write: 'one' }))
    await add('a', MOST)
    assert.equal((await errorOf(add('a', 1))).code, 'CONFLICT')
    await world.drive(world.kv('a').del('k', ALL))
    world.fate = (question) => (isWrite(question) || isSync(question) ? 'lost' : undefined)
    await add('a', MOST)
    await add('b', MOST)
    world.fate = () => undefined
    assert.equal(await countAt(world, 'c'), MOST, 'the end of what can be shown')
    await world.wait(20)
    assert.equal((await errorOf(add('c', 1))).code, 'CONFLICT')
    await add('c', -5)
    assert.equal(await countAt(world, 'a'), MOST, 'not far enough')
    await add('c', -MOST)
    assert.equal(await countAt(world, 'a'), MOST - 5)
    for (const odd of [0.5, Number.NaN, 2 ** 53, '1' as unknown as number]) {
      assert.equal((await errorOf(add('a', odd))).code, 'USAGE')
    }
  })

  it('are put as they stand, once however often', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').counter.add('k', 5, ALL))
    for (const name of ['b', 'c', 'b']) {
      await world.drive(world.kv(name).put('k', 40, { type: 'counter', ...ALL }))
    }
    assert.equal(await countAt(world, 'a'), 40)
    await world.drive(world.kv('a').counter.add('k', 2, ALL))
    assert.equal(await countAt(world, 'b'), 42)
    for (const value of ['40', 1.5, [40]]) {
      const put = world.kv('a').put('k', value, { type: 'counter' })
      assert.equal((await errorOf(world.drive(put))).code, 'USAGE')
    }
  })

  it('go on after a power loss', async () => {
    const world = await StoreWorld.start(['abc'])
    for (let i = 1; i <= 4; i++) {
      await world.drive(world.kv('a').counter.add('k', i, ALL))
      world.crash('a')
      await world.boot('a')
    }
    assert.equal(await countAt(world, 'b'), 10)
  })

  it('move with their partition, and count on under another name of the disk', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').counter.add('k', 5, ALL))
    world.move(['bcd'])
    await world.tell()
    await world.wait(3000)
    world.finish()
    await world.tell()
    await world.until('a has dropped it', () => world.record('a', 'k').known.vector.size === 0)
    await world.drive(world.kv('d').counter.add('k', 20, ALL))
    world.move(['abc'])
    await world.tell()
    await world.wait(3000)
    world.finish()
    await world.tell()
    await world.drive(world.kv('a').counter.add('k', 300, ALL))
    assert.equal(await countAt(world, 'b'), 325)
  })
})
