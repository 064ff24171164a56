/** What becoming equal costs: bytes grow with what differs, and what differs travels once. */
import assert from 'node:assert/strict'
import { placeOf } from '../../src/store/place.ts'
import { decodeSumsQuestion } from '../../src/store/sync/compare-messages.ts'
import { Pace } from '../../src/store/sync/pace.ts'
import { Turns } from '../../src/store/sync/turns.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { sleep } from '../../src/seams/clock.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { bytesOf, keysOf, movedOf, partitioned, plant } from './planted.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')

/** In the order in which they were taken: whose turn is asked for, and of which partition. */
function turnsIn(asked: readonly Question[]): string[] {
  return asked.flatMap(({ from, kind, body }) => {
    if (kind !== REQUEST_KINDS.KV_SYNC_SUMS) return []
    const { turn, partition } = decodeSumsQuestion(body)
    return turn === 'take' ? [`${from} ${partition}`] : []
  })
}

describe('anti-entropy', () => {
  it('says little while all is in sync', async () => {
    const world = await StoreWorld.start(partitioned('ab', 256))
    await world.wait(20_000)
    const before = bytesOf(world)
    await world.wait(100_000)
    const perSecond = (bytesOf(world) - before) / 100
    assert.ok(perSecond > 1 && perSecond < 100, `${perSecond} bytes a second`)
  })

  it('lists the keys of few leaves when few keys differ', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await plant(world, 'ab', keysOf(12_000))
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    const keys = keysOf(3, 4000)
    for (const key of keys) await world.drive(world.kv('a').put(key, 'v'))
    world.fate = () => undefined
    await world.until('b has them', () => keys.every((key) => world.held('b', key)[0] === 'v'))
    await world.wait(1000)
    // The sums of two levels, and three leaves.
    assert.ok(bytesOf(world) < 3_000, `${bytesOf(world)} bytes`)
  })
})

describe('records that differ', () => {
  it('are sent once to a third that two have them for', async () => {
    const world = await StoreWorld.start(partitioned('abc', 128))
    await world.wait(1000)
    world.lose('c')
    const keys = keysOf(400)
    for (const key of keys) await world.drive(world.kv('a').put(key, 'v'))
    // So that they overlap.
    world.fate = () => new Promise((resolve) => void world.clock.after(3, resolve))
    for (const name of ['a', 'b']) world.roll.set(world.node(name).member, 'alive')
    world.find('c')
    await world.until('c has all', () => keys.every((key) => world.held('c', key).length > 0))
    await world.wait(2000)
    assert.equal(movedOf(world), keys.length)
    for (const name of ['a', 'b', 'c']) assert.equal(world.kv(name).syncBacklog, 0)
    const lists = world.asked.filter(({ kind }) => kind === REQUEST_KINDS.KV_SYNC_KEYS)
    assert.ok(lists.length <= 128, 'each partition is looked into once')
    const fromC = turnsIn(world.asked).filter((turn) => turn.startsWith('c'))
    assert.ok(fromC.length <= 128, 'c sees itself what others have brought')
  })

  it('need no turn when others have sent them meanwhile', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(1000)
    world.lose('c')
    await world.drive(world.kv('a').put('k', 'v'))
    const { promise, resolve } = Promise.withResolvers<void>()
    world.fate = (q) => {
      const isOfB = q.from === 'b' && q.kind === REQUEST_KINDS.KV_SYNC_SUMS
      return isOfB || (isSync(q) && q.from === 'c') ? promise : undefined
    }
    world.find('c')
    await world.until('c has it', () => world.held('c', 'k').length > 0)
    await world.wait(100)
    resolve()
    await world.wait(1000)
    const ofB = world.asked.filter(({ from, kind }) => {
      return from === 'b' && kind === REQUEST_KINDS.KV_SYNC_SUMS
    })
    assert.equal(ofB.length, 1, 'no end of a turn, and no sums')
  })

  it('are sent by another as soon as one is done with the partition', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(1000)
    for (const name of ['a', 'b']) {
      world.fate = (q) => (isWrite(q) && q.to === 'c' ? 'unreachable' : undefined)
      await world.drive(world.kv(name).put(name, 'v'))
      world.fate = () => undefined
      await world.until('c has it', () => world.held('c', name).length > 0, 1000)
    }
  })

  it('are sent once when both begin at the same time', async () => {
    const world = await StoreWorld.start(partitioned('ab', 16))
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    const keys = keysOf(200)
    for (const [i, key] of keys.entries()) {
      await world.drive(world.kv(i % 2 === 0 ? 'a' : 'b').put(key, 'v'))
    }
    world.crash('a', { power: false })
    world.crash('b', { power: false })
    await world.boot('a')
    await world.boot('b')
    world.fate = () => undefined
    world.roll.set(world.node('a').member, 'alive')
    world.roll.set(world.node('b').member, 'alive')
    await world.wait(4000)
    for (const name of ['a', 'b']) {
      for (const key of keys) assert.deepEqual(world.held(name, key), ['v'])
    }
    assert.equal(movedOf(world), keys.length)
    assert.ok(
      new Set(turnsIn(world.asked).map((turn) => turn.slice(0, 1))).size === 2,
      'both began',
    )
  })

  it('travel in the direction in which they are lacked, and both ways when both lack something', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    for (const key of ['a newer', 'b newer', 'both']) {
      await world.drive(world.kv('a').put(key, 'old', { write: 'all' }))
    }
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('a newer', 'new'))
    await world.drive(world.kv('b').put('b newer', 'new'))
    for (const name of ['a', 'b']) {
      await world.drive(world.kv(name).put('both', name, { context: NOTHING, write: 'one' }))
    }
    world.fate = (q) => (isSync(q) && q.from === 'b' ? 'unreachable' : undefined)
    await world.wait(4000)
    for (const name of ['a', 'b']) {
      assert.deepEqual(world.held(name, 'a newer'), ['new'])
      assert.deepEqual(world.held(name, 'b newer'), ['new'])
      assert.deepEqual(world.held(name, 'both'), ['a', 'b', 'old'])
    }
    const { keysPulled, keysPushed } = world.kv('a').counts
    assert.deepEqual([keysPulled, keysPushed], [2, 2])
  })

  it('because a write missed a replica are looked for in its partition only', async () => {
    const world = await StoreWorld.start(partitioned('ab'))
    await world.wait(1000)
    world.asked.length = 0
    world.fate = (q) => (isWrite(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.until('b has it', () => world.held('b', 'k').length > 0, 2000)
    await world.wait(500)
    const digests = world.asked.filter(({ kind }) => kind === REQUEST_KINDS.KV_SYNC_DIGEST)
    assert.equal(digests.length, 1)
    assert.ok((digests[0]?.body.length ?? 0) < 20)
    assert.deepEqual(turnsIn(world.asked), [`a ${placeOf(world.latest, 'k').partition}`])
  })

  it('are looked for in a few partitions at once', async () => {
    const world = await StoreWorld.start(partitioned('ab'))
    await world.wait(1000)
    world.lose('b')
    const keys = keysOf(300)
    for (const key of keys) await world.drive(world.kv('a').put(key, 'v'))
    world.asked.length = 0
    let open = 0
    let most = 0
    world.fate = (q) => {
      if (q.kind !== REQUEST_KINDS.KV_SYNC_SUMS) return undefined
      const { turn } = decodeSumsQuestion(q.body)
      if (turn === 'end') open--
      if (turn !== 'take') return undefined
      open++
      most = Math.max(most, open)
      return new Promise((resolve) => void world.clock.after(10, resolve))
    }
    world.find('b')
    await world.until('b has all', () => keys.every((key) => world.held('b', key).length > 0))
    // Eight with each peer: of the two, each may have begun some.
    assert.ok(most >= 8 && most <= 16, `${most}`)
  })

  it('for a moment only, because both take writes, cost a few looks', async () => {
    const world = await StoreWorld.start(partitioned('ab', 32))
    await world.wait(1000)
    const { promise, resolve } = Promise.withResolvers<void>()
    world.fate = (q) => {
      if (q.kind === REQUEST_KINDS.KV_SYNC_SUMS) resolve()
      return isWrite(q) ? promise : undefined
    }
    world.asked.length = 0
    const options = { write: 'all', deadlineMs: 60_000 } as const
    await Promise.all(keysOf(200).map((key) => world.drive(world.kv('a').put(key, 'v', options))))
    await world.wait(500)
    const looks = turnsIn(world.asked).length
    assert.ok(looks >= 1 && looks <= 8, `${looks}`)
    assert.equal(movedOf(world), 0)
  })

  it('although nothing called for a look are all found when one is', async () => {
    const world = await StoreWorld.start(partitioned('abc', 32))
    await world.wait(1000)
    // Who knows that b missed them cannot say so, for good.
    world.fate = (q) => {
      const isOfC = q.from === 'c' || q.to === 'c'
      return (isWrite(q) && q.to === 'b') || (isSync(q) && isOfC) ? 'lost' : undefined
    }
    const keys = keysOf(200)
    for (const key of keys) await world.drive(world.kv('c').put(key, 'v', { write: 'quorum' }))
    await world.wait(40_000)
    for (const key of keys) assert.deepEqual(world.held('b', key), ['v'])
    assert.equal(movedOf(world), keys.length)
  })
})

describe('a peer that has not counted what it has', () => {
  it('says so in time, and is asked again', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    world.crash('b', { power: false })
    const { database } = await world.boot('b')
    assert.ok(database !== null)
    const scan = database.scan.bind(database)
    let isCounted = false
    database.scan = async function* (range) {
      if (!isCounted) await sleep(world.clock, 5000)
      yield* scan(range)
      isCounted = true
    }
    world.fate = (q) => (isWrite(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.wait(4000)
    const asked = world.asked.filter(({ from, kind }) => {
      return from === 'a' && kind === REQUEST_KINDS.KV_SYNC_DIGEST
    })
    assert.ok(asked.length >= 2, 'nobody waits for all of it')
    await world.until('b has counted', () => isCounted)
    await world.until('b has it', () => world.held('b', 'k')[0] === 'v', 500)
  })
})

describe('turns', () => {
  const turnsAt = (self: string) => {
    const clock = new ManualClock()
    return { clock, turns: new Turns(self, clock) }
  }

  it('are one a partition, with whomever', () => {
    const { turns } = turnsAt('b')
    assert.equal(turns.take(1, 'a'), true)
    assert.equal(turns.take(1, 'c'), false)
    assert.equal(turns.give(1, 'c'), false)
    assert.equal(turns.take(2, 'c'), true)
    turns.end(1, 'c')
    assert.equal(turns.take(1, 'c'), false, 'another cannot end it')
    turns.end(1, 'b')
    assert.equal(turns.give(1, 'c'), true)
    assert.equal(turns.give(1, 'c'), true, 'asked again')
    assert.equal(turns.take(1, 'a'), false)
    turns.end(1, 'c')
    assert.equal(turns.take(1, 'a'), true)
  })

  it('of two that take one with each other are of the lesser', () => {
    const [lesser, greater] = [turnsAt('a').turns, turnsAt('b').turns]
    lesser.take(1, 'b')
    greater.take(1, 'a')
    assert.equal(lesser.give(1, 'b'), false)
    assert.equal(greater.give(1, 'a'), true)
    greater.end(1, 'b')
    assert.equal(greater.take(1, 'c'), false, 'it is the turn of a')
  })

  it('that nobody ends last while something is heard of them', async () => {
    const { turns, clock } = turnsAt('b')
    turns.give(1, 'a')
    for (let i = 0; i < 4; i++) {
      await clock.advance(3000)
      turns.extend(1, 'a')
      turns.extend(1, 'c')
      assert.equal(turns.take(1, 'c'), false)
    }
    await clock.advance(5001)
    turns.extend(1, 'a')
    assert.equal(turns.take(1, 'c'), true)
  })
})

describe('the pace of repair', () => {
  it('is 32 MiB a second, and small messages do not wait', async () => {
    const clock = new ManualClock()
    const pace = new Pace(clock)
    const { signal } = new AbortController()
    for (let i = 0; i < 100; i++) await pace.spend(1000, signal)
    assert.equal(clock.pending, 0)
    let isDone = false
    const work = async (): Promise<void> => {
      for (let i = 0; i < 96; i++) await pace.spend(1024 * 1024, signal)
      isDone = true
    }
    void work()
    await clock.advance(2900)
    assert.equal(isDone, false)
    await clock.advance(200)
    assert.equal(isDone, true)
  })

  it('ends with the work', async () => {
    const aborter = new AbortController()
    const pace = new Pace(new ManualClock())
    const spent = pace.spend(1e9, aborter.signal)
    aborter.abort()
    await assert.rejects(spent)
  })
})
