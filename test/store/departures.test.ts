/** A disk that lets a partition go loses nothing by it, and nothing to others when it comes back. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { Departures } from '../../src/store/departures.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { isSync, isWrite, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')

describe('a disk that leaves a partition', () => {
  it('hides nothing that it once coordinated, when it comes back and is not filled', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    world.move(['bcd'])
    await world.tell()
    await world.wait(3000)
    world.finish()
    await world.tell()
    await world.until('a has dropped it', () => world.held('a', 'k').length === 0)
    world.move(['abc'])
    world.fate = (q) => (isSync(q) && [q.from, q.to].includes('a') ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(3000)
    // b and c are a majority of the new set, and have said so.
    for (const name of ['b', 'c']) assert.ok(world.node(name).installed.includes('0 in 8'))
    world.finish()
    await world.tell()
    await world.drive(world.kv('a').put('k', 'new', { write: 'all', context: NOTHING }))
    for (const name of ['b', 'c']) assert.deepEqual(world.held(name, 'k'), ['new', 'old'])
  })

  it('offers what it took in while it learned that it is none any more', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    world.move(['def'])
    await world.tell()
    await world.wait(3000)
    await world.drive(world.kv('a').put('other', 'v'))
    Object.assign(world.disk('a'), { syncMs: () => 20 })
    world.finish()
    await world.tell('def')
    world.fate = (q) => (isWrite(q) ? 'unreachable' : undefined)
    const learned = world.node('a').topology.learn(world.latest)
    await world.wait(5)
    const put = world.kv('a').put('k', 'v')
    await world.drive(learned)
    const { acks, partial } = await world.drive(put)
    assert.deepEqual([acks, partial], [1, true])
    await world.wait(3000)
    const holders = ['a', 'd', 'e', 'f'].filter((name) => world.held(name, 'k').length > 0)
    assert.ok(holders.length > 0, 'acknowledged, its disk is whole, and nobody has it')
  })

  it('is not kept from it by one current replica that takes nothing', async () => {
    for (const bad of ['b', 'c', 'd']) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
      world.move(['bcd'])
      await world.tell()
      await world.wait(3000)
      await world.drive(world.kv('b').put('k', 'w', { write: 'all' }))
      world.fate = (q) => {
        return isSync(q) && q.from === 'a' && q.to === bad
          ? new AtollError('DISK_FULL', '')
          : undefined
      }
      world.finish()
      await world.tell()
      await world.wait(60_000)
      assert.deepEqual(world.held('a', 'k'), [], `${bad} takes nothing; the others are a majority`)
    }
  })

  it('writes under another name after each departure, counted also before it is durable', async () => {
    const world = await StoreWorld.start(['a'])
    const { database } = world.node('a')
    assert.ok(database !== null)
    const departures = new Departures(database, 'disk')
    assert.equal(departures.actorOf(3), 'disk')
    const first = database.commit([departures.left(3)])
    assert.equal(departures.actorOf(3), 'disk.1')
    assert.equal(departures.actorOf(4), 'disk')
    await world.drive(first)
    await world.drive(database.commit([departures.left(3)]))
    assert.equal(departures.actorOf(4), 'disk')
    assert.equal(new Departures(database, 'disk').actorOf(3), 'disk.2')
  })
})
