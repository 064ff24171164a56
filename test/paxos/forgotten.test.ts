/**
 * Registers that were deleted, forgotten, and made anew (REGISTERS.md §5): what happened in the life
 * before is remembered by nobody, and nobody takes that for not having happened.
 */
import assert from 'node:assert/strict'
import { TOMBSTONE_MS, UPKEEP_MS } from '../../src/paxos/limits.ts'
import { errorOf } from '../store/error-of.ts'
import { isForward, RegisterWorld } from './world.ts'

const KEY = 'n'

/** A version of the life before, of which nothing is left. */
async function afterOneLife(): Promise<{ readonly world: RegisterWorld; readonly since: string }> {
  const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
  const { version: since } = await world.drive(world.reg('a').set(KEY, 0))
  await world.drive(world.reg('d').get(KEY))
  await world.drive(world.reg('a').incr(KEY, 1, { opId: 'once', since }))
  await world.drive(world.reg('a').del(KEY))
  await world.wait(TOMBSTONE_MS + 3 * UPKEEP_MS)
  for (const name of 'abc') assert.equal(world.record(name, KEY), null, name)
  return { world, since }
}

describe('a register that was forgotten', () => {
  it('does not take for new who says that it was there before', async () => {
    const { world, since } = await afterOneLife()
    const again = async (name: string): Promise<void> => {
      const call = world.drive(world.reg(name).incr(KEY, 1, { opId: 'once', since }))
      const { code, outcome } = await errorOf(call)
      assert.deepEqual([code, outcome], ['TIMEOUT', 'unknown'], name)
    }
    for (const name of 'abd') await again(name)
    assert.equal(await world.drive(world.reg('b').get(KEY)), null)
    await world.drive(world.reg('b').set(KEY, 10))
    for (const name of 'abd') await again(name)
    const now = await world.drive(world.reg('c').get(KEY))
    assert.equal(now?.value, 10)
    const options = { opId: 'twice', since: now?.version ?? '' }
    for (const name of 'abd') {
      assert.equal((await world.drive(world.reg(name).incr(KEY, 1, options))).value, 11, name)
    }
  })

  it('can be changed by who knew it, and asks no more than once again', async () => {
    const { world } = await afterOneLife()
    world.asked.length = 0
    await world.drive(world.reg('d').incr(KEY))
    assert.equal(world.asked.filter(isForward).length, 2)
    world.asked.length = 0
    await world.drive(world.reg('d').incr(KEY))
    assert.equal(world.asked.filter(isForward).length, 1)
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, 2)
  })

  it('can be changed by who knew it when others have made it anew', async () => {
    const { world } = await afterOneLife()
    await world.drive(world.reg('b').set(KEY, 10))
    assert.equal((await world.drive(world.reg('d').incr(KEY))).value, 11)
  })

  it('can be changed by who deleted it, at once', async () => {
    const { world } = await afterOneLife()
    assert.equal((await world.drive(world.reg('a').incr(KEY))).value, 1)
  })
})
