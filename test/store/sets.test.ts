/** Sets: elements that are added and removed anywhere; who adds wins over who removes meanwhile. */
import assert from 'node:assert/strict'
import type { Value } from '../../src/store/api.ts'
import { ELEMENTS_MAX, SET_BYTES_MAX } from '../../src/store/limits.ts'
import type { KvStore } from '../../src/store/kv-store.ts'
import { errorOf } from './error-of.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { isForward, isRead, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const ALL = { write: 'all' } as const
const NOTHING = contextText(EMPTY_CONTEXT, '')

function missing(...names: readonly string[]) {
  return (question: Question) => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

async function elementsAt(world: StoreWorld, name: string): Promise<readonly Value[]> {
  const set = await world.drive(world.kv(name).set.ls('k', { read: 'all' }))
  return set.value
}

describe('sets', () => {
  it('hold each element once, of any kind, in one order everywhere', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd', edges: 'e' })
    assert.deepEqual(await elementsAt(world, 'a'), [])
    const elements = ['b', 'a', 'a', 5, { y: [1, { b: 1, a: 2 }], x: null }, new Uint8Array([1, 0])]
    const added = await world.drive(world.kv('d').set.add('k', elements, ALL))
    assert.deepEqual([added.changed, added.acks, added.replicas, added.partial], [5, 3, 3, false])
    const again = [{ x: null, y: [1, { a: 2, b: 1 }] }, 'a', 'new', Buffer.from([1, 0])]
    assert.equal((await world.drive(world.kv('e').set.add('k', again, ALL))).changed, 1)
    const expected = [
      new Uint8Array([1, 0]),
      5,
      { x: null, y: [1, { a: 2, b: 1 }] },
      'a',
      'b',
      'new',
    ]
    for (const name of ['a', 'd', 'e']) assert.deepEqual(await elementsAt(world, name), expected)
    const read = await world.drive(world.kv('b').get('k'))
    assert.deepEqual([read?.value, read?.type], [expected, 'set'])
    const page = await world.drive(world.kv('b').ls('k'))
    assert.deepEqual(page.entries, [{ key: 'k', value: expected, type: 'set', siblingCount: 1 }])
  })

  it('keep what was added apart, and what is added while it is removed', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').set.add('k', ['x', 'y'], ALL))
    world.fate = ({ from, to }) => ([from, to].includes('c') ? 'lost' : undefined)
    await world.drive(world.kv('c').set.add('k', ['x', 'z'], { write: 'one' }))
    const removed = await world.drive(world.kv('a').set.rm('k', ['x', 'y', 'other']))
    assert.equal(removed.changed, 2)
    world.fate = () => undefined
    assert.deepEqual(await elementsAt(world, 'b'), ['x', 'z'])
  })

  it('go with a delete that follows an addition through the same node, whoever coordinates', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const isTo = (to: string) => (q: Question) => {
      return isForward(q) && q.to !== to ? 'unreachable' : missing('a', 'b', 'c')(q)
    }
    world.fate = isTo('a')
    await world.drive(world.kv('d').set.add('k', ['x'], { write: 'one' }))
    world.fate = isTo('b')
    await world.drive(world.kv('d').set.add('k', ['y'], { write: 'one' }))
    world.fate = isTo('c')
    await world.drive(world.kv('d').del('k', { write: 'one' }))
    world.fate = () => undefined
    assert.deepEqual(await elementsAt(world, 'b'), [])
    // And nobody was given a context that covers what was not shown.
    const added = await world.drive(world.kv('d').set.add('k', ['z']))
    assert.ok(!('context' in added))
  })

  it('lose what is removed through a replica that had not heard of it', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('c')
    await world.drive(world.kv('a').set.add('k', ['x', 'y']))
    world.fate = missing()
    const removed = await world.drive(world.kv('c').set.rm('k', ['x'], ALL))
    assert.equal(removed.changed, 1)
    for (const name of ['a', 'b', 'c']) assert.deepEqual(await elementsAt(world, name), ['y'])
  })

  it('lose only what a context has seen, when a removal gives one', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').set.add('k', ['x', 'y'], ALL))
    const { context } = await world.drive(world.kv('a').set.ls('k'))
    await world.drive(world.kv('b').set.add('k', ['x'], ALL))
    const removed = await world.drive(world.kv('c').set.rm('k', ['x', 'y'], { context }))
    assert.equal(removed.changed, 1)
    assert.deepEqual(await elementsAt(world, 'a'), ['x'], 'it was added again since')
  })

  it('say how many of a removal were there, also when none or nothing was', async () => {
    const world = await StoreWorld.start(['abc'])
    const none = await world.drive(world.kv('a').set.rm('k', ['x']))
    assert.deepEqual(none, { key: 'k', changed: 0, acks: 2, replicas: 3, partial: false })
    assert.ok(!world.asked.some(isWrite), 'and nothing is written')
    await world.drive(world.kv('a').set.add('k', ['y'], ALL))
    assert.equal((await world.drive(world.kv('a').set.rm('k', ['x'], ALL))).changed, 0)
    assert.equal((await world.drive(world.kv('a').set.rm('k', ['y'], ALL))).changed, 1)
    assert.deepEqual(await elementsAt(world, 'b'), [])
    assert.equal(await world.drive(world.kv('b').get('k')), null)
  })

  it('lose what is removed while their partition moves', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').set.add('k', ['x', 'y'], ALL))
    const gate = Promise.withResolvers<void>()
    world.asked.length = 0
    world.fate = (question) => (isWrite(question) ? gate.promise : undefined)
    const removal = world.kv('a').set.rm('k', ['x'], { write: 'quorum' })
    await world.until('the removal is under way', () => world.asked.some(isWrite))
    world.move(['abd'])
    await world.tell('bcd')
    gate.resolve()
    const removed = await world.drive(removal)
    assert.equal(removed.changed, 1)
    for (const name of ['a', 'b']) assert.deepEqual(await elementsAt(world, name), ['y'])
  })

  const cutShort: readonly (readonly [what: string, write: (kv: KvStore) => Promise<unknown>])[] = [
    ['an element whose second addition', (kv) => kv.set.add('k', ['x'])],
    ['their elements when a put that replaces them', (kv) => kv.put('k', 'v')],
  ]
  for (const [what, write] of cutShort) {
    it(`keep ${what} was cut short by a crash`, async () => {
      const world = await StoreWorld.start(['abc'])
      await world.drive(world.kv('a').set.add('k', ['x'], ALL))
      Object.assign(world.disk('a'), { syncMs: () => 50 })
      write(world.kv('a')).catch(() => undefined)
      await world.wait(20)
      world.crash('a')
      Object.assign(world.disk('a'), { syncMs: () => 0 })
      await world.boot('a')
      await world.drive(world.kv('a').set.add('k', ['y'], ALL))
      assert.deepEqual(await elementsAt(world, 'b'), ['x', 'y'])
    })
  }

  it('are replaced by a put, and deleted, as far as these have seen them', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').set.add('k', ['x'], ALL))
    const seen = await world.drive(world.kv('b').get('k'))
    await world.drive(world.kv('b').set.add('k', ['y'], ALL))
    await world.drive(world.kv('c').del('k', { context: seen?.context ?? '', ...ALL }))
    assert.deepEqual(await elementsAt(world, 'a'), ['y'])
    const beside = await world.drive(world.kv('c').put('k', 'u', { context: NOTHING, ...ALL }))
    assert.equal('replaced' in beside, false, 'it is there beside the set')
    assert.equal((await world.drive(world.kv('c').put('k', 'v', ALL))).replaced, 'set')
    assert.equal((await world.drive(world.kv('a').get('k')))?.value, 'v')
    assert.equal('replaced' in (await world.drive(world.kv('b').put('k', 'w', ALL))), false)
  })

  it('are put as they stand, once however often', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').set.add('k', ['x'], ALL))
    for (const name of ['b', 'c']) {
      await world.drive(world.kv(name).put('k', ['y', 'z'], { type: 'set', ...ALL }))
    }
    assert.deepEqual(await elementsAt(world, 'a'), ['y', 'z'])
    const put = world.kv('a').put('k', 'y', { type: 'set' })
    assert.equal((await errorOf(world.drive(put))).code, 'USAGE')
  })

  it(`have at most ${ELEMENTS_MAX} elements of ${SET_BYTES_MAX} bytes`, async () => {
    const world = await StoreWorld.start(['abc'])
    const add = (elements: readonly Value[]) => world.drive(world.kv('a').set.add('k', elements))
    const many = Array.from({ length: ELEMENTS_MAX }, (_, i) => `${i}`)
    assert.equal((await add(many)).changed, ELEMENTS_MAX)
    assert.equal((await add(['7'])).changed, 0)
    assert.equal((await errorOf(add(['one more']))).code, 'TOO_LARGE')
    assert.equal((await errorOf(add([...many, 'one more']))).code, 'TOO_LARGE')
    await world.drive(world.kv('a').del('k'))
    await add([new Uint8Array(SET_BYTES_MAX)])
    assert.equal((await errorOf(add(['x']))).code, 'TOO_LARGE')
    assert.equal((await errorOf(add([new Uint8Array(SET_BYTES_MAX + 1)]))).code, 'TOO_LARGE')
    assert.equal((await errorOf(add([]))).code, 'USAGE')
  })

  it('that three filled apart from each other can be joined, read and emptied', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (question) =>
      isWrite(question) || isSync(question) || isRead(question) ? 'lost' : undefined
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      const element = new Uint8Array(SET_BYTES_MAX).fill(i)
      await world.drive(world.kv(name).set.add('k', [element], { write: 'one' }))
    }
    world.fate = () => undefined
    const held = await elementsAt(world, 'a')
    assert.equal(held.length, 3)
    await world.drive(world.kv('b').set.rm('k', held, ALL))
    assert.deepEqual(await elementsAt(world, 'c'), [])
  })
})
