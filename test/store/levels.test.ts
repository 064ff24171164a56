/** How many replicas a call needs, what it says of them, and how long it waits for the others. */
import assert from 'node:assert/strict'
import { AtollError, type ErrorCode, isAtollError, type Outcome } from '../../src/base/errors.ts'
import type { Level } from '../../src/store/api.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { isRead, isSync, isWrite, StoreWorld } from './world.ts'

const LEVELS: readonly (Level | undefined)[] = [undefined, 'one', 'quorum', 'all']

async function refusal(
  call: Promise<unknown>,
  code: ErrorCode,
  outcome: Outcome = 'not-applied',
): Promise<AtollError> {
  const error = await call.then(
    () => null,
    (each: unknown) => each,
  )
  assert.ok(isAtollError(error), `${code} expected, not ${String(error)}`)
  assert.deepEqual([error.code, error.outcome], [code, outcome])
  return error
}

const at = (level: Level | undefined) => (level === undefined ? {} : { read: level, write: level })

describe('levels of writes', () => {
  it('are met by so many replicas, whose disks then have it', async () => {
    for (const level of LEVELS) {
      const world = await StoreWorld.start(['abc'])
      const written = await world.drive(world.kv('a').put('k', 'v', at(level)))
      const needed = { one: 1, quorum: 2, all: 3 }[level ?? 'quorum']
      assert.ok(written.acks >= needed, `${level}: ${written.acks}`)
      assert.deepEqual([written.replicas, written.partial], [3, false])
      const holders = ['a', 'b', 'c'].filter((name) => world.held(name, 'k').length > 0)
      assert.ok(holders.length >= written.acks)
      assert.deepEqual(world.held('a', 'k'), ['v'], 'the coordinator is one of them')
    }
  })

  it('with one replica down: all is refused, the others are not', async () => {
    const world = await StoreWorld.start(['abc'])
    world.lose('c')
    for (const level of [undefined, 'one', 'quorum'] as const) {
      const { acks, partial } = await world.drive(world.kv('a').put('k', 'v', at(level)))
      assert.ok(acks === 2 || (level === 'one' && acks === 1))
      assert.equal(partial, false)
    }
    const error = await refusal(
      world.drive(world.kv('a').put('k', 'refused', { write: 'all' })),
      'NO_QUORUM',
      'not-applied',
    )
    assert.match(error.message, /2 of 3 replicas of "k" can be reached/)
    for (const name of ['a', 'b']) assert.deepEqual(world.held(name, 'k'), ['v'])
  })

  it('with a majority down: no level is partial at one disk, quorum is refused', async () => {
    const world = await StoreWorld.start(['abc'])
    world.lose('b')
    world.lose('c')
    const startMs = world.clock.monotonicMs()
    const written = await world.drive(world.kv('a').put('k', 'v'))
    assert.deepEqual([written.acks, written.replicas, written.partial], [1, 3, true])
    const one = await world.drive(world.kv('a').put('k', 'v', { write: 'one' }))
    assert.deepEqual([one.acks, one.partial], [1, false])
    const put = world.kv('a').put('k', 'refused', { write: 'quorum' })
    await refusal(world.drive(put), 'NO_QUORUM', 'not-applied')
    assert.deepEqual(world.held('a', 'k'), ['v'])
    assert.ok(world.clock.monotonicMs() - startMs < 200, 'nobody waits for those known to be down')
    assert.deepEqual(world.asked.filter(isWrite), [])
  })

  it('wait for replicas that may answer until the deadline, then are partial', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (question) => (isWrite(question) ? 'lost' : undefined)
    const startMs = world.clock.monotonicMs()
    const written = await world.drive(world.kv('a').put('k', 'v', { deadlineMs: 1000 }))
    const tookMs = world.clock.monotonicMs() - startMs
    assert.deepEqual([written.acks, written.partial], [1, true])
    assert.ok(tookMs >= 900 && tookMs <= 1020, `${tookMs} ms`)
  })

  it('are refused at the deadline, as unknown', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (question) => (question.to === 'c' ? 'lost' : undefined)
    const startMs = world.clock.monotonicMs()
    const put = world.kv('a').put('k', 'v', { write: 'all', deadlineMs: 500 })
    await refusal(world.drive(put), 'NO_QUORUM', 'unknown')
    const tookMs = world.clock.monotonicMs() - startMs
    assert.ok(tookMs >= 450 && tookMs <= 520, `${tookMs} ms`)
  })

  it('are not met without the coordinator’s own disk', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    world.disk('a').faults.capacityBytes = 0
    world.fate = (question) => (isSync(question) ? 'lost' : undefined)
    for (const level of LEVELS) {
      await world.wait(11_000)
      const put = world.kv('a').put('k', `new ${level}`, at(level))
      await refusal(world.drive(put), 'DISK_FULL', 'unknown')
    }
    await world.wait(10)
    assert.deepEqual(world.held('a', 'k'), ['old'])
    assert.ok(!world.held('b', 'k').includes('old'), 'the others have it all the same')
  })

  it('go to another coordinator where the first finds no room, and knows it', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    world.fate = (question) => (isSync(question) ? 'lost' : undefined)
    world.disk('a').faults.capacityBytes = 0
    await refusal(world.drive(world.kv('a').put('k', 'first')), 'DISK_FULL', 'unknown')
    for (let i = 0; i < 3; i++) {
      const written = await world.drive(world.kv('a').put(`k${i}`, 'v', { write: 'quorum' }))
      assert.deepEqual([written.acks, written.partial], [2, false])
      await world.wait(9000)
    }
    assert.equal((await world.drive(world.kv('a').counter.add('n', 3))).value, 3)
    const all = await refusal(
      world.drive(world.kv('a').put('k', 'all', { write: 'all' })),
      'DISK_FULL',
      'unknown',
    )
    assert.match(all.message, /space/)
    world.disk('a').faults.capacityBytes = Number.POSITIVE_INFINITY
    const { acks } = await world.drive(world.kv('a').put('k', 'room', { write: 'all' }))
    assert.equal(acks, 3)
  })

  it('surely did nothing when nobody has taken it', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    world.disk('a').faults.capacityBytes = 0
    world.fate = () => 'unreachable'
    const error = await refusal(world.drive(world.kv('a').put('k', 'new')), 'DISK_FULL')
    assert.ok(error.retryable)
  })

  it('are met in both sets while data moves', async () => {
    for (const down of ['de', 'ab']) {
      const world = await StoreWorld.start(['abc'], { nodes: 'def' })
      world.fate = (question) => (isSync(question) ? 'lost' : undefined)
      world.move(['def'])
      await world.tell()
      await world.drive(world.kv('c').put('k', 'both', { write: 'quorum' }))
      for (const set of ['abc', 'def']) {
        const holders = set.split('').filter((name) => world.held(name, 'k').length > 0)
        assert.ok(holders.length >= 2, set)
      }
      for (const name of down) world.lose(name)
      const put = world.kv('c').put('k', 'v', { write: 'quorum' })
      const error = await refusal(world.drive(put), 'NO_QUORUM', 'not-applied')
      assert.match(error.message, /moving between two sets/)
      const { partial } = await world.drive(world.kv('c').put('k', 'v'))
      assert.equal(partial, true, `${down} down`)
      const get = world.kv('c').get('k', { read: 'quorum' })
      await refusal(world.drive(get), 'NO_QUORUM')
    }
  })
})

describe('levels of reads', () => {
  it('are met by so many answers', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    for (const level of LEVELS) {
      const read = await world.drive(world.kv('b').get('k', at(level)))
      const needed = { one: 1, quorum: 2, all: 3 }[level ?? 'quorum']
      assert.ok(read !== null && read.acks >= needed)
      assert.deepEqual([read.value, read.replicas, read.partial], ['v', 3, false])
    }
  })

  it('with a majority down: no level is partial, quorum is refused', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.lose('b')
    world.lose('c')
    const read = await world.drive(world.kv('a').get('k'))
    assert.deepEqual([read?.value, read?.acks, read?.partial], ['v', 1, true])
    for (const level of ['quorum', 'all'] as const) {
      await refusal(world.drive(world.kv('a').get('k', { read: level })), 'NO_QUORUM')
    }
  })

  it('say null only when a majority has looked', async () => {
    const world = await StoreWorld.start(['abc'])
    assert.equal(await world.drive(world.kv('a').get('k')), null)
    world.lose('b')
    assert.equal(await world.drive(world.kv('a').get('k')), null)
    world.lose('c')
    const error = await refusal(world.drive(world.kv('a').get('k')), 'NO_QUORUM')
    assert.match(error.message, /1 of 3 replicas of "k" answered, and none has a value/)
  })

  it('say so of a deleted key as well', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await world.drive(world.kv('a').del('k', { write: 'all' }))
    assert.equal(await world.drive(world.kv('b').get('k')), null)
    world.lose('b')
    world.lose('c')
    await refusal(world.drive(world.kv('a').get('k')), 'NO_QUORUM')
  })

  it('see a write that met quorum wherever they ask', async () => {
    for (const missed of ['a', 'b', 'c']) {
      const world = await StoreWorld.start(['abc'])
      const other = missed === 'a' ? 'b' : 'a'
      world.fate = (question) => {
        return (isWrite(question) && question.to === missed) || isSync(question)
          ? 'lost'
          : undefined
      }
      await world.drive(world.kv(other).put('k', 'v', { write: 'quorum' }))
      for (const reader of ['a', 'b', 'c']) {
        const read = await world.drive(world.kv(reader).get('k', { read: 'quorum' }))
        assert.equal(read?.value, 'v', `${missed} missed it, ${reader} reads`)
      }
    }
  })

  it('wait until the deadline for those who may answer', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.fate = (question) => (isRead(question) ? 'lost' : undefined)
    const startMs = world.clock.monotonicMs()
    const read = await world.drive(world.kv('a').get('k', { deadlineMs: 300 }))
    assert.deepEqual([read?.value, read?.partial], ['v', true])
    const tookMs = world.clock.monotonicMs() - startMs
    assert.ok(tookMs >= 270 && tookMs <= 320, `${tookMs} ms`)
  })
})

describe('the end of calls', () => {
  it('comes at once when the caller gives up', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = () => 'lost'
    const aborter = new AbortController()
    const { signal } = aborter
    const put = world.kv('a').put('k', 'v', { write: 'all', signal })
    const get = world.kv('a').get('k', { read: 'all', signal })
    const both = Promise.all([
      refusal(put, 'CANCELLED', 'unknown'),
      refusal(get, 'CANCELLED', 'unknown'),
    ])
    await world.wait(20)
    aborter.abort()
    await world.wait(1)
    await both
    const late = world.kv('a').get('k', { read: 'all', signal })
    await refusal(world.drive(late), 'CANCELLED', 'unknown')
  })

  it('comes before the call when the store has stopped', async () => {
    const world = await StoreWorld.start(['abc'])
    const store = world.kv('a')
    await world.drive(store.stop())
    await refusal(world.drive(store.put('k', 'v')), 'STOPPED')
    await refusal(world.drive(store.del('k')), 'STOPPED')
    await refusal(world.drive(store.get('k')), 'STOPPED')
    await refusal(world.drive(store.ls('')), 'STOPPED')
    await refusal(world.drive(store.inspect('k', 100)), 'STOPPED')
  })

  it('comes in time while a newer topology cannot be had', async () => {
    for (const call of ['put', 'get', 'ls'] as const) {
      const world = await StoreWorld.start(['abc'])
      const [partition] = world.latest.partitions
      assert.ok(partition !== undefined)
      world.latest = { ...world.latest, number: 4, partitions: [{ ...partition, cfg: 4 }] }
      await world.tell(['b', 'c'])
      world.fate = (q) => (q.kind === REQUEST_KINDS.TOPOLOGY_GET || isSync(q) ? 'lost' : undefined)
      const startMs = world.clock.monotonicMs()
      const kv = world.kv('a')
      const limit = { deadlineMs: 300 }
      const asked = {
        put: () => kv.put('k', 'v', limit),
        get: () => kv.get('k', limit),
        ls: () => kv.ls('', limit),
      }
      const answer: Promise<unknown> = asked[call]()
      await world.drive(answer).catch(() => undefined)
      const tookMs = world.clock.monotonicMs() - startMs
      assert.ok(tookMs < 400, `${call}: ${tookMs} ms`)
    }
  })

  it('leaves no timer behind', async () => {
    const world = await StoreWorld.start(['abc'])
    for (const name of ['a', 'b', 'c']) {
      await world.drive(world.kv(name).put('k', name))
      await world.drive(world.kv(name).get('k'))
    }
    await world.wait(100)
    for (const name of ['a', 'b', 'c']) await world.drive(world.kv(name).stop())
    await world.wait(20_000)
    assert.equal(world.clock.pending, 0)
  })
})
