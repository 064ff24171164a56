/**
 * A clock that is days ahead for a moment: its node takes part again when it is right, without a
 * restart, and has left nothing behind that others would have to wait for.
 */
import assert from 'node:assert/strict'
import { errorOf } from '../store/error-of.ts'
import { isAccept, isPrepare, RegisterWorld } from './world.ts'

const KEY = 'k'
const DAYS_MS = 3 * 24 * 60 * 60 * 1000

/** `c` changes the key while its clock is three days ahead; then it is right again. */
async function leap(world: RegisterWorld, key = KEY): Promise<void> {
  world.skew('c', DAYS_MS)
  const error = await errorOf(world.drive(world.reg('c').set(key, 'late', { deadlineMs: 200 })))
  assert.equal(error.code, 'NO_QUORUM')
  world.skew('c', 0)
}

describe('a clock that was days ahead for a moment', () => {
  for (const when of ['at the start', 'later'] as const) {
    it(`${when}: its node takes part again by itself`, async () => {
      const world = await RegisterWorld.start(['abc'])
      if (when === 'later') await world.drive(world.reg('c').set('early', 'v'))
      for (let i = 0; i < 3; i++) {
        await leap(world)
        const { version } = await world.drive(world.reg('c').set(KEY, `v${i}`, { deadlineMs: 500 }))
        await world.drive(world.reg('c').set(`other${i}`, 'v', { deadlineMs: 500 }))
        const after = await world.drive(world.reg('a').set(KEY, 'v', { deadlineMs: 500 }))
        assert.ok(after.version > version)
      }
    })
  }

  it('nobody waits for it: its disk has promised nothing of the far future', async () => {
    for (const sets of ['abc', 'ac', 'abcde']) {
      const world = await RegisterWorld.start([sets])
      await leap(world)
      assert.equal(world.record('c', KEY), null)
      // Alone it cannot tell whether its clock is right.
      world.skew('c', DAYS_MS)
      world.fate = (q) => (q.from === 'c' ? 'unreachable' : undefined)
      await errorOf(world.drive(world.reg('c').set(KEY, 'late', { deadlineMs: 200 })))
      world.skew('c', 0)
      world.fate = () => undefined
      // The others need it for their majority.
      if (sets.length > 2) world.lose('b')
      if (sets.length > 3) world.lose('d')
      await world.drive(world.reg('a').set(KEY, 'v', { deadlineMs: 500 }))
      assert.equal(world.text('c', KEY), 'v')
    }
  })

  it('nor for the ballot that comes along with a vote', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('c').set(KEY, 'v'))
    await leap(world)
    assert.equal(world.text('c', KEY), 'v', 'it had a ballot of before, and did not vote itself')
    await world.drive(world.reg('c').set(KEY, 'v2', { deadlineMs: 500 }))
    world.lose('b')
    await world.drive(world.reg('a').set(KEY, 'v3', { deadlineMs: 500 }))
    assert.equal(world.text('c', KEY), 'v3')
  })

  it('what another wild one took is given up when too few take it', async () => {
    const world = await RegisterWorld.start(['abc'])
    for (const name of 'bc') world.skew(name, DAYS_MS)
    await world.drive(world.reg('c').set(KEY, 'v'))
    for (const name of 'bc') world.skew(name, 0)
    world.lose('b')
    await world.drive(world.reg('c').set('other', 'v', { deadlineMs: 500 }))
    assert.equal(world.text('a', 'other'), 'v')
  })

  it('where it is the only replica it goes on: there is nobody whom it could lock out', async () => {
    const world = await RegisterWorld.start(['c'])
    world.skew('c', DAYS_MS)
    const { version } = await world.drive(world.reg('c').set(KEY, 'v'))
    world.skew('c', 0)
    const after = await world.drive(world.reg('c').set(KEY, 'v2', { deadlineMs: 500 }))
    assert.ok(after.version > version)
    await world.drive(world.reg('c').set('other', 'v', { deadlineMs: 500 }))
  })
})

describe('our own disk', () => {
  it('is asked with the others once one of them has taken a counter of this clock', async () => {
    const world = await RegisterWorld.start(['abc'])
    const isFirstAskedLast = async (key: string): Promise<boolean> => {
      world.fate = (q) => (isPrepare(q) || isAccept(q) ? world.later(20) : undefined)
      const call = world.reg('c').set(key, 'v')
      await world.wait(10)
      const isLast = world.record('c', key) === null
      world.fate = () => undefined
      await world.drive(call)
      return isLast
    }
    assert.equal(await isFirstAskedLast(KEY), true)
    assert.equal(await isFirstAskedLast('k2'), false)
  })
})
