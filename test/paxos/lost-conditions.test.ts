import assert from 'node:assert/strict'
import { RECENT_NAMED_MAX } from '../../src/paxos/limits.ts'
import { RegisterWorld } from './world.ts'

/** More than a register remembers. */
const MANY = RECENT_NAMED_MAX + 10

describe('a key on which many conditions were lost', () => {
  it('can still be changed by nodes that hand on', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    const { version } = await world.drive(world.reg('a').set('lock', 'held'))
    for (let i = 0; i < MANY; i++) {
      const taken = world.drive(world.reg('d').cas('lock', 'mine', { ifAbsent: true }))
      await assert.rejects(taken, { code: 'CONFLICT', version }, `try ${i}`)
    }
    await world.drive(world.reg('d').set('lock', 'mine', { ifVersion: version }))
    assert.equal((await world.drive(world.reg('b').get('lock')))?.value, 'mine')
  })

  it('can still be changed by who says what it knew, once', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { version: since } = await world.drive(world.reg('a').set('n', 1))
    for (let i = 0; i < MANY; i++) {
      const lost = world.drive(world.reg('a').cas('n', 9, { ifAbsent: true, opId: `lost ${i}` }))
      await assert.rejects(lost, { code: 'CONFLICT' })
    }
    const options = { opId: 'mine', since }
    const first = await world.drive(world.reg('a').incr('n', 1, options))
    assert.equal(first.value, 2)
    assert.deepEqual(await world.drive(world.reg('b').incr('n', 1, options)), first)
  })
})
