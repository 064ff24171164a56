/**
 * What goes wrong between replicas while registers change (REGISTERS.md §8): lost and late messages,
 * crashes, wiped disks, full disks, and proposers in each other's way. Whatever was acknowledged is
 * there, once; what was not is either there or not.
 */
import assert from 'node:assert/strict'
import { RECENT_MAX } from '../../src/paxos/limits.ts'
import { errorOf } from '../store/error-of.ts'
import { memberOf } from '../topology/members.ts'
import { isAccept, isPrepare, isRead, lettersOf, type Question, RegisterWorld } from './world.ts'

const KEY = 'k'
const HOUR_MS = 60 * 60 * 1000

const valueAt = async (world: RegisterWorld, name: string, key = KEY): Promise<unknown> =>
  (await world.drive(world.reg(name).get(key)))?.value ?? null

/** The votes that a asks for are lost, c adds ten meanwhile, and then a goes on with its one. */
async function outbid(world: RegisterWorld): Promise<void> {
  // The rival's ballots are low: nothing that a was promised along with its vote stands in the way.
  world.skew('c', -HOUR_MS)
  world.fate = (q) => (q.from === 'a' && isAccept(q) ? 'lost' : undefined)
  const ours = world.reg('a').incr(KEY, 1, { deadlineMs: 10_000 })
  await world.wait(20)
  world.fate = (q) => (q.from === 'a' || q.to === 'a' ? 'lost' : undefined)
  await world.drive(world.reg('c').incr(KEY, 10, { deadlineMs: 10_000 }))
  world.fate = () => undefined
  await world.drive(ours)
}

describe('a change that reached too few', () => {
  it('is not built upon without asking again: another may have been chosen (I1)', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 0))
    await outbid(world)
    assert.equal(await valueAt(world, 'b'), 11)
  })

  it('on a key that is new to all, the same', async () => {
    const world = await RegisterWorld.start(['abc'])
    await outbid(world)
    assert.equal(await valueAt(world, 'b'), 11)
  })

  it('is not shown by a read, unless it is chosen by that', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'old'))
    world.fate = (q) => (q.from === 'a' && isAccept(q) ? 'lost' : undefined)
    await errorOf(world.drive(world.reg('a').set(KEY, 'new', { deadlineMs: 50 })))
    // a has voted for it alone. Without a the old value stands; with a either, and then for good.
    world.fate = (q) => (q.to === 'a' ? 'lost' : undefined)
    assert.equal(await valueAt(world, 'b'), 'old')
    world.fate = () => undefined
    const first = await valueAt(world, 'a')
    world.lose('a')
    assert.equal(await valueAt(world, 'c'), first)
  })

  it('is told as unknown, and as not applied only while nobody was asked to vote', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.fate = (q) => (q.from === 'a' && isAccept(q) ? 'lost' : undefined)
    const sent = await errorOf(world.drive(world.reg('a').set(KEY, 'v', { deadlineMs: 500 })))
    assert.equal(sent.outcome, 'unknown')
    world.fate = (q) => (q.from === 'a' && isPrepare(q) ? 'lost' : undefined)
    const asked = await errorOf(world.drive(world.reg('a').set('k2', 'v', { deadlineMs: 500 })))
    assert.equal(asked.outcome, 'not-applied')
    world.fate = () => undefined
    await world.wait(2000)
    assert.equal(await valueAt(world, 'b', 'k2'), null)
  })

  it('whose answers alone were lost happens once', async () => {
    const world = await RegisterWorld.start(['abc'])
    let lost = 0
    world.fate = (q) => (q.from === 'a' && isAccept(q) && lost++ < 2 ? 'answer lost' : undefined)
    const { value } = await world.drive(world.reg('a').incr(KEY, 1, { deadlineMs: 5000 }))
    assert.deepEqual([value, await valueAt(world, 'b')], [1, 1])
  })

  it('and was followed by many others is told as unknown, and not made again', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 0))
    world.fate = (q) => (q.from === 'a' && isAccept(q) ? 'answer lost' : undefined)
    const ours = errorOf(world.reg('a').incr(KEY, 1000, { deadlineMs: 10_000 }))
    await world.wait(20)
    world.fate = (q) => (q.from === 'a' ? 'lost' : undefined)
    for (let i = 0; i <= RECENT_MAX; i++) await world.drive(world.reg('b').incr(KEY))
    world.fate = () => undefined
    assert.equal((await world.drive(ours)).outcome, 'unknown')
    assert.equal(await valueAt(world, 'c'), 1000 + RECENT_MAX + 1)
  })
})

describe('replicas that die', () => {
  it('all at once, by loss of power, keep what was acknowledged', async () => {
    const world = await RegisterWorld.start(['abc'])
    const acked = new Map<string, number>()
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 30 }, async (_, i) => {
        const key = `k${i % 5}`
        await world.later(i / 4)
        await world.reg('abc'[i % 3] ?? '').incr(key)
        acked.set(key, (acked.get(key) ?? 0) + 1)
      })
      for (const each of calls) each.catch(() => undefined)
      await world.wait(round + 2)
      for (const name of 'abc') world.crash(name)
      const before = new Map(acked)
      for (const name of 'abc') await world.boot(name)
      for (const [key, count] of before) {
        const sum = Number(await valueAt(world, 'b', key))
        assert.ok(sum >= count, `${key}: ${sum} of ${count}`)
        acked.set(key, sum)
      }
    }
    assert.ok([...acked.values()].some((count) => count > 0))
  })

  it('and come back on another disk under the same name do not vote for the lost one (§6)', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.fate = (q) => (q.to === 'c' ? 'lost' : undefined)
    await world.drive(world.reg('a').set(KEY, 'chosen by a and b'))
    world.fate = () => undefined
    world.crash('b')
    world.disks.delete('b')
    await world.boot('b', 'member', { storageId: memberOf('x').storageId })
    world.roll.set(memberOf('b'), 'alive')
    // The empty disk and c are two of three, and know nothing of it.
    world.fate = (q) => (q.to === 'a' || q.from === 'a' ? 'lost' : undefined)
    const read = await errorOf(world.drive(world.reg('c').get(KEY, { deadlineMs: 500 })))
    assert.equal(read.code, 'NO_QUORUM')
    const write = world.reg('c').set(KEY, 'v', { ifAbsent: true, deadlineMs: 1500 })
    assert.equal((await errorOf(world.drive(write))).code, 'NO_QUORUM')
    world.fate = () => undefined
    assert.equal(await valueAt(world, 'c'), 'chosen by a and b')
  })

  it('or whose disks are full at a majority, take nothing, and recover by themselves', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'v1'))
    for (const name of 'bc') world.disk(name).faults.capacityBytes = 0
    const error = await errorOf(world.drive(world.reg('a').set(KEY, 'v2', { deadlineMs: 500 })))
    assert.equal(error.code, 'NO_QUORUM')
    assert.equal(await valueAt(world, 'b'), 'v1')
    for (const name of 'bc') world.disk(name).faults.capacityBytes = Number.POSITIVE_INFINITY
    await world.drive(world.reg('b').set(KEY, 'v3'))
    assert.equal(await valueAt(world, 'c'), 'v3')
  })

  it('or whose sync fails do not count any more', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.disk('c').faults.failSync = true
    for (let i = 0; i < 5; i++) await world.drive(world.reg('a').set(KEY, `v${i}`))
    world.lose('b')
    const error = await errorOf(world.drive(world.reg('a').set(KEY, 'no', { deadlineMs: 500 })))
    assert.equal(error.code, 'NO_QUORUM')
  })

  it('one of three costs nothing, two leave NO_QUORUM in time, and it ends by itself', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 0))
    world.crash('c')
    let startMs = world.clock.monotonicMs()
    await world.drive(world.reg('a').incr(KEY))
    assert.ok(world.clock.monotonicMs() - startMs < 50)
    world.crash('b')
    startMs = world.clock.monotonicMs()
    assert.equal((await errorOf(world.drive(world.reg('a').incr(KEY)))).code, 'NO_QUORUM')
    assert.ok(world.clock.monotonicMs() - startMs <= 2020)
    await world.boot('c')
    assert.equal((await world.drive(world.reg('a').incr(KEY))).value, 2)
  })
})

describe('two of two, and one of two', () => {
  it('a change takes both, and what was chosen is found by either', async () => {
    const world = await RegisterWorld.start(['ab'])
    await world.drive(world.reg('a').set(KEY, 'v'))
    assert.deepEqual([world.text('a', KEY), world.text('b', KEY)], ['v', 'v'])
    world.lose('b')
    assert.equal((await errorOf(world.drive(world.reg('a').set(KEY, 'v2')))).code, 'NO_QUORUM')
    assert.equal((await errorOf(world.drive(world.reg('a').get(KEY)))).code, 'NO_QUORUM')
    world.find('b')
    assert.equal(await valueAt(world, 'b'), 'v')
  })
})

describe('proposers in each other’s way', () => {
  it('all come through, and every change counts once (I1, I3)', async () => {
    for (const [seed, sets] of ['abc', 'abcde', 'ab', 'abcd'].entries()) {
      const world = await RegisterWorld.start([sets], { seed: `duel ${seed}` })
      let n = 0
      world.hub.delayMs = () => 1 + ((n++ * 7) % 11) / 5
      const names = lettersOf(sets)
      const calls = Array.from({ length: 40 }, (_, i) => {
        return world.reg(names[i % names.length] ?? '').incr(KEY, 1, { deadlineMs: 20_000 })
      })
      const results = await world.drive(Promise.all(calls))
      assert.equal(new Set(results.map(({ value }) => value)).size, 40)
      const versions = results.toSorted((x, y) => x.value - y.value).map(({ version }) => version)
      assert.deepEqual(versions, versions.toSorted(), 'versions grow with the value (I11)')
      assert.equal(new Set(versions).size, 40)
      assert.equal(await valueAt(world, names[0] ?? ''), 40)
    }
  })

  it('one that a majority refused may have its way yet: so its outcome is unknown', async () => {
    const world = await RegisterWorld.start(['abc'])
    for (const name of 'ba') await world.drive(world.reg(name).set(name === 'b' ? 'other' : KEY, 0))
    // b has promises of a and b, and its caller gives it up before it asks for votes.
    world.fate = (q) => {
      if (q.from !== 'b') return undefined
      return q.to === 'c' ? 'lost' : 'answer lost'
    }
    const early = errorOf(world.reg('b').incr(KEY, 100, { deadlineMs: 50 }))
    assert.equal((await world.drive(early)).outcome, 'not-applied')
    // Of a's votes the only one is c's.
    const over = new AbortController()
    const refused = errorOf(world.reg('a').incr(KEY, 1, { signal: over.signal }))
    world.fate = (q) => (q.from === 'a' && !isAccept(q) ? 'lost' : undefined)
    await world.wait(30)
    over.abort()
    assert.equal((await refused).outcome, 'unknown')
    const votes = lettersOf('abc').map((name) => world.text(name, KEY))
    assert.deepEqual(votes, ['0', '0', '1'])
    world.fate = () => undefined
    world.lose('a')
    assert.equal((await world.drive(world.reg('b').incr(KEY, 10))).value, 11)
  })

  it('do not wait long for a third that is silent', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 0))
    // b takes over unseen by a, which is ready to propose in one round.
    world.fate = (q) => (q.to === 'a' ? 'unreachable' : undefined)
    await world.drive(world.reg('b').incr(KEY))
    world.fate = (q) => (q.to === 'c' || q.from === 'c' ? 'lost' : undefined)
    const startMs = world.clock.monotonicMs()
    assert.equal((await world.drive(world.reg('a').incr(KEY))).value, 2)
    const tookMs = world.clock.monotonicMs() - startMs
    assert.ok(tookMs < 300, `${tookMs}`)
  })

  it('a condition is met by one of them', async () => {
    const world = await RegisterWorld.start(['abc'])
    const calls = lettersOf('abcabcabc').map(async (name, i) => {
      const call = world.reg(name).set(KEY, `v${i}`, { ifAbsent: true })
      return call.then(
        () => `v${i}`,
        () => null,
      )
    })
    const won = (await world.drive(Promise.all(calls))).filter((each) => each !== null)
    assert.deepEqual(won, [await valueAt(world, 'b')])
  })
})

describe('a read', () => {
  it('takes one round and writes nothing, at every replica and elsewhere', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'x' })
    await world.drive(world.reg('a').set(KEY, 'v'))
    await world.wait(10)
    for (const name of 'abcdx') {
      world.asked.length = 0
      const startMs = world.clock.monotonicMs()
      assert.equal(await valueAt(world, name), 'v')
      assert.ok(world.asked.every(isRead), name)
      assert.ok(world.clock.monotonicMs() - startMs <= 3, name)
    }
  })

  it('sees whatever was acknowledged before it began, whoever is asked (I2)', async () => {
    const world = await RegisterWorld.start(['abcde'])
    for (let i = 0; i < 30; i++) {
      const slow = 'abcde'[i % 5]
      world.fate = (q: Question) => (q.to === slow ? world.later(30) : undefined)
      const writer = 'abcde'[(i * 3) % 5] ?? ''
      await world.drive(world.reg(writer).set(KEY, i, { deadlineMs: 10_000 }))
      assert.equal(await valueAt(world, 'abcde'[(i * 2 + 1) % 5] ?? ''), i)
    }
  })

  it('of a large value asks one replica for it', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    const large = new Uint8Array(100_000).fill(7)
    await world.drive(world.reg('a').set(KEY, large))
    await world.wait(10)
    world.asked.length = 0
    assert.deepEqual(await valueAt(world, 'd'), large)
    assert.ok(world.asked.length <= 3 && world.asked.every(isRead))
  })

  it('through a node that is told of a topology which nobody can give goes on', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.reg('a').set(KEY, 'v'))
    world.move(['abd'])
    await world.tell('b')
    let refused = 0
    world.fate = (q) => {
      if (q.to !== 'b' || q.from === 'b' || isRead(q)) return undefined
      return refused++ < 3 ? 'unreachable' : undefined
    }
    assert.equal(await valueAt(world, 'c'), 'v')
  })
})
