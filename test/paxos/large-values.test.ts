import assert from 'node:assert/strict'
import { PAGE_BYTES, VALUE_BYTES_MAX } from '../../src/paxos/limits.ts'
import { Asker } from './ask.ts'
import { RegisterWorld } from './world.ts'

const COUNT = 7
const PER_PAGE = Math.ceil(PAGE_BYTES / VALUE_BYTES_MAX)

describe('registers of the largest size', () => {
  it('are listed in pages that fit into memory, and all of them move', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    const value = 'x'.repeat(VALUE_BYTES_MAX)
    for (let i = 0; i < COUNT; i++) await world.drive(world.reg('a').set(`k${i}`, value))
    const reply = await new Asker(world, 'a', 'k0').list('b')
    assert.ok(reply.kind === 'answer')
    assert.ok(reply.body.votes.length <= PER_PAGE, `${reply.body.votes.length} in one page`)
    assert.equal(reply.body.after, reply.body.votes.at(-1)?.[0])
    world.move(['def'])
    await world.tell()
    await world.installed('def')
    world.finish()
    await world.tell()
    for (let i = 0; i < COUNT; i++) {
      const read = await world.drive(world.reg('e').get(`k${i}`))
      assert.equal(read?.value, value, `k${i}`)
    }
  })
})
