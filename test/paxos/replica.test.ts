/**
 * One replica, asked as by any peer: nothing is said before it is durable (I5), nothing is served
 * below the fence (I6), what is collected stays so (I9).
 */
import assert from 'node:assert/strict'
import { UNITS_PER_MS } from '../../src/base/hybrid-time.ts'
import type { Header } from '../../src/topology/request-header.ts'
import { ABSENT, type Register } from '../../src/paxos/register.ts'
import { errorOf } from '../store/error-of.ts'
import { Asker } from './ask.ts'
import { registerOf } from './judging.ts'
import { isFetch, RegisterWorld } from './world.ts'

const KEY = 'k'
const TOMBSTONE: Register = { ...ABSENT, revision: 5, changes: 1 }

const now = (world: RegisterWorld): number => world.clock.wallMs() * UNITS_PER_MS

async function start(sets = 'abc', nodes = ''): Promise<[RegisterWorld, Asker, number]> {
  const world = await RegisterWorld.start([sets], { nodes })
  return [world, new Asker(world, 'a', KEY), now(world)]
}

describe('a replica says nothing before it is durable', () => {
  it('no promise, no vote: what was answered survives the loss of power', async () => {
    const [world, asker, counter] = await start()
    asker.drives = false
    world.hub.delayMs = () => 0.01
    /** The power goes in the moment of the answer. */
    const thenCrash = async <T>(answer: Promise<T>): Promise<T> => {
      const reply = await world.drive(
        answer.then((each) => {
          world.crash('b')
          return each
        }),
      )
      await world.boot('b')
      return reply
    }
    for (let i = 0; i < 10; i++) {
      const at = counter + 10 * i
      assert.equal((await thenCrash(asker.prepare('b', at))).kind, 'answer')
      assert.equal(world.record('b', KEY)?.promised.counter, at)
      const late = asker.accept('b', { counter: at - 1, value: registerOf('late') })
      assert.equal((await world.drive(late)).kind, 'rejected', 'a lower vote that comes late')
      const vote = { counter: at, next: at + 5, value: registerOf(`v${i}`) }
      assert.equal((await thenCrash(asker.accept('b', vote))).kind, 'answer')
      assert.equal(world.text('b', KEY), `v${i}`)
      const held = await world.drive(asker.read('b'))
      assert.equal(held.kind === 'answer' && held.body.accepted.counter, at)
      const below = await world.drive(asker.prepare('b', at + 4))
      assert.equal(below.kind, 'rejected', 'the next is promised too')
    }
  })

  it('a read shows what is durable, and not a vote that is being written', async () => {
    const [world, asker, counter] = await start()
    world.hub.delayMs = () => 0.01
    asker.drives = false
    const vote = asker.accept('b', { counter, value: registerOf('v') })
    let early = 0
    for (let i = 0; i < 60; i++) {
      const before = world.record('b', KEY)
      const reading = asker.read('b')
      await world.wait(0.05)
      const after = world.record('b', KEY)
      const held = await reading
      const shown = held.kind === 'answer' ? held.body.accepted.counter : -1
      if (after === null) assert.equal(shown, 0)
      if (before !== null) assert.equal(shown, counter)
      if (after === null) early++
    }
    assert.ok(early > 0 && world.record('b', KEY) !== null, `${early} were early enough`)
    await vote
  })

  it('nor that a partition is installed, and then it says so in every answer', async () => {
    const [world, , counter] = await start('abc', 'def')
    world.fate = (q) => (q.from !== 'a' ? 'lost' : undefined)
    world.move(['def'])
    await world.tell()
    const asker = new Asker(world, 'a', KEY)
    const before = await asker.prepare('d', counter)
    assert.equal(before.kind === 'answer' && before.body.installed, false)
    await asker.install('d', counter + 77)
    assert.deepEqual(
      [world.state('d', KEY).installed, world.state('d', KEY).counterMax],
      [world.latest.number, counter + 77],
    )
    const after = await asker.prepare('d', counter + 1)
    assert.equal(after.kind === 'answer' && after.body.installed, true)
    assert.equal(after.kind === 'answer' && after.body.counterMax, counter + 77)
    const held = await asker.read('d')
    assert.equal(held.kind === 'answer' && held.body.installed, true)
    await asker.install('d', counter)
    assert.equal(world.state('d', KEY).counterMax, counter + 77, 'never less')
    assert.equal((await asker.install('a', counter)).kind, 'stale', 'the old set is not told')
  })

  it('when the disk is full it answers nothing, and has nothing', async () => {
    const [world, asker, counter] = await start()
    world.disk('b').faults.capacityBytes = 0
    const vote = { counter, value: registerOf('v') }
    assert.equal((await errorOf(asker.prepare('b', counter))).code, 'DISK_FULL')
    assert.equal((await errorOf(asker.accept('b', vote))).code, 'DISK_FULL')
    assert.equal(world.record('b', KEY), null)
    world.disk('b').faults.capacityBytes = Number.POSITIVE_INFINITY
    assert.equal((await asker.prepare('b', counter - 5)).kind, 'answer')
  })

  it('when a sync fails it answers nothing any more', async () => {
    const [world, asker, counter] = await start()
    world.disk('b').faults.failSync = true
    assert.equal((await errorOf(asker.prepare('b', counter))).code, 'STORAGE_FAILED')
    world.disk('b').faults.failSync = false
    assert.equal((await errorOf(asker.prepare('b', counter + 1))).code, 'STORAGE_FAILED')
    assert.equal((await errorOf(asker.read('b'))).code, 'STORAGE_FAILED')
  })
})

describe('a vote that is refused', () => {
  it('leaves no trace: neither its value nor the ballot that came along', async () => {
    const [world, asker, counter] = await start()
    await asker.prepare('b', counter)
    const vote = { counter: counter - 1, next: counter + 100, value: registerOf('v') }
    assert.equal((await asker.accept('b', vote)).kind, 'rejected')
    assert.equal(world.record('b', KEY)?.promised.counter, counter)
    assert.equal((await asker.prepare('b', counter + 50)).kind, 'answer')
  })
})

describe('the fence', () => {
  /** `b` knows that the partition has moved from abc to def; `a` asks by the old configuration. */
  async function moved(): Promise<[RegisterWorld, Asker, number, Partial<Header>]> {
    const [world, , counter] = await start('abc', 'def')
    const before = new Asker(world, 'a', KEY)
    await before.accept('b', { counter, value: registerOf('old') })
    const { topology, cfg } = before.header()
    world.fate = (q) => (q.from !== 'a' ? 'lost' : undefined)
    world.move(['def'])
    await world.tell()
    return [world, new Asker(world, 'a', KEY), counter, { topology, cfg }]
  }

  it('nothing of an older configuration is promised, voted on, or read', async () => {
    const [world, asker, counter, old] = await moved()
    for (const reply of [
      await asker.prepare('b', counter + 10, old),
      await asker.accept('b', { counter: counter + 10, value: registerOf('late') }, old),
      await asker.read('b', old),
      await asker.list('b', old),
      await asker.install('b', counter, old),
    ]) {
      assert.deepEqual(reply, { kind: 'stale', topology: world.latest.number })
    }
    assert.equal(world.text('b', KEY), 'old')
    assert.equal(world.record('b', KEY)?.promised.counter, counter)
  })

  it('an old replica promises under the new one, shows what it has, and votes no more', async () => {
    const [world, asker, counter] = await moved()
    const reply = await asker.prepare('b', 1)
    assert.ok(reply.kind === 'answer' && reply.body.accepted.counter === counter)
    assert.equal(world.record('b', KEY)?.promised.cfg, world.latest.number)
    assert.equal((await asker.accept('b', { counter: 2, value: registerOf('v') })).kind, 'stale')
    assert.equal(world.text('b', KEY), 'old')
  })

  it('a newer one is fetched first; without it nothing is answered, and nothing listed', async () => {
    const [world, , counter] = await start('abc', 'def')
    const before = new Asker(world, 'a', KEY)
    await before.accept('b', { counter, value: registerOf('old') })
    world.move(['def'])
    await world.tell('a')
    const asker = new Asker(world, 'a', KEY)
    world.fate = (q) => (isFetch(q) || q.from !== 'a' ? 'unreachable' : undefined)
    assert.equal((await errorOf(asker.list('b'))).code, 'UNREACHABLE')
    assert.equal((await errorOf(asker.prepare('b', counter + 1))).code, 'UNREACHABLE')
    assert.equal(world.record('b', KEY)?.promised.cfg, 2)
    world.fate = (q) => (q.from !== 'a' && !isFetch(q) ? 'unreachable' : undefined)
    const listed = await asker.list('b')
    assert.equal(listed.kind, 'answer')
    assert.equal(world.node('b').topology.current()?.number, world.latest.number)
  })

  it('an answer that was on its way when the topology changed is void', async () => {
    const [world, asker, counter] = await start('abc', 'def')
    world.move(['def'])
    world.fate = (q) => (q.from !== 'a' ? 'lost' : undefined)
    const { topology, cfg } = asker.header({ topology: 2, cfg: 2 })
    world.hub.delayMs = () => 0.01
    // Learned while the vote is being written: whichever is durable first.
    for (let i = 0; i < 20; i++) {
      const vote = asker.accept(
        'b',
        { counter: counter + i, value: registerOf(`${i}`) },
        { topology, cfg },
      )
      const learning =
        i === 3 ? world.node('b').topology.learn(world.latest) : Promise.resolve(true)
      const [reply] = await world.drive(Promise.all([vote, learning]))
      const known = world.node('b').topology.current()?.number ?? 0
      assert.equal(reply.kind, known > 2 ? 'stale' : 'answer', `${i}`)
    }
  })

  it('what was voted on just before it is in the list', async () => {
    const [world, , counter] = await start('abc', 'def')
    world.hub.delayMs = () => 0.01
    world.fate = (q) => (q.from !== 'a' ? 'lost' : undefined)
    const before = new Asker(world, 'a', KEY)
    const { topology, cfg } = before.header()
    const next = world.move(['def'])
    const learning = world.node('b').topology.learn(next)
    // The topology is being written; this vote comes after it, and is served under the old one.
    await world.wait(0.1)
    assert.equal(world.node('b').topology.current()?.number, 2)
    const vote = before.accept('b', { counter, value: registerOf('just') }, { topology, cfg })
    const asker = new Asker(world, 'a', KEY)
    await world.drive(learning)
    const list = asker.list('b')
    const [reply] = await world.drive(Promise.all([list, vote]))
    const votes = reply.kind === 'answer' ? reply.body.votes.map(([key]) => key) : []
    assert.equal(world.text('b', KEY), 'just')
    assert.deepEqual(votes, [KEY])
  })
})

describe('what is collected', () => {
  async function deleted(): Promise<[RegisterWorld, Asker, number]> {
    const [world, asker, counter] = await start()
    await asker.accept('b', { counter, next: counter + 10, value: TOMBSTONE })
    return [world, asker, counter]
  }
  const ballotOf = (world: RegisterWorld) => {
    const record = world.record('b', KEY)
    assert.ok(record !== null)
    return record.accepted
  }

  it('is a tombstone, at the very ballot, and leaves its promise in the floor', async () => {
    const [world, asker, counter] = await deleted()
    const ballot = ballotOf(world)
    await asker.remove('b', { ...ballot, counter: counter - 1 })
    await asker.remove('b', { ...ballot, boot: ballot.boot + 1 })
    assert.ok(world.record('b', KEY) !== null)
    await asker.remove('b', ballot)
    assert.equal(world.record('b', KEY), null)
    assert.equal(world.state('b', KEY).floor.counter, counter + 10)
    // A vote and a prepare that come late bring nothing back.
    const late = { counter: counter - 5, value: registerOf('back') }
    assert.equal((await asker.accept('b', late)).kind, 'rejected')
    assert.equal((await asker.prepare('b', counter + 10)).kind, 'rejected')
    const next = await asker.prepare('b', counter + 11)
    assert.ok(next.kind === 'answer' && next.body.counterMax === counter + 10)
  })

  it('is no value', async () => {
    const [world, asker, counter] = await start()
    await asker.accept('b', { counter, value: registerOf('v') })
    await asker.remove('b', ballotOf(world))
    assert.equal(world.text('b', KEY), 'v')
  })

  it('is nothing while the partition moves, nor of another configuration', async () => {
    const [world, , counter] = await deleted()
    const ballot = ballotOf(world)
    world.fate = (q) => (q.from !== 'a' ? 'lost' : undefined)
    world.move(['bcd'].map((set) => set.slice(0, 2)))
    await world.tell('ab')
    const asker = new Asker(world, 'a', KEY)
    await asker.remove('b', ballot)
    assert.ok(world.record('b', KEY) !== null)
    const old = await asker.remove('b', ballot, { topology: 2, cfg: 2 })
    assert.equal(old.kind, 'stale')
    assert.equal(world.record('b', KEY)?.accepted.counter, counter)
  })
})
