/** What a cut connection brings when its sender has given it up replaces nothing. */
import assert from 'node:assert/strict'
import { utf8 } from '../../src/base/bytes.ts'
import { type AgedMark, isFresh, Marks, MARKS_MAX } from '../../src/store/mark.ts'
import { decodeWriteOutcome, encodeForwardedWrite } from '../../src/store/messages.ts'
import { EMPTY_RECORD } from '../../src/store/record.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { isForward, StoreWorld } from './world.ts'

const NO_MARK: AgedMark = { boot: 0, atMs: 0, ageMs: 0 }

describe('a forwarded write that comes late', () => {
  for (const first of [true, false]) {
    it(`is not made, ${first ? 'the first of its sender' : 'after others'}`, async () => {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      // Each of them may be asked.
      for (let i = 0; !first && i < 20; i++) await world.drive(world.kv('d').put(`k${i}`, 'v'))
      const { promise, resolve } = Promise.withResolvers<void>()
      world.fate = (q) => (isForward(q) ? promise : undefined)
      await assert.rejects(world.drive(world.kv('d').put('k', 'late')))
      world.fate = () => undefined
      await world.drive(world.kv('d').put('k', 'new', { write: 'all' }))
      await world.wait(40_000)
      resolve()
      await world.wait(1000)
      for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['new'])
    })
  }

  it('is made when its sender was built before there were marks', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'd' })
    const asked = { topology: world.latest.number, key: 'k', level: undefined, deadlineMs: 1000 }
    const edit = { what: 'put', kind: 'text', value: utf8('v'), ttlMs: 0 } as const
    const write = { ...asked, edit, context: EMPTY_RECORD.known, blind: true, mark: null }
    const [id, kind] = [world.node('a').member.id, REQUEST_KINDS.KV_COORDINATE_PUT]
    const options = { timeoutMs: 1000 }
    const answer = await world.drive(
      world.node('d').mesh.request(id, kind, encodeForwardedWrite(write), options),
    )
    assert.notEqual(typeof decodeWriteOutcome(answer).outcome, 'number')
    assert.deepEqual(world.held('a', 'k'), ['v'])
  })

  it('is asked twice at first, and then once', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'd' })
    const forwards = async (): Promise<number> => {
      world.asked.length = 0
      await world.drive(world.kv('d').put('k', 'v', { write: 'all' }))
      return world.asked.filter(isForward).length
    }
    assert.deepEqual([await forwards(), await forwards(), await forwards()], [2, 1, 1])
    await world.wait(9 * 60_000)
    assert.equal(await forwards(), 1)
    await world.wait(11 * 60_000)
    assert.equal(await forwards(), 2, 'clocks drift')
    world.crash('a', { power: false })
    await world.boot('a')
    assert.equal(await forwards(), 2, 'another process')
  })
})

describe('marks', () => {
  const now = { boot: 7, atMs: 100_000 }

  it('tell how late a question may be', () => {
    const late = (mark: AgedMark) => isFresh(mark, now, 2000)
    assert.ok(late({ boot: 7, atMs: 90_000, ageMs: 10_000 }))
    assert.ok(late({ boot: 7, atMs: 90_000, ageMs: 8000 }))
    assert.ok(!late({ boot: 7, atMs: 90_000, ageMs: 7999 }), 'sent 2001 ms ago, or later')
    assert.ok(late({ boot: 7, atMs: 90_000, ageMs: 11_000 }))
    assert.ok(!late({ boot: 7, atMs: 90_000, ageMs: 11_001 }), 'from the future')
    assert.ok(!late({ boot: 6, atMs: 100_000, ageMs: 0 }), 'of another process')
    assert.ok(!late(NO_MARK))
  })

  it('are kept of so many peers, those that spoke last', () => {
    const marks = new Marks(new ManualClock())
    for (let i = 0; i < MARKS_MAX; i++) marks.came(`${i}`, now)
    marks.came('0', now)
    marks.came('new', now)
    assert.deepEqual(marks.of('1'), NO_MARK)
    for (const peer of ['0', '2', 'new']) assert.deepEqual(marks.of(peer), { ...now, ageMs: 0 })
  })
})
