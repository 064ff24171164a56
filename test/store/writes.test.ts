/** What a write replaces, who coordinates it, and that nobody makes it twice. */
import assert from 'node:assert/strict'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import type { KvValueWritten } from '../../src/store/api.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { isForward, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** Of somebody who has seen nothing. */
const NOTHING = contextText(EMPTY_CONTEXT, '')

async function errorOf(call: Promise<unknown>): Promise<AtollError> {
  const error = await call.then(
    () => null,
    (each: unknown) => each,
  )
  assert.ok(isAtollError(error), `an AtollError expected, not ${String(error)}`)
  return error
}

/** Writes to these get lost, and nobody repairs. */
function missing(...names: readonly string[]) {
  return (question: Question) => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

describe('what a write replaces', () => {
  it('blind: what its coordinator holds', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', '1', { write: 'all' }))
    await world.drive(world.kv('b').put('k', '2', { write: 'all' }))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['2'])
  })

  it('blind: what its node has shown of the key, though the coordinator has never seen it', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = missing('c')
    await world.drive(world.kv('a').put('k', '1'))
    const read = await world.drive(world.kv('d').get('k'))
    assert.equal(read?.value, '1')
    world.fate = (question) => {
      if (isForward(question)) return question.to === 'c' ? undefined : 'unreachable'
      return isSync(question) ? 'lost' : undefined
    }
    await world.drive(world.kv('d').put('k', '2', { write: 'all' }))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['2'])
  })

  it('blind: not what neither has seen', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('c')
    await world.drive(world.kv('a').put('k', '1'))
    world.fate = missing()
    await world.drive(world.kv('c').put('k', '2', { write: 'all' }))
    for (const name of ['a', 'b']) assert.deepEqual(world.held(name, 'k'), ['1', '2'])
    const read = await world.drive(world.kv('b').get('k', { read: 'all' }))
    assert.deepEqual([read?.value, read?.others], ['2', ['1']], 'the newest first')
  })

  it('with a context: exactly what that covers', async () => {
    const world = await StoreWorld.start(['abc'])
    const first = await world.drive(world.kv('a').put('k', '1', { write: 'all' }))
    await world.drive(world.kv('b').put('k', '2', { write: 'all', context: NOTHING }))
    await world.drive(world.kv('c').put('k', '3', { write: 'all', context: first.context }))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['2', '3'])
    const read = await world.drive(world.kv('a').get('k', { read: 'all' }))
    const context = read?.context ?? ''
    await world.drive(world.kv('b').put('k', '4', { write: 'all', context }))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['4'])
  })

  it('with the context of a write: that write, and not the siblings that it got', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'theirs', { write: 'all' }))
    let context = NOTHING
    for (const value of ['mine 1', 'mine 2', 'mine 3']) {
      const written = await world.drive(world.kv('a').put('k', value, { write: 'all', context }))
      context = written.context
      assert.deepEqual(world.held('b', 'k'), [value, 'theirs'].sort())
    }
    await world.drive(world.kv('a').del('k', { write: 'all', context }))
    assert.deepEqual(world.held('c', 'k'), ['theirs', '†'])
    const read = await world.drive(world.kv('c').get('k'))
    assert.deepEqual([read?.value, read?.others], ['theirs', []])
  })

  it('a delete: what a write would, and it stays deleted where it was missed', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    world.fate = missing('c')
    await world.drive(world.kv('a').del('k'))
    assert.deepEqual(world.held('c', 'k'), ['v'])
    for (const name of ['a', 'b', 'c']) {
      assert.equal(await world.drive(world.kv(name).get('k', { read: 'quorum' })), null)
    }
    world.fate = missing()
    await world.drive(world.kv('c').get('k', { read: 'all' }))
    await world.wait(20)
    assert.deepEqual(world.held('c', 'k'), ['†'], 'repaired by what is newer')
  })

  it('gives its own write back, and the others', async () => {
    const world = await StoreWorld.start(['abc'])
    const values = ['text', new Uint8Array([0, 255]), { a: [1, null, 'x'] }, null, '', 0, false]
    for (const value of values) {
      await world.drive(world.kv('a').put('k', value))
      const read = await world.drive(world.kv('b').get('k'))
      assert.deepEqual(read?.value, value)
    }
  })

  it('concurrent writes of one coordinator keep their order', async () => {
    const world = await StoreWorld.start(['abc'])
    const puts = Array.from({ length: 30 }, (_, i) =>
      world.kv('a').put('k', `${i}`, { write: 'all' }),
    )
    await world.drive(Promise.all(puts))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['29'])
  })

  it('concurrent writes of three coordinators are all kept or replaced, the same everywhere', async () => {
    const world = await StoreWorld.start(['abc'])
    const names = ['a', 'b', 'c']
    const puts = Array.from({ length: 9 }, (_, i) => {
      return world.kv(names[i % 3] ?? '').put('k', `${names[i % 3]}${i}`, { write: 'all' })
    })
    await world.drive(Promise.all(puts))
    await world.wait(50)
    assert.deepEqual(world.held('a', 'k'), ['a6', 'b7', 'c8'])
    for (const name of ['b', 'c']) assert.deepEqual(world.held(name, 'k'), world.held('a', 'k'))
  })
})

describe('the answer to a write', () => {
  for (const [name, who] of [
    ['a', 'a replica'],
    ['d', 'who is none'],
  ] as const) {
    it(`says how many values there are then, to ${who}`, async () => {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      const kv = world.kv(name)
      const count = async (write: Promise<KvValueWritten>) =>
        (await world.drive(write)).siblingCount
      const all = { write: 'all' } as const
      const { context: old } = await world.drive(kv.put('k', '1', all))
      assert.equal(await count(kv.put('k', '2', all)), 1)
      assert.equal(await count(kv.put('k', '3', { ...all, context: old })), 2)
      assert.equal(await count(kv.del('k', { ...all, context: old })), 2)
      const { siblings, context } = await world.drive(kv.siblings('k'))
      assert.equal(siblings.length, 2)
      assert.equal(await count(kv.del('k', { ...all, context })), 0)
      await world.drive(kv.set.add('k', ['x', 'y'], all))
      assert.equal(await count(kv.put('k', '4', { ...all, context })), 2, 'a set is one')
      assert.equal(await count(kv.put('k', '5', all)), 1)
    })
  }

  it('is of the record that was stored, where it had to be made again', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.move(['abd'])
    await world.tell(['b', 'c', 'd'])
    const puts = ['1', '2'].map((value) => world.kv('a').put('k', value, { context: NOTHING }))
    const counts = (await world.drive(Promise.all(puts))).map(({ siblingCount }) => siblingCount)
    assert.deepEqual(counts, [2, 2])
  })

  it('does not count what has ended', async () => {
    const world = await StoreWorld.start(['a'])
    const { context } = await world.drive(world.kv('a').put('k', '1'))
    await world.drive(world.kv('a').put('k', '2', { ttlMs: 1000 }))
    await world.wait(1000)
    const { siblingCount } = await world.drive(world.kv('a').put('k', '3', { context }))
    assert.equal(siblingCount, 1)
  })
})

describe('writes of a node that is no replica', () => {
  it('are coordinated by one that is', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd', edges: 'e' })
    for (const name of ['d', 'e']) {
      const written = await world.drive(world.kv(name).put('k', name, { write: 'all' }))
      assert.deepEqual([written.acks, written.replicas, written.partial], [3, 3, false])
      assert.deepEqual(world.held('a', 'k'), [name])
      assert.equal((await world.drive(world.kv(name).get('k')))?.value, name)
    }
    assert.equal(world.record('d', 'k').siblings.length, 0)
  })

  it('are handed to the next one when the first surely did nothing', async () => {
    const refusals = [
      'unreachable',
      new AtollError('BUSY', 'full'),
      new AtollError('DISK_FULL', 'no space'),
      new AtollError('TIMEOUT', 'never sent'),
    ] as const
    for (const fate of refusals) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      let tried = 0
      world.fate = (question) => (isForward(question) && ++tried < 3 ? fate : undefined)
      const written = await world.drive(world.kv('d').put('k', 'v', { write: 'all' }))
      assert.equal(written.acks, 3)
      const asked = world.asked.filter(isForward).map(({ to }) => to)
      assert.equal(new Set(asked).size, 3, 'each replica once')
    }
  })

  it('are never made twice: what may have been applied is not tried again', async () => {
    for (const fate of ['lost', 'answer lost'] as const) {
      const world = await StoreWorld.start(['a'], { nodes: 'd' })
      await world.drive(world.kv('d').put('before', 'v'))
      world.asked.length = 0
      world.fate = (question) => (isForward(question) ? fate : undefined)
      const error = await errorOf(world.drive(world.kv('d').put('k', 'v', { deadlineMs: 200 })))
      assert.deepEqual([error.code, error.outcome], ['TIMEOUT', 'unknown'])
      assert.equal(world.asked.filter(isForward).length, 1)
      const held = world.held('a', 'k')
      assert.deepEqual(held, fate === 'lost' ? [] : ['v'])
    }
  })

  it('are never made twice: a link that broke in the middle may have carried it', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    for (const code of ['UNREACHABLE', 'BUSY', 'DISK_FULL'] as const) {
      world.asked.length = 0
      world.fate = (question) => {
        return isForward(question) ? new AtollError(code, '', { outcome: 'unknown' }) : undefined
      }
      const error = await errorOf(world.drive(world.kv('d').put('k', 'v')))
      assert.deepEqual([error.code, error.outcome], [code, 'unknown'])
      assert.equal(world.asked.filter(isForward).length, 1)
    }
  })

  it('are not tried elsewhere for what no other replica can mend', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = (q) => (isForward(q) ? new AtollError('TOO_LARGE', 'too many') : undefined)
    const error = await errorOf(world.drive(world.kv('d').put('k', 'v')))
    assert.deepEqual([error.code, error.outcome], ['TOO_LARGE', 'not-applied'])
    assert.equal(world.asked.filter(isForward).length, 1)
  })

  it('surely did nothing when no replica can be reached', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = () => 'unreachable'
    const refused = await errorOf(world.drive(world.kv('d').put('k', 'v')))
    assert.deepEqual([refused.code, refused.outcome], ['UNREACHABLE', 'not-applied'])
    assert.equal(world.asked.filter(isForward).length, 3, 'each replica once')
    for (const name of ['a', 'b', 'c']) world.lose(name)
    const error = await errorOf(world.drive(world.kv('d').put('k', 'v')))
    assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'not-applied'])
  })

  it('keep level and deadline', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = missing('a', 'b', 'c')
    const startMs = world.clock.monotonicMs()
    const put = world.kv('d').put('k', 'v', { write: 'all', deadlineMs: 1000 })
    const error = await errorOf(world.drive(put))
    assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'unknown'])
    assert.ok(world.clock.monotonicMs() - startMs < 1000, 'the coordinator answers in time')
    const partial = await world.drive(world.kv('d').put('k', 'v', { deadlineMs: 1000 }))
    assert.deepEqual([partial.acks, partial.partial], [1, true])
  })

  it('follow a newer topology, on either side', async () => {
    for (const [knows, learns] of [
      ['d', 'abc'],
      ['abc', 'd'],
    ] as const) {
      const world = await StoreWorld.start(['ab'], { nodes: 'cd' })
      world.fate = (question) => (isSync(question) ? 'lost' : undefined)
      world.move(['bc'])
      await world.tell(knows)
      const written = await world.drive(world.kv('d').put('k', 'v', { write: 'all' }))
      assert.equal(written.replicas, 2)
      assert.deepEqual(world.held('c', 'k'), ['v'], `${learns} learned`)
      assert.deepEqual(world.held('a', 'k'), ['v'], 'the old set as well')
    }
  })
})

describe('clocks', () => {
  it('a write stamped more than a day ahead is refused as CLOCK_SKEW', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    for (const [ahead, refused] of [
      [DAY_MS - 60_000, false],
      [DAY_MS + 60_000, true],
    ] as const) {
      world.crash('a', { power: false })
      world.skew('a', ahead)
      await world.boot('a')
      world.fate = missing()
      const put = world.kv('a').put(`k${ahead}`, 'v')
      if (!refused) {
        assert.ok((await world.drive(put)).acks >= 2)
        continue
      }
      const error = await errorOf(world.drive(put))
      assert.deepEqual([error.code, error.outcome], ['CLOCK_SKEW', 'unknown'])
      assert.match(error.hint ?? '', /clocks/)
      for (const name of ['b', 'c']) assert.deepEqual(world.held(name, `k${ahead}`), [])
    }
  })

  it('that were days ahead for a moment refuse one write, and then no more', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.skew('a', 3 * DAY_MS)
    for (const key of ['k', 'k2']) {
      const error = await errorOf(world.drive(world.kv('a').put(key, 'wild')))
      assert.equal(error.code, 'CLOCK_SKEW', 'its clock is ahead')
    }
    world.skew('a', 0)
    await world.drive(world.kv('a').put('k3', 'v')).catch(() => undefined)
    for (const key of ['k', 'k3']) {
      assert.ok((await world.drive(world.kv('a').put(key, 'v'))).acks >= 2)
      assert.deepEqual(world.held('b', key), ['v'])
    }
  })

  it('break ties and order display, nothing else', async () => {
    const world = await StoreWorld.start(['abc'])
    world.crash('a', { power: false })
    world.skew('a', -DAY_MS / 2)
    await world.boot('a')
    await world.drive(world.kv('b').put('k', 'first', { write: 'all' }))
    await world.drive(world.kv('a').put('k', 'second', { write: 'all' }))
    assert.deepEqual(world.held('c', 'k'), ['second'])
    const [second] = world.record('c', 'k').siblings
    await world.drive(world.kv('b').put('k', 'third', { write: 'all', context: NOTHING }))
    assert.deepEqual(world.held('c', 'k'), ['second', 'third'])
    const stamps = world.record('c', 'k').siblings.map(({ stamp }) => stamp)
    assert.ok(Math.max(...stamps) > (second?.stamp ?? 0))
    assert.equal((await world.drive(world.kv('c').get('k')))?.value, 'third')
  })
})
