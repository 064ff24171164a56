/**
 * Whatever becomes of movements, farewells and starts: where a replica may lack something, somebody
 * has a reason to compare, long before a round would find out.
 */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { errorOf } from './error-of.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

/** Less than it takes until a partition is compared although nothing calls for it. */
const SOON_MS = 4000

const isSums = ({ kind }: Question): boolean => kind === REQUEST_KINDS.KV_SYNC_SUMS
const isDigest = ({ kind }: Question): boolean => kind === REQUEST_KINDS.KV_SYNC_DIGEST
const isFetch = ({ kind }: Question): boolean => kind === REQUEST_KINDS.TOPOLOGY_GET

const haveSaidSo = (world: StoreWorld, names: string): boolean =>
  names.split('').every((name) => world.node(name).installed.length > 0)

const isDropped = (world: StoreWorld, name: string): boolean =>
  world.node(name).lines.some(({ event }) => event === 'store.partition-dropped')

describe('a movement that ends without a replica', () => {
  it('fills it soon, although it never heard of the movement', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.move(['bcd'])
    await world.tell('abc')
    await world.until('b and c have said so', () => haveSaidSo(world, 'bc'))
    world.finish()
    // Nor does the farewell reach it.
    world.fate = (q) => (isSync(q) && q.from === 'a' ? 'unreachable' : undefined)
    await world.tell()
    await world.until('d has it', () => world.held('d', 'k').length > 0, SOON_MS)
  })

  it('fills it soon, although it could compare with nobody meanwhile', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.move(['bcd'])
    world.fate = (q) => (isSync(q) && [q.from, q.to].includes('d') ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(20_000)
    world.finish()
    await world.tell()
    world.fate = (q) => (isSync(q) && q.from !== 'd' ? 'unreachable' : undefined)
    await world.until('d has it', () => world.held('d', 'k').length > 0, SOON_MS)
  })

  it('takes from it soon what it alone took in under the configuration before', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.move(['bcd'])
    world.fate = (q) => (isFetch(q) ? 'unreachable' : undefined)
    await world.tell('abd')
    await world.until('b and d have said so', () => haveSaidSo(world, 'bd'))
    await errorOf(world.drive(world.kv('c').put('k', 'v')))
    assert.deepEqual(world.held('c', 'k'), ['v'], 'the others refused it')
    world.finish()
    world.fate = (q) => (isSync(q) && q.from !== 'c' ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(SOON_MS)
    for (const name of ['b', 'd']) assert.deepEqual(world.held(name, 'k'), ['v'])
  })
})

describe('a farewell', () => {
  /** a has moved away, and it alone knows that c lacks something. */
  async function parting(): Promise<StoreWorld> {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.move(['bcd'])
    await world.tell()
    await world.until('all have said so', () => haveSaidSo(world, 'bcd'))
    await world.wait(500)
    world.fate = (q) => ((isWrite(q) || isSync(q)) && q.to === 'c' ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v', { write: 'quorum' }))
    world.finish()
    for (const name of ['b', 'd']) assert.deepEqual(world.held(name, 'k'), ['v'])
    return world
  }

  it('tells who took it of a replica that did not', async () => {
    const world = await parting()
    world.fate = (q) => {
      return isSync(q) && q.to === 'c' ? new AtollError('TIMEOUT', 'busy') : undefined
    }
    await world.tell()
    await world.until('a has dropped it', () => isDropped(world, 'a'), SOON_MS)
    assert.deepEqual(world.held('c', 'k'), [])
    world.fate = () => undefined
    await world.until('c has it', () => world.held('c', 'k').length > 0, SOON_MS)
  })

  it('tells them of one that it alone takes for down', async () => {
    const world = await parting()
    world.fate = () => undefined
    world.roll.doubts.set(world.node('a').member.id, world.node('c').member.id)
    await world.tell()
    await world.until('a has dropped it', () => isDropped(world, 'a'), SOON_MS)
    await world.until('c has it', () => world.held('c', 'k').length > 0, SOON_MS)
  })

  it('whose disk dies in the midst of it leaves the others to compare', async () => {
    const world = await parting()
    world.fate = (q) => (isSync(q) && q.to === 'c' ? 'unreachable' : undefined)
    const { promise } = Promise.withResolvers<void>()
    world.fate = (q) => {
      if (q.from === 'a' && isSums(q)) return promise
      return isSync(q) && q.to === 'c' ? 'unreachable' : undefined
    }
    await world.tell()
    await world.wait(1000)
    world.crash('a')
    world.fate = () => undefined
    await world.until('c has it', () => world.held('c', 'k').length > 0, SOON_MS)
  })

  /** a has moved away and is about to delete: its last offer waits for what is returned. */
  async function lastOffer(): Promise<{ world: StoreWorld; taker: string; goOn: () => void }> {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.move(['bcd'])
    await world.tell()
    await world.until('all have said so', () => haveSaidSo(world, 'bcd'))
    world.finish()
    const { promise, resolve } = Promise.withResolvers<void>()
    const takers: string[] = []
    world.fate = (q) => {
      return q.from === 'a' && isSums(q) && takers.push(q.to) === 3 ? promise : undefined
    }
    await world.tell()
    await world.until('a makes its last offer', () => takers.length === 3, SOON_MS)
    world.fate = () => undefined
    return { world, taker: takers[2] ?? '', goOn: resolve }
  }

  it('that is on its way to the disk when the partition comes back is waited for', async () => {
    const { world, goOn } = await lastOffer()
    world.move(['abc'])
    await world.tell('bcd')
    Object.assign(world.disk('a'), { syncMs: () => 100 })
    const learned = world.node('a').topology.learn(world.latest)
    // The topology is on its way to the disk when a looks whether the partition is its own.
    await world.wait(5)
    goOn()
    await world.drive(learned)
    const { cfg = 0 } = world.latest.partitions[0] ?? {}
    const said = `0 in ${cfg}`
    await world.until('a says so', () => world.node('a').installed.includes(said), SOON_MS)
    assert.deepEqual(world.held('a', 'k'), ['v'])
    await world.wait(500)
    assert.deepEqual(world.held('a', 'k'), ['v'], 'and goes on holding it')
  })

  it('that was said under an earlier configuration deletes nothing of a later one', async () => {
    const { world, taker, goOn } = await lastOffer()
    world.move(['abc'])
    await world.tell()
    await world.wait(500)
    world.finish()
    await world.tell()
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    const { partial } = await world.drive(world.kv('a').put('only', 'v'))
    assert.equal(partial, true)
    world.move(['bcd'])
    await world.tell()
    world.finish()
    await world.tell()
    world.fate = (q) => (isSync(q) && q.from + q.to !== `a${taker}` ? 'unreachable' : undefined)
    goOn()
    await world.wait(500)
    assert.deepEqual(world.held('a', 'only'), ['v'], 'two of three have not been offered it')
    world.fate = () => undefined
    await world.until('a has dropped it', () => isDropped(world, 'a'))
    for (const name of ['b', 'c', 'd']) assert.deepEqual(world.held(name, 'only'), ['v'])
  })
})

describe('comparisons are called for', () => {
  it('when both have started at once', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    world.crash('a', { power: false })
    world.crash('b', { power: false })
    world.fate = () => undefined
    await Promise.all([world.boot('a'), world.boot('b')])
    await world.until('b has it', () => world.held('b', 'k').length > 0, SOON_MS)
  })

  it('when a coordinator started anew at once, with less than it had told one of the others', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(50)
    world.fate = (q) => (isWrite(q) && q.to === 'c' ? 'lost' : undefined)
    Object.assign(world.disk('a'), { syncMs: () => 1000 })
    world
      .kv('a')
      .put('k', 'v')
      .catch(() => undefined)
    await world.until('b has it', () => world.held('b', 'k').length > 0)
    const { member } = world.node('a')
    world.node('a').mesh.dead = true
    world.hub.meshes.delete(member.id)
    world.nodes.delete('a')
    world.disk('a').powerLoss()
    Object.assign(world.disk('a'), { syncMs: () => 0.4 })
    // Nobody has seen its death; b answers a only when it has compared with c.
    world.fate = (q) =>
      isSync(q) && q.from + q.to !== 'bc' && q.from + q.to !== 'cb' ? 'lost' : undefined
    await world.boot('a')
    await world.until('c has it', () => world.held('c', 'k').length > 0, SOON_MS)
  })

  it('when a wish comes in the very turn in which the last look found nothing', async () => {
    const world = await StoreWorld.start(['ab'])
    await world.wait(50)
    const { member } = world.node('b')
    const members = world.roll.members
    const get = members.get.bind(members)
    let looks = 0
    world.asked.length = 0
    members.get = (peer) => {
      const digests = world.asked.filter((q) => isDigest(q) && q.from === 'a').length
      // The first look has found something, the second finds nothing.
      if (peer === member.id && digests === 1 && looks++ === 0) {
        queueMicrotask(() => world.roll.set(member, 'alive'))
      }
      return get(peer)
    }
    world.roll.set(member, 'alive')
    await world.wait(1000)
    assert.ok(looks > 0)
    assert.ok(world.asked.filter((q) => isDigest(q) && q.from === 'a').length >= 2)
  })
})
