/** Deleted registers are remembered for longer than any call lasts, whatever the clocks say. */
import assert from 'node:assert/strict'
import { TOMBSTONE_MS, UPKEEP_MS } from '../../src/paxos/limits.ts'
import { isAccept, isList, isRead, lettersOf, RegisterWorld } from './world.ts'

const KEY = 'k'
const HOURS_MS = 2 * 60 * 60 * 1000

describe('a deleted register', () => {
  // Less than a day apart: nobody refuses anybody. The first replica is who forgets.
  for (const [names, skewMs] of [
    ['a', HOURS_MS],
    ['bc', -HOURS_MS],
  ] as const) {
    it(`is not forgotten during a call because clocks of ${names} are ${skewMs} ms off`, async () => {
      const world = await RegisterWorld.start(['abc'])
      for (const name of lettersOf(names)) world.skew(name, skewMs)
      // It happens, and its caller's node does not hear of it.
      world.fate = (q) => (q.from === 'b' && isAccept(q) ? 'answer lost' : undefined)
      const call = world.reg('b').incr(KEY, 1, { deadlineMs: 300_000 })
      await world.until('it has happened', () => world.text('a', KEY) === '1')
      world.fate = (q) => (q.from === 'b' ? 'unreachable' : undefined)
      await world.drive(world.reg('c').del(KEY))
      await world.wait(10 * UPKEEP_MS)
      world.fate = () => undefined
      assert.equal((await world.drive(call)).value, 1)
      assert.equal(await world.drive(world.reg('c').get(KEY)), null, 'it happens once')
    })
  }

  it('is not forgotten for one that was deleted long ago, and made anew meanwhile', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'v1'))
    await world.drive(world.reg('a').del(KEY))
    // It grows old, since not all of them can be asked.
    world.fate = (q) => (isRead(q) ? 'unreachable' : undefined)
    await world.wait(TOMBSTONE_MS + 2 * UPKEEP_MS)
    let isLookedAt = false
    world.fate = (q) => {
      if (!isList(q)) return undefined
      isLookedAt = true
      return world.later(1000)
    }
    await world.until('it is looked at', () => isLookedAt, 2 * UPKEEP_MS)
    await world.drive(world.reg('a').set(KEY, 'v2'))
    await world.drive(world.reg('a').del(KEY))
    await world.wait(UPKEEP_MS)
    for (const name of 'abc') assert.equal(world.register(name, KEY)?.kind, 'absent', name)
    world.fate = () => undefined
    await world.wait(TOMBSTONE_MS + 3 * UPKEEP_MS)
    for (const name of 'abc') assert.equal(world.record(name, KEY), null, name)
  })
})
