/**
 * A record that passes the checks of the disk and is none any more: it is replaced by what comes,
 * as if nothing were here, and hides nothing that this disk once wrote.
 */
import assert from 'node:assert/strict'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { databaseKey, placeOf } from '../../src/store/place.ts'
import { errorOf } from './error-of.ts'
import { isRead, isSync, isWrite, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')
const ALL = { write: 'all' } as const

/** As a defect leaves it; a restart finds it, since trees and figures know only what they were told. */
async function damage(world: StoreWorld, name: string, ...keys: readonly string[]): Promise<void> {
  const value = new Uint8Array([9, 9])
  const writes = keys.map((key) => {
    return { key: databaseKey(placeOf(world.latest, key).partition, key), value }
  })
  await world.drive(world.node(name).database?.commit(writes) ?? Promise.resolve())
  world.crash(name)
  await world.boot(name)
  await world.until('it has counted', () => world.kv(name).held !== null)
}

const apart = (world: StoreWorld) => {
  world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
}

const lost = (world: StoreWorld, name: string) =>
  world
    .node(name)
    .lines.filter(({ event }) => event === 'store.record-lost')
    .map(({ fields }) => fields['key'])

const damagedOf = (world: StoreWorld, name: string) => world.kv(name).held?.damaged

describe('a record that is damaged', () => {
  it('is replaced by a write that another coordinates, and told of once', async () => {
    const world = await StoreWorld.start(['abc'])
    apart(world)
    await world.drive(world.kv('a').put('k', 'old', ALL))
    await damage(world, 'c', 'k')
    assert.equal(damagedOf(world, 'c'), 1)
    for (const value of ['new', 'newer']) {
      const { acks } = await world.drive(world.kv('a').put('k', value, ALL))
      assert.equal(acks, 3)
      assert.deepEqual(world.held('c', 'k'), [value])
    }
    assert.deepEqual(lost(world, 'c'), ['k'])
    assert.equal(world.kv('c').counts.recordsLost, 1)
    assert.deepEqual([damagedOf(world, 'c'), world.kv('c').held?.records], [0, 1])
  })

  it('is replaced by a write that its own disk coordinates', async () => {
    const world = await StoreWorld.start(['abc'])
    apart(world)
    await world.drive(world.kv('a').put('k', 'old', ALL))
    await damage(world, 'a', 'k')
    assert.equal((await world.drive(world.kv('a').put('k', 'new', ALL))).acks, 3)
    const read = await world.drive(world.kv('b').get('k', { read: 'all' }))
    // It did not see the old one any more, so both are kept.
    assert.equal(read?.value, 'new')
    assert.deepEqual(world.held('a', 'k'), ['new'])
    assert.deepEqual(world.held('b', 'k'), ['new', 'old'])
    assert.deepEqual(lost(world, 'a'), ['k'])
    assert.equal(damagedOf(world, 'a'), 0)
  })

  it('hides nothing that its disk once coordinated: that writes under another name', async () => {
    for (const isJoined of [false, true]) {
      const world = await StoreWorld.start(['abc'])
      apart(world)
      await world.drive(world.kv('a').put('k', 'first', ALL))
      // Of before: c has not heard of the second.
      world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'c') ? 'unreachable' : undefined)
      await world.drive(world.kv('a').put('k', 'second', { context: NOTHING }))
      apart(world)
      await damage(world, 'a', 'k')
      if (isJoined) {
        world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'b') ? 'unreachable' : undefined)
        await world.drive(world.kv('c').put('k', 'third', { context: NOTHING }))
        assert.deepEqual(world.held('a', 'k'), ['first', 'third'])
        apart(world)
      }
      await world.drive(world.kv('a').put('k', 'last', { ...ALL, context: NOTHING }))
      assert.ok(world.held('b', 'k').includes('second'), 'acknowledged, and replaced by nobody')
      const [own = ''] = world.idsOf('a')
      const numbers = world.record('b', 'k').siblings.map(({ dot }) => `${dot.actor} ${dot.n}`)
      assert.equal(new Set(numbers).size, numbers.length)
      assert.ok(numbers.some((dot) => dot.startsWith(`${own}.1 `)))
      world.fate = () => undefined
      const values = [...(isJoined ? ['third'] : []), 'first', 'second', 'last'].sort()
      await world.until('all are equal', () => {
        return ['a', 'b', 'c'].every((name) => world.held(name, 'k').join() === values.join())
      })
    }
  })

  it('hides nothing either where the write was lost in a crash of its coordinator', async () => {
    const world = await StoreWorld.start(['ab'])
    apart(world)
    await world.drive(world.kv('a').set.add('tags', ['x'], ALL))
    await damage(world, 'a', 'tags')
    Object.assign(world.disk('a'), { syncMs: () => 1000 })
    world.asked.length = 0
    const put = world.kv('a').put('tags', 'v', { deadlineMs: 100 })
    await errorOf(world.drive(put))
    assert.deepEqual(world.asked.filter(isWrite), [], 'nobody hears of it before it is durable')
  })

  it('loses no addition to a counter', async () => {
    const world = await StoreWorld.start(['abc'])
    for (const name of ['a', 'b']) await world.drive(world.kv(name).counter.add('n', 5, ALL))
    apart(world)
    await damage(world, 'a', 'n')
    await world.drive(world.kv('a').counter.add('n', 7, ALL))
    assert.equal((await world.drive(world.kv('c').get('n', { read: 'all' })))?.value, 17)
  })

  it('is repaired from the others although nobody writes, and they are asked all', async () => {
    const world = await StoreWorld.start(['abc'])
    apart(world)
    await world.drive(world.kv('a').put('k', 'v', ALL))
    await world.drive(world.kv('a').put('other', 'v', ALL))
    await damage(world, 'c', 'k')
    const early = await errorOf(world.drive(world.kv('a').get('k', { read: 'all' })))
    assert.equal(early.code, 'NO_QUORUM')
    world.fate = () => undefined
    await world.until('it is repaired', () => {
      return world.kv('c').counts.recordsLost === 1 && damagedOf(world, 'c') === 0
    })
    assert.deepEqual(world.held('c', 'k'), ['v'])
    assert.equal((await world.drive(world.kv('c').get('k', { read: 'all' })))?.acks, 3)
    assert.deepEqual(lost(world, 'c'), ['k'])
    await world.wait(60_000)
    const wrong = ['a', 'b', 'c'].flatMap((name) => world.node(name).lines)
    const bad = ['store.tree-wrong', 'store.record-refused']
    assert.deepEqual(
      wrong.filter(({ event }) => bad.includes(event)),
      [],
    )
  })

  it('takes what others have more than who replaced it, soon', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'c') ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'of a and b'))
    apart(world)
    // It does not ask b when it starts, nor may b ask it.
    const [a, b] = ['a', 'b'].map((name) => world.node(name).member.id)
    world.roll.doubts.set(a ?? '', b ?? '')
    await damage(world, 'a', 'k')
    world.roll.doubts.clear()
    world.fate = (q) => {
      const isOthers = isSync(q) && q.from + q.to !== 'ab'
      return isOthers || (isWrite(q) && q.to === 'b') ? 'unreachable' : undefined
    }
    await world.drive(world.kv('c').put('k', 'of c', { context: NOTHING }))
    await world.until('a has both', () => world.held('a', 'k').length === 2, 1000)
  })

  it('holds up no movement of its partition, and goes with it', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'v', ALL))
    world.fate = () => 'unreachable'
    await damage(world, 'a', 'k', 'nobody else has it')
    world.fate = () => undefined
    world.move(['bcd'])
    await world.tell()
    await world.until('d has it', () => world.node('d').installed.includes('0 in 4'), 60_000)
    assert.deepEqual(world.held('d', 'k'), ['v'])
    world.finish()
    await world.tell()
    await world.until('a has let go', () => damagedOf(world, 'a') === 0, 60_000)
    assert.ok(lost(world, 'a').some((key) => key === 'nobody else has it'))
    assert.equal(world.kv('a').counts.partitionsDropped, 1)
    assert.deepEqual(world.held('d', 'nobody else has it'), [], 'damage does not spread')
    const lines = ['a', 'b', 'c', 'd'].flatMap((name) => world.node(name).lines)
    assert.ok(lines.every(({ event }) => event !== 'store.record-refused'))
  })

  it('is no answer to a read, as long as it is not replaced', async () => {
    const world = await StoreWorld.start(['abc'])
    apart(world)
    await world.drive(world.kv('a').put('k', 'v', ALL))
    await damage(world, 'b', 'k')
    await damage(world, 'c', 'k')
    world.fate = (q) => (isSync(q) || (isRead(q) && q.to === 'a') ? 'unreachable' : undefined)
    const error = await errorOf(world.drive(world.kv('b').get('k')))
    assert.equal(error.code, 'NO_QUORUM', 'two that do not know are no majority for nothing')
  })
})
