import assert from 'node:assert/strict'
import { TOMBSTONE_MS, UPKEEP_MS } from '../../src/paxos/limits.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { RegisterWorld } from './world.ts'

describe('upkeep of registers', () => {
  it('brings a replica that was away what it has missed', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    world.lose('c')
    for (let i = 0; i < 20; i++) await world.drive(world.reg('a').set(`k${i}`, 'v2'))
    await world.drive(world.reg('b').set('k', 'v2'))
    assert.equal(world.register('c', 'k0'), null)
    await world.wait(20_000)
    world.find('c')
    const holds = (key: string): boolean => {
      const held = world.register('c', key)
      return held !== null && new TextDecoder().decode(held.value) === 'v2'
    }
    await world.until('c has all', () => holds('k') && holds('k0') && holds('k19'), 5000)
  })

  it('forgets what was deleted long ago, and what comes again is newer', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    const { version } = await world.drive(world.reg('b').del('k'))
    assert.equal(world.register('a', 'k')?.kind, 'absent')
    await world.wait(TOMBSTONE_MS + 3 * UPKEEP_MS)
    for (const name of 'abc') assert.equal(world.record(name, 'k'), null, name)
    assert.equal(await world.drive(world.reg('c').get('k')), null)
    const again = await world.drive(world.reg('c').set('k', 'v2'))
    assert.ok(again.version > version)
  })

  it('keeps a tombstone while one replica is away', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    world.lose('c')
    await world.drive(world.reg('a').del('k'))
    await world.wait(TOMBSTONE_MS + 3 * UPKEEP_MS)
    assert.equal(world.register('a', 'k')?.kind, 'absent')
    assert.equal(world.register('c', 'k')?.kind, 'text')
    world.find('c')
    await world.wait(TOMBSTONE_MS + 6 * UPKEEP_MS)
    for (const name of 'abc') assert.equal(world.record(name, 'k'), null, name)
  })

  it('drops promises without a vote, and keeps them in the floor', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.fate = ({ kind, from }) =>
      kind === REQUEST_KINDS.REG_ACCEPT && from === 'a' ? 'lost' : undefined
    await assert.rejects(world.drive(world.reg('a').set('k', 'v1', { deadlineMs: 50 })))
    assert.ok(world.record('b', 'k') !== null)
    world.fate = () => undefined
    await world.wait(4 * UPKEEP_MS)
    // Its own vote was on a's disk: it was brought round, or the promises were dropped.
    assert.equal((await world.drive(world.reg('b').get('k')))?.value ?? 'v1', 'v1')
    await world.drive(world.reg('c').set('k', 'v2'))
    assert.equal((await world.drive(world.reg('a').get('k')))?.value, 'v2')
  })

  it('drops what was only promised from every replica, without a vote on it', async () => {
    const world = await RegisterWorld.start(['abc'])
    const lost = world.reg('b').set('k', 'v', { ifVersion: '00000000001' })
    await assert.rejects(world.drive(lost), { code: 'CONFLICT' })
    for (const name of 'abc') assert.equal(world.record(name, 'k')?.value.length, 0, name)
    world.asked.length = 0
    await world.wait(3 * UPKEEP_MS)
    for (const name of 'abc') {
      assert.equal(world.record(name, 'k'), null, name)
      assert.ok(world.state(name, 'k').floor.counter > 0, name)
    }
    assert.ok(world.asked.every(({ kind }) => kind !== REQUEST_KINDS.REG_ACCEPT))
    await world.drive(world.reg('b').set('k', 'v', { ifAbsent: true }))
    assert.equal((await world.drive(world.reg('c').get('k')))?.value, 'v')
  })

  it('removes from the disk what was wiped', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    for (let i = 0; i < 300; i++) await world.drive(world.reg('a').set(`k${i}`, 'v'))
    world.move(['def'])
    await world.tell()
    const isHere = (name: string): boolean => world.node(name).installed.length > 0
    await world.until('installed', () => 'def'.split('').every(isHere))
    world.finish()
    await world.tell()
    await world.wait(3 * UPKEEP_MS)
    const { database } = world.node('a')
    const namesLeft = async (): Promise<string[]> => {
      const names: string[] = []
      for await (const [name] of database?.scan({ from: 'reg/', to: 'reg0' }) ?? [])
        names.push(name)
      return names
    }
    assert.deepEqual(await world.drive(namesLeft()), [])
    assert.equal((await world.drive(world.reg('d').get('k7')))?.value, 'v')
  })
})
