import assert from 'node:assert/strict'
import { NO_BALLOT } from '../../src/paxos/ballot.ts'
import { laggingKeys } from '../../src/paxos/lagging.ts'
import { PAGE_BYTES, TOMBSTONE_MS, UPKEEP_MS } from '../../src/paxos/limits.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { isAccept, isList, isPrepare, type Question, RegisterWorld } from './world.ts'

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

  it('brings a tombstone to who shows no list, and then forgets it', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    world.lose('c')
    await world.drive(world.reg('a').del('k'))
    world.fate = (q) => (isList(q) && q.to === 'c' ? 'lost' : undefined)
    world.find('c')
    await world.wait(TOMBSTONE_MS + 12 * UPKEEP_MS)
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
    await world.wait(UPKEEP_MS / 2)
    const lost = world.reg('b').set('k', 'v', { ifVersion: '00000000001' })
    await assert.rejects(world.drive(lost), { code: 'CONFLICT' })
    const isPromised = (name: string): boolean => world.record(name, 'k')?.value.length === 0
    assert.ok('abc'.split('').every(isPromised))
    // A look goes by: the vote may still be on its way.
    await world.wait(UPKEEP_MS * 0.7)
    assert.ok('abc'.split('').every(isPromised))
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

const isOf = ({ body }: Question, key: string): boolean => Buffer.from(body).includes(key)
const isProposal = (q: Question): boolean => isPrepare(q) || isAccept(q)

describe('upkeep of registers that cannot be tended', () => {
  /** c lacks these; it is back, and the world waits for nothing yet. */
  async function lacking(keys: readonly string[]): Promise<RegisterWorld> {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('first', 'v'))
    world.lose('c')
    for (const key of keys) await world.drive(world.reg('a').set(key, 'v'))
    await world.wait(20_000)
    return world
  }

  it('goes on with the others, and comes back to it, each time later', async () => {
    const keys = ['k0', 'k1', 'k2', 'k3', 'k4']
    const world = await lacking(keys)
    world.fate = (q) => (isProposal(q) && isOf(q, 'k1') ? 'lost' : undefined)
    world.find('c')
    const rest = keys.filter((key) => key !== 'k1')
    const isThere = (): boolean => rest.every((key) => world.text('c', key) === 'v')
    await world.until('c has the others', isThere, 10_000)
    const { counts } = world.reg('a')
    await world.wait(5000)
    assert.equal(counts.passedOver, 1)
    // After 30 s, 1, 2 and 4 minutes, each look with its 5 s.
    await world.wait(9 * 60_000)
    assert.equal(counts.passedOver, 5)
    const lines = world.node('a').lines.filter(({ event }) => event === 'paxos.upkeep-failed')
    assert.deepEqual(
      lines.map(({ fields }) => [fields['partition'], fields['failures']]),
      Array.from({ length: 5 }, () => [0, 1]),
    )
    world.fate = () => undefined
    await world.until('c has it', () => world.text('c', 'k1') === 'v', 9 * 60_000)
    // And all is as before: one that is gone for a moment is looked after as soon as it is back.
    world.lose('c')
    await world.drive(world.reg('a').set('k0', 'w'))
    await world.wait(20_000)
    world.find('c')
    await world.until('c has it', () => world.text('c', 'k0') === 'w', 5000)
  })

  it('gives up after some of them, and begins behind them the next time', async () => {
    const bad = Array.from({ length: 18 }, (_, i) => `bad${String(i).padStart(2, '0')}`)
    const world = await lacking([...bad, 'good'])
    world.fate = (q) => (isProposal(q) && isOf(q, 'bad') ? 'lost' : undefined)
    world.find('c')
    await world.wait(90_000)
    const { counts } = world.reg('a')
    assert.deepEqual([counts.passedOver, world.text('c', 'good')], [16, null])
    await world.until('c has what is behind', () => world.text('c', 'good') === 'v', 60_000)
    assert.equal(counts.passedOver, 18)
    world.fate = () => undefined
    const isThere = (): boolean => bad.every((key) => world.text('c', key) === 'v')
    await world.until('c has all', isThere, 4 * 60_000)
  })

  it('leaves alone what has no majority', async () => {
    const world = await RegisterWorld.start(['abcde'])
    world.lose('b')
    await world.drive(world.reg('a').set('k', 'v'))
    for (const name of 'cde') world.lose(name)
    world.asked.length = 0
    world.find('b')
    await world.wait(30_000)
    assert.ok(!world.asked.some((q) => isProposal(q) || isList(q)))
    assert.equal(world.reg('a').counts.passedOver, 0)
  })
})

describe('a look at registers', () => {
  it('is taken by the first replica that is up, and by no other', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('c').set('k', 'v'))
    await world.wait(60_000)
    const askers = () => [...new Set(world.asked.filter(isList).map(({ from }) => from))]
    assert.deepEqual(askers(), ['a'])
    world.crash('a')
    world.asked.length = 0
    await world.wait(60_000)
    assert.deepEqual(askers(), ['b'])
  })

  it('is taken now and then for a member that comes back again and again', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.wait(70_000)
    world.asked.length = 0
    for (let i = 0; i < 36; i++) {
      world.lose('c')
      await world.wait(100)
      world.find('c')
      await world.wait(4900)
    }
    const toB = world.asked.filter((q) => isList(q) && q.to === 'b').length
    // Besides those of every ten seconds.
    assert.ok(toB >= 18 + 4 && toB <= 18 + 9, `${toB} looks in three minutes`)
    world.lose('c')
    await world.drive(world.reg('a').set('k', 'v'))
    await world.wait(121_000)
    world.find('c')
    await world.until('c has it', () => world.text('c', 'k') === 'v', 1500)
  })

  it('changes nothing where replicas hold the same, a page at a time, nor where the last is young', async () => {
    const world = await RegisterWorld.start(['abc'])
    const large = 'x'.repeat(PAGE_BYTES / 3)
    for (let i = 0; i < 7; i++) await world.drive(world.reg('a').set(`k${i}`, large))
    // One that a lacks: its first page ends elsewhere.
    world.fate = (q) => (q.to === 'a' ? 'lost' : undefined)
    await world.drive(world.reg('b').set('k', large))
    world.fate = () => undefined
    await world.wait(UPKEEP_MS)
    assert.equal(world.record('a', 'k'), null)
    await world.until('a has it', () => world.text('a', 'k') === large)
    world.asked.length = 0
    await world.wait(60_000)
    const asked = world.asked.filter(({ from }) => from === 'a')
    assert.ok(asked.filter(isList).length >= 2 * 3 * 5, `${asked.filter(isList).length} lists`)
    assert.ok(!asked.some(isProposal))
    assert.equal(world.reg('a').counts.repaired, 1)
  })

  it('finds what some lack, up to where all lists go, unless it is young', () => {
    const vote = (counter: number) => ({ ...NO_BALLOT, cfg: 2, counter: counter * 1024 })
    const [old, older, young] = [vote(50), vote(40), vote(100)]
    const pages = [
      {
        votes: [
          ['a', old],
          ['b', old],
          ['c', old],
          ['d', young],
          ['z', old],
        ] as const,
      },
      {
        votes: [
          ['a', old],
          ['b', older],
          ['d', old],
          ['y', old],
        ] as const,
      },
    ]
    assert.deepEqual(laggingKeys(pages, 'w', 90), ['b', 'c'])
    assert.deepEqual(laggingKeys(pages, null, 90), ['b', 'c', 'z', 'y'])
    assert.deepEqual(laggingKeys(pages, 'w', 101), ['b', 'c', 'd'])
    assert.deepEqual(laggingKeys(pages, 'w', 50), [])
  })
})
