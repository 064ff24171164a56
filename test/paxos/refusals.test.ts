/**
 * What replicas refuse: askers who are no members, partitions that they do not hold, topologies that
 * nobody has, ballots of nobody and of the far future. Nothing of it leaves a trace, and nobody
 * else suffers from it.
 */
import assert from 'node:assert/strict'
import { SKEW_MS_MAX, UNITS_PER_MS } from '../../src/base/hybrid-time.ts'
import { answerWriter } from '../../src/paxos/messages.ts'
import { ABSENT, type Register } from '../../src/paxos/register.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { errorOf } from '../store/error-of.ts'
import { memberOf } from '../topology/members.ts'
import { Asker } from './ask.ts'
import { isAccept, isPrepare, RegisterWorld } from './world.ts'

const KEY = 'k'
const YEAR_MS = 365 * 24 * 60 * 60 * 1000
const VALUE: Register = { ...ABSENT, kind: 'text', value: new TextEncoder().encode('forged') }

const counterAt = (world: RegisterWorld, aheadMs = 0): number =>
  (world.clock.wallMs() + aheadMs) * UNITS_PER_MS

describe('a replica refuses', () => {
  it('to promise, to vote and to list for who is no member of the topology', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'x' })
    const asker = new Asker(world, 'x', KEY)
    const counter = counterAt(world)
    const asked = [
      asker.prepare('a', counter),
      asker.accept('a', { counter, value: VALUE }),
      asker.list('a'),
      asker.install('a', counter),
      asker.remove('a', { cfg: 2, counter, storageId: 's', boot: 1 }),
    ]
    for (const each of asked) assert.equal((await errorOf(each)).code, 'DENIED')
    assert.equal(world.record('a', KEY), null)
    assert.equal((await asker.read('a')).kind, 'answer', 'whoever is in the cluster may read')
  })

  it('a member by its name whose disk is another one', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { mesh } = world.node('b')
    Object.assign(mesh, { self: { ...mesh.self, storageId: memberOf('x').storageId } })
    const asker = new Asker(world, 'b', KEY)
    assert.equal((await errorOf(asker.prepare('a', counterAt(world)))).code, 'DENIED')
    assert.equal(world.record('a', KEY), null)
  })

  it('a partition that it does not hold, or that nobody has', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    const asker = new Asker(world, 'a', KEY)
    const counter = counterAt(world)
    for (const [to, more] of [
      ['d', {}],
      ['b', { partition: 1 }],
      ['b', { partition: 65_535, cfg: 0 }],
      ['b', { cfg: 1 }],
      ['b', { cfg: 3 }],
    ] as const) {
      assert.equal((await asker.prepare(to, counter, more)).kind, 'stale')
      assert.equal((await asker.accept(to, { counter, value: VALUE }, more)).kind, 'stale')
      assert.equal((await asker.read(to, more)).kind, 'stale')
      assert.equal((await asker.list(to, more)).kind, 'stale')
      assert.equal((await asker.install(to, counter, more)).kind, 'stale')
    }
    for (const name of 'bd') assert.equal(world.record(name, KEY), null, name)
  })

  it('a topology that nobody can give', async () => {
    const world = await RegisterWorld.start(['abc'])
    const asker = new Asker(world, 'a', KEY)
    const topology = Number.MAX_SAFE_INTEGER
    const error = await errorOf(asker.prepare('b', counterAt(world), { topology }))
    assert.equal(error.code, 'UNREACHABLE')
    assert.equal(world.record('b', KEY), null)
    await world.drive(world.reg('a').set(KEY, 'v'))
  })

  it('ballots of nobody and votes on nothing, and the register is as it was', async () => {
    const world = await RegisterWorld.start(['abc'])
    const asker = new Asker(world, 'a', KEY)
    const counter = counterAt(world)
    const asked = [
      asker.prepare('b', 0),
      asker.accept('b', { counter: 0, next: counter, value: VALUE }),
      asker.accept('b', { counter, next: 0, value: VALUE }),
      asker.accept('b', { counter }),
    ]
    for (const each of asked) assert.equal((await errorOf(each)).code, 'USAGE')
    assert.equal(world.record('b', KEY), null)
    await world.drive(world.reg('b').set(KEY, 'v'))
    assert.equal((await world.drive(world.reg('c').get(KEY)))?.value, 'v')
  })

  it('ballots of the far future, in whichever place they stand', async () => {
    const world = await RegisterWorld.start(['abc'])
    const asker = new Asker(world, 'a', KEY)
    const now = counterAt(world)
    for (const far of [counterAt(world, SKEW_MS_MAX + 5000), Number.MAX_SAFE_INTEGER]) {
      const asked = [
        asker.prepare('b', far),
        asker.accept('b', { counter: far, next: now, value: VALUE }),
        asker.accept('b', { counter: now, next: far, value: VALUE }),
        asker.install('b', far),
      ]
      for (const each of asked) assert.equal((await errorOf(each)).code, 'CLOCK_SKEW')
    }
    assert.equal(world.record('b', KEY), null)
    await asker.prepare('b', counterAt(world, SKEW_MS_MAX - 5000))
    assert.ok(world.record('b', KEY) !== null)
  })

  it('to say with a ballot of another: a ballot is its sender’s own', async () => {
    const world = await RegisterWorld.start(['abc'])
    await new Asker(world, 'a', KEY).prepare('b', counterAt(world))
    const { self } = world.node('a').mesh
    const { storageId, boot } = world.record('b', KEY)?.promised ?? {}
    assert.deepEqual([storageId, boot], [self.storageId, self.boot])
  })
})

describe('a clock that is years ahead', () => {
  it('drags nobody along: the others change what they like', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.skew('c', 10 * YEAR_MS)
    // Nobody but itself takes its ballot, and then not even itself.
    await errorOf(world.drive(world.reg('c').set(KEY, 'late', { deadlineMs: 200 })))
    assert.equal(world.record('c', KEY), null)
    await new Asker(world, 'c', KEY).prepare('c', counterAt(world, 10 * YEAR_MS))
    assert.ok((world.record('c', KEY)?.promised.counter ?? 0) > counterAt(world, YEAR_MS))
    // Its rejection is in sight while the third is slow.
    world.fate = (q) => (q.to === 'b' && isPrepare(q) ? 'lost' : undefined)
    await errorOf(world.drive(world.reg('a').set(KEY, 'v', { deadlineMs: 1200 })))
    world.fate = () => undefined
    await world.drive(world.reg('a').set(KEY, 'v2'))
    await world.drive(world.reg('a').set('another', 'v'))
    await world.drive(world.reg('b').set(KEY, 'v3'))
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'v3')
  })

  it('keeps no partition from moving', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set('other', 'v'))
    world.skew('c', 10 * YEAR_MS)
    await new Asker(world, 'c', KEY).prepare('c', counterAt(world, 10 * YEAR_MS))
    world.move(['def'])
    await world.tell()
    await world.installed('def')
    world.finish()
    await world.tell()
    await world.drive(world.reg('d').set(KEY, 'v'))
    assert.equal((await world.drive(world.reg('e').get('other')))?.value, 'v')
  })
})

describe('a clock that is years behind', () => {
  it('is no obstacle to whoever has it: it follows the others', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.skew('c', -3 * YEAR_MS)
    const { version } = await world.drive(world.reg('a').set(KEY, 'v'))
    assert.equal(world.record('c', KEY), null, 'to its disk all of it lies in the future')
    const after = await world.drive(world.reg('c').set(KEY, 'v2'))
    assert.ok(after.version > version)
    assert.ok((await world.drive(world.reg('c').set('fresh', 'v'))).version > version)
  })

  it('and was never set takes part: a small machine starts in 1970', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.skew('c', 5000 - world.clock.wallMs())
    await world.drive(world.reg('c').set('own', 'v'))
    world.lose('b')
    await world.drive(world.reg('a').set(KEY, 'v'))
    assert.equal(world.text('c', KEY), 'v')
    const { version } = await world.drive(world.reg('c').set(KEY, 'v2'))
    world.skew('c', 0)
    assert.ok((await world.drive(world.reg('c').set(KEY, 'v3'))).version > version)
  })

  it('and that took part before takes part after a restart', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'v'))
    await world.wait(10)
    world.crash('c')
    world.skew('c', -3 * YEAR_MS)
    await world.boot('c')
    world.lose('b')
    await world.drive(world.reg('a').set(KEY, 'v2'))
    assert.equal(world.text('c', KEY), 'v2')
  })
})

describe('another disk under a known name', () => {
  it('does not count, and the others are enough', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'v'))
    world.crash('c')
    world.disks.delete('c')
    // Membership has not noticed yet: requests arrive, and the disk behind is another.
    await world.boot('c', 'member', { storageId: memberOf('x').storageId })
    world.roll.set(memberOf('c'), 'alive')
    const startMs = world.clock.monotonicMs()
    await world.drive(world.reg('a').set(KEY, 'v2'))
    await world.drive(world.reg('b').set(KEY, 'v3'))
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'v3')
    assert.ok(world.clock.monotonicMs() - startMs < 500)
    assert.equal(world.record('a', KEY)?.promised.cfg, 2)
    world.asked.length = 0
    world.fate = (q) => (q.to === 'b' ? 'unreachable' : undefined)
    const few = world.drive(world.reg('a').set(KEY, 'v4', { deadlineMs: 500 }))
    assert.equal((await errorOf(few)).code, 'NO_QUORUM')
    const asked = world.asked.filter((q) => isPrepare(q) || isAccept(q)).length
    assert.ok(asked < 100, `no storm: ${asked}`)
  })

  it('nor does an answer that names another place than the asked one has', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.lose('c')
    // b speaks for a.
    world.node('b').mesh.handle(REQUEST_KINDS.REG_ACCEPT, () => answerWriter(0).finish())
    const error = await errorOf(world.drive(world.reg('a').set(KEY, 'v', { deadlineMs: 500 })))
    assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'unknown'])
  })
})
