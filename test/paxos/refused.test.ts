/**
 * What no honest peer asks, as hostile bytes: refused, counted by reason, logged once a peer and
 * reason, and without a trace on the disk. What a peer asks that is merely late is not counted.
 */
import assert from 'node:assert/strict'
import { SKEW_MS_MAX, UNITS_PER_MS } from '../../src/base/hybrid-time.ts'
import { type Refused } from '../../src/paxos/counts.ts'
import { PrepareJudge } from '../../src/paxos/prepare-judge.ts'
import { ReadJudge } from '../../src/paxos/read-judge.ts'
import { COMBINED_MAX } from '../../src/paxos/limits.ts'
import { ABSENT, checkHead, encodeRegister, type Register } from '../../src/paxos/register.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { errorOf } from '../store/error-of.ts'
import { memberOf } from '../topology/members.ts'
import { Asker } from './ask.ts'
import { ballotAt, placeFor, promiseOf } from './judging.ts'
import { isPrepare, RegisterWorld } from './world.ts'

const KEY = 'k'
const END = Number.MAX_SAFE_INTEGER

function counterAt({ clock }: RegisterWorld, aheadMs = 0): number {
  return (clock.wallMs() + aheadMs) * UNITS_PER_MS
}

function registerAt(revision: number, changes = 0, born = 0): Register {
  const value = new TextEncoder().encode('v')
  return { ...ABSENT, kind: 'text', value, revision, changes, born }
}

/** How often a node refused for that reason, and for any; and for what its log says so, of whom. */
function refusedBy(world: RegisterWorld, name: string, reason: Refused) {
  const { lines, reg } = world.node(name)
  const { counts, total } = reg.counts.refusals
  const logged = lines.filter(({ event }) => event === 'paxos.refused')
  const said = logged.map(({ fields }) => `${String(fields.reason)} ${String(fields.peer)}`)
  return [counts[reason], total, said] as const
}

describe('refused, counted, and logged once', () => {
  const idOf = (name: string): string => memberOf(name).id

  it('ballots of the far future', async () => {
    const world = await RegisterWorld.start(['abc'])
    for (const by of ['a', 'c', 'a']) {
      const asker = new Asker(world, by, KEY)
      for (const far of [counterAt(world, SKEW_MS_MAX + 5000), END]) {
        assert.equal((await errorOf(asker.prepare('b', far))).code, 'CLOCK_SKEW')
      }
    }
    const said = [`far-future ${idOf('a')}`, `far-future ${idOf('c')}`]
    assert.deepEqual(refusedBy(world, 'b', 'far-future'), [6, 6, said])
  })

  it('ballots for a disk that is no member’s', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'x' })
    const counter = counterAt(world)
    const { mesh } = world.node('a')
    for (let i = 0; i < 3; i++) {
      const asked = new Asker(world, 'x', KEY).prepare('b', counter)
      assert.equal((await errorOf(asked)).code, 'DENIED')
    }
    // A member by its key, and with the storage id of another, or of nobody.
    for (const { storageId } of [memberOf('c'), memberOf('nobody')]) {
      Object.assign(mesh, { self: { ...mesh.self, storageId } })
      const asked = new Asker(world, 'a', KEY).prepare('b', counter)
      assert.equal((await errorOf(asked)).code, 'DENIED')
    }
    const said = [`not-a-member ${idOf('x')}`, `not-a-member ${idOf('a')}`]
    assert.deepEqual(refusedBy(world, 'b', 'not-a-member'), [5, 5, said])
    assert.equal(world.record('b', KEY), null)
  })

  it('ballots for a partition that is not held here, or that nobody has', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    const asker = new Asker(world, 'a', KEY)
    const counter = counterAt(world)
    for (const more of [{}, { cfg: 99 }, { partition: 65_535 }, { partition: 7, topology: 1 }]) {
      assert.equal((await asker.prepare('d', counter, more)).kind, 'stale')
    }
    const said = [`not-held ${idOf('a')}`]
    assert.deepEqual(refusedBy(world, 'd', 'not-held'), [4, 4, said])
    assert.equal(world.record('d', KEY), null)
  })

  it('but not those of who has yet to hear that it moved', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    const asker = new Asker(world, 'a', KEY)
    const { topology, cfg } = asker.header()
    world.move(['def'])
    await world.tell()
    const reply = await asker.prepare('b', counterAt(world), { topology, cfg })
    assert.equal(reply.kind, 'stale')
    assert.deepEqual(refusedBy(world, 'b', 'not-held'), [0, 0, []])
  })

  it('ballots under a topology that nobody has', async () => {
    const world = await RegisterWorld.start(['abc'])
    const asker = new Asker(world, 'a', KEY)
    for (const topology of [99, END, END]) {
      const error = await errorOf(asker.prepare('b', counterAt(world), { topology }))
      assert.equal(error.code, 'UNREACHABLE')
    }
    const said = [`unknown-topology ${idOf('a')}`]
    assert.deepEqual(refusedBy(world, 'b', 'unknown-topology'), [3, 3, said])
    assert.equal(world.record('b', KEY), null)
  })

  it('bytes that say nothing', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { mesh } = world.node('a')
    for (const body of [Uint8Array.of(), Uint8Array.of(2, 0, 2, 1), new Uint8Array(9).fill(255)]) {
      const asked = mesh.request(idOf('b'), REQUEST_KINDS.REG_ACCEPT, body, { timeoutMs: 100 })
      assert.equal((await errorOf(world.drive(asked))).code, 'USAGE')
    }
    const said = [`malformed ${idOf('a')}`]
    assert.deepEqual(refusedBy(world, 'b', 'malformed'), [3, 3, said])
  })

  it('honest work is none of it, over changes, deletions and movements', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    for (const name of 'abcabc') {
      const calls = Array.from({ length: 20 }, () => world.reg(name).incr('n', 1))
      await world.drive(Promise.all(calls))
    }
    await world.drive(world.reg('b').del('n'))
    world.move(['def'])
    await world.tell()
    await world.installed('def')
    world.finish()
    await world.tell()
    await world.drive(world.reg('a').set('n', 'v'))
    await world.drive(world.reg('e').get('n'))
    for (const name of 'abcdef') assert.equal(world.reg(name).counts.refusals.total, 0, name)
  })

  it('nor are the ballots of who met a wild one: it is not followed', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.skew('c', 10 * 365 * SKEW_MS_MAX)
    await new Asker(world, 'c', KEY).prepare('c', counterAt(world, 9 * 365 * SKEW_MS_MAX))
    // Its rejection is in sight while the third says nothing.
    let lost = 0
    world.fate = (q) => (q.to === 'b' && isPrepare(q) && lost++ < 1 ? 'lost' : undefined)
    await world.drive(world.reg('a').set(KEY, 'v', { deadlineMs: 3000 }))
    assert.deepEqual([lost, world.text('b', KEY)], [2, 'v'])
    assert.deepEqual(refusedBy(world, 'b', 'far-future'), [0, 0, []])
  })
})

describe('what a register says of its own number', () => {
  it('is bounded by its ballot: a vote that is ahead of it is refused', async () => {
    const world = await RegisterWorld.start(['abc'])
    const asker = new Asker(world, 'a', KEY)
    const counter = counterAt(world)
    for (const value of [
      registerAt(END),
      registerAt(counter + COMBINED_MAX),
      registerAt(counter, END),
      registerAt(counter, counter + 1),
      registerAt(counter, 1, END),
      registerAt(counter, 1, counter + 1),
    ]) {
      assert.equal((await errorOf(asker.accept('b', { counter, value }))).code, 'USAGE')
    }
    assert.equal(world.record('b', KEY), null)
    assert.equal(refusedBy(world, 'b', 'malformed')[0], 6)
    const highest = registerAt(counter + COMBINED_MAX - 1, counter, counter)
    assert.equal((await asker.accept('b', { counter, value: highest })).kind, 'answer')
  })

  it('as many operations as share a ballot stay below it', async () => {
    const world = await RegisterWorld.start(['abc'])
    const calls = Array.from({ length: COMBINED_MAX * 2 }, () => world.reg('a').incr('n', 1))
    const values = await world.drive(Promise.all(calls))
    assert.equal(values.at(-1)?.value, 2 * COMBINED_MAX)
    const record = world.record('b', 'n')
    assert.ok(record !== null)
    checkHead(record.value, record.accepted)
    const { revision = 0 } = world.register('b', 'n') ?? {}
    assert.ok(revision >= record.accepted.counter + COMBINED_MAX - 1, 'the bound is reached')
    const below = { ...record.accepted, counter: record.accepted.counter - 1 }
    assert.throws(() => checkHead(record.value, below), /ahead of its ballot/)
  })

  it('and believed of no replica: such an answer counts as none', () => {
    const value = encodeRegister(registerAt(END))
    const accepted = ballotAt(7)
    const promise = promiseOf('7', { value })
    assert.throws(
      () => new PrepareJudge(placeFor('abc'), () => false).onReply('a', promise),
      /ahead of its ballot/,
    )
    const body = { accepted, value, installed: true }
    assert.throws(
      () => new ReadJudge(placeFor('abc')).onReply('a', { kind: 'answer', place: 0, body }),
      /ahead of its ballot/,
    )
  })
})
