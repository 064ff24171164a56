import assert from 'node:assert/strict'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { RegisterWorld } from './world.ts'

describe('a replica that is silent', () => {
  it('costs one read a moment, and not each', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v'))
    world.fate = ({ kind, to }) =>
      kind === REQUEST_KINDS.REG_READ && to === 'b' ? 'lost' : undefined
    const tookMs: number[] = []
    for (let i = 0; i < 50; i++) {
      const startMs = world.clock.monotonicMs()
      assert.equal((await world.drive(world.reg('a').get('k')))?.value, 'v')
      tookMs.push(world.clock.monotonicMs() - startMs)
    }
    const slow = tookMs.filter((ms) => ms >= 20)
    assert.ok(slow.length === 1 && Math.max(...slow) < 50, tookMs.join())
    await world.wait(1000)
    world.asked.length = 0
    for (let i = 0; i < 4; i++) await world.drive(world.reg('a').get('k'))
    const asksB = world.asked.some(({ kind, to }) => kind === REQUEST_KINDS.REG_READ && to === 'b')
    assert.ok(asksB, 'it is asked again later')
  })
})
