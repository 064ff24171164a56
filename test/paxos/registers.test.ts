import assert from 'node:assert/strict'
import { RegisterWorld } from './world.ts'

describe('registers', () => {
  it('are set, read, compared and counted through any node', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { version } = await world.drive(world.reg('a').set('k', 'v1'))
    assert.deepEqual(await world.drive(world.reg('b').get('k')), { key: 'k', value: 'v1', version })
    await assert.rejects(world.drive(world.reg('c').cas('k', 'x', { ifAbsent: true })), {
      code: 'CONFLICT',
      version,
    })
    const second = await world.drive(world.reg('c').cas('k', 'v2', { ifVersion: version }))
    assert.ok(second.version > version)
    assert.equal((await world.drive(world.reg('a').get('k')))?.value, 'v2')
    for (let i = 1; i <= 5; i++) {
      assert.equal((await world.drive(world.reg('abc'[i % 3] ?? '').incr('n'))).value, i)
    }
    await world.drive(world.reg('b').del('k'))
    assert.equal(await world.drive(world.reg('a').get('k')), null)
  })

  it('are agreed on by a majority, and by no minority', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    world.lose('c')
    await world.drive(world.reg('a').set('k', 'v2'))
    assert.equal((await world.drive(world.reg('b').get('k')))?.value, 'v2')
    world.lose('b')
    await assert.rejects(world.drive(world.reg('a').set('k', 'v3')), {
      code: 'NO_QUORUM',
      outcome: 'not-applied',
    })
    await assert.rejects(world.drive(world.reg('a').get('k')), { code: 'NO_QUORUM' })
    world.find('b')
    world.find('c')
    assert.equal((await world.drive(world.reg('c').get('k')))?.value, 'v2')
  })

  it('move with their partition', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set('k', 'v1'))
    await world.drive(world.reg('a').incr('n'))
    world.move(['def'])
    await world.tell()
    await world.until('installed', () =>
      'def'.split('').every((n) => world.node(n).installed.length > 0),
    )
    world.finish()
    await world.tell()
    for (const name of 'abc') world.lose(name)
    assert.equal((await world.drive(world.reg('d').get('k')))?.value, 'v1')
    assert.equal((await world.drive(world.reg('e').incr('n'))).value, 2)
  })
})
