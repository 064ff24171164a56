/**
 * Who proposes, and what becomes of operations that were handed on (REGISTERS.md §2, "Who proposes",
 * "Unknown outcome"): whatever is lost, late or asked twice, each happens at most once, and what
 * its caller was told stays true.
 */
import assert from 'node:assert/strict'
import type { AtollError } from '../../src/base/errors.ts'
import { encodeForwarded } from '../../src/paxos/forward-messages.ts'
import { FORWARD_BUSY_MS, FORWARD_MS, RECENT_NAMED_MAX } from '../../src/paxos/limits.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { errorOf } from '../store/error-of.ts'
import { memberOf } from '../topology/members.ts'
import {
  isAccept,
  isFetch,
  isForward,
  isPrepare,
  lettersOf,
  type Question,
  RegisterWorld,
} from './world.ts'

const KEY = 'k'

const forwards = (world: RegisterWorld): Question[] => world.asked.filter(isForward)

describe('who proposes', () => {
  it('a replica for its own callers: nobody is asked but for votes, once in one round', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('b').set(KEY, 'v1'))
    world.asked.length = 0
    await world.drive(world.reg('b').set(KEY, 'v2'))
    assert.deepEqual([forwards(world).length, world.asked.filter(isPrepare).length], [0, 0])
    assert.equal(world.asked.filter(isAccept).length, 2)
  })

  it('the first replica that is up, for those who are none', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'x' })
    for (const name of 'dx') await world.drive(world.reg(name).set(KEY, name))
    assert.deepEqual(
      forwards(world).map(({ to }) => to),
      ['a', 'a'],
    )
    world.lose('a')
    for (const name of 'dx') await world.drive(world.reg(name).set(KEY, name))
    assert.deepEqual(
      forwards(world).map(({ to }) => to),
      ['a', 'a', 'b', 'b'],
    )
  })

  it('the first replica, once proposers have met on a key; after a while each for itself', async () => {
    const world = await RegisterWorld.start(['abc'])
    const both = lettersOf('bcbcbcbc').map((name) => world.reg(name).incr(KEY))
    await world.drive(Promise.all(both))
    await world.drive(Promise.all([world.reg('b').incr(KEY), world.reg('c').incr(KEY)]))
    world.asked.length = 0
    await world.drive(Promise.all([world.reg('b').incr(KEY), world.reg('c').incr(KEY)]))
    assert.ok(forwards(world).every(({ to }) => to === 'a'))
    assert.ok(forwards(world).length > 0)
    await world.wait(6000)
    world.asked.length = 0
    assert.equal((await world.drive(world.reg('b').incr(KEY))).value, 13)
    assert.equal(forwards(world).length, 0)
  })

  it('one that others overtook long ago: it builds on nothing old, and knows what became of it', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('b').set(KEY, 'old'))
    for (let i = 0; i < 2 * RECENT_NAMED_MAX; i++)
      await world.drive(world.reg('c').set(KEY, `c${i}`))
    await world.wait(6000)
    world.asked.length = 0
    await world.drive(world.reg('b').set(KEY, 'new'))
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'new')
    assert.equal(forwards(world).length, 0)
  })

  it('another, soon, when the first is killed, and after 300 ms when it is paused', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    world.fate = (q) => (q.to === 'a' ? 'unreachable' : undefined)
    let startMs = world.clock.monotonicMs()
    await world.drive(world.reg('d').set(KEY, 'v'))
    assert.ok(world.clock.monotonicMs() - startMs < 100)
    world.fate = (q) => (q.to === 'a' ? 'lost' : undefined)
    startMs = world.clock.monotonicMs()
    await world.drive(world.reg('d').set(KEY, 'v2'))
    const tookMs = world.clock.monotonicMs() - startMs
    assert.ok(tookMs >= FORWARD_MS && tookMs < FORWARD_MS + 100, `${tookMs}`)
  })

  it('another at once, for a second after the first was found paused; then the first again', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    world.fate = (q) => (q.to === 'a' ? 'lost' : undefined)
    await world.drive(world.reg('d').set(KEY, 'v'))
    const startMs = world.clock.monotonicMs()
    for (let i = 0; i < 5; i++) await world.drive(world.reg('d').set(`k${i}`, 'v'))
    assert.ok(world.clock.monotonicMs() - startMs < 100)
    world.fate = () => undefined
    await world.wait(1100)
    world.asked.length = 0
    await world.drive(world.reg('d').set(KEY, 'v2'))
    assert.deepEqual(
      forwards(world).map(({ to }) => to),
      ['a'],
    )
  })

  it('the same one for all who give up a paused first: they are not in each other’s way', async () => {
    const world = await RegisterWorld.start(['cde'], { nodes: 'ab' })
    world.fate = (q) => (q.to === 'c' ? 'lost' : world.later(2))
    const endMs = world.clock.monotonicMs() + 3000
    let calls = 0
    const caller = async (name: string): Promise<void> => {
      for (; world.clock.monotonicMs() < endMs; calls++) {
        await world.reg(name).set(KEY, `${name}${calls}`, { deadlineMs: 8000 })
      }
    }
    await world.drive(Promise.all([caller('a'), caller('b')]))
    assert.ok(calls > 300, `${calls}: each waits once a second, and no other is in its way`)
    assert.deepEqual(new Set(forwards(world).map(({ to }) => to)), new Set('cd'))
  })

  it('the first for a second, when it is slow but answers others', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.reg('d').set('other', 'v'))
    let isLost = true
    world.fate = (q) => {
      if (q.to !== 'a' || !isForward(q) || !isLost) return undefined
      isLost = false
      return 'lost'
    }
    const startMs = world.clock.monotonicMs()
    let doneMs = 0
    const slow = world.reg('d').set(KEY, 'v')
    const done = slow.then(() => {
      doneMs = world.clock.monotonicMs()
    })
    for (let i = 0; i < 8; i++) {
      await world.wait(FORWARD_MS / 2)
      await world.drive(world.reg('d').set('other', 'v2'))
    }
    await world.drive(done)
    const tookMs = doneMs - startMs
    assert.ok(tookMs >= FORWARD_BUSY_MS && tookMs < FORWARD_BUSY_MS + 200, `${tookMs}`)
    world.asked.length = 0
    await world.drive(world.reg('d').set('other', 'v3'))
    assert.deepEqual(
      forwards(world).map(({ to }) => to),
      ['a'],
      'it is not held for paused',
    )
  })

  it('nobody, when no replica can be reached: an edge says so in time', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'x' })
    for (const name of 'abc') world.lose(name)
    const startMs = world.clock.monotonicMs()
    const error = await errorOf(world.drive(world.reg('x').set(KEY, 'v', { deadlineMs: 500 })))
    assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'not-applied'])
    assert.ok(world.clock.monotonicMs() - startMs <= 520)
  })

  it('a node without part in the cluster’s data refuses to', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'x' })
    const body = encodeForwarded({
      topology: 2,
      key: KEY,
      id: 'n1',
      since: 0,
      deadlineMs: 100,
      operation: { kind: 'read' },
    })
    const { mesh } = world.node('a')
    const asked = mesh.request(memberOf('x').id, REQUEST_KINDS.REG_PROPOSE, body, {
      timeoutMs: 100,
    })
    assert.equal((await errorOf(world.drive(asked))).code, 'BUSY')
  })
})

describe('who hands an operation on and names a topology that is not known', () => {
  const named = async (from: string, topology: number): Promise<[string, number]> => {
    const world = await RegisterWorld.start(['abc'], { edges: 'x' })
    await world.boot('z')
    const operation = { kind: 'read' } as const
    const message = { topology, key: KEY, id: 'n1', since: 0, deadlineMs: 100, operation }
    const { mesh } = world.node(from)
    const body = encodeForwarded(message)
    world.asked.length = 0
    const options = { timeoutMs: 1000 }
    const asked = mesh.request(memberOf('a').id, REQUEST_KINDS.REG_PROPOSE, body, options)
    const told = await world.drive(
      asked.then(
        () => 'served',
        (error: AtollError) => error.code,
      ),
    )
    return [told, world.asked.filter(isFetch).length]
  }

  it('is followed when it is a member', async () => {
    const [told, fetches] = await named('b', 2 ** 50)
    assert.notEqual(told, 'served')
    assert.ok(fetches > 0)
  })

  it('and served without that when it is none', async () => {
    for (const from of 'xz') assert.deepEqual(await named(from, 2 ** 50), ['served', 0], from)
  })
})

describe('an operation that was handed on happens once', () => {
  it('though its answer is lost, or comes late, or it arrives twice, or late', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'x' })
    let sum = 0
    const fates = ['answer lost', 'lost', 'unreachable', undefined] as const
    for (const from of 'dx') {
      await world.drive(world.reg(from).get(KEY))
      for (const fate of fates) {
        let isFirst = true
        world.fate = (q) => {
          if (!isForward(q) || !isFirst) return undefined
          isFirst = false
          return fate
        }
        const { value } = await world.drive(world.reg(from).incr(KEY))
        assert.equal(value, ++sum, `${from} ${fate}`)
      }
      for (const lateMs of [290, 299, 300, 301, 310, 400]) {
        world.fate = (q) => (isForward(q) && q.to === 'a' ? world.later(lateMs) : undefined)
        assert.equal((await world.drive(world.reg(from).incr(KEY))).value, ++sum, `${lateMs}`)
      }
      await world.wait(1000)
    }
    world.fate = () => undefined
    world.hub.repeats = () => true
    for (let i = 0; i < 5; i++) {
      assert.equal((await world.drive(world.reg('d').incr(KEY))).value, ++sum)
    }
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, sum)
  })

  const late: readonly (readonly [
    what: string,
    before: (world: RegisterWorld) => Promise<unknown>,
    call: (world: RegisterWorld) => Promise<unknown>,
    code: string | null,
  ])[] = [
    ['a delete of nothing', async () => undefined, (w) => w.reg('d').del(KEY), null],
    [
      'a set if absent',
      (w) => w.reg('a').set(KEY, 'here'),
      (w) => w.reg('d').set(KEY, 'never', { ifAbsent: true }),
      'CONFLICT',
    ],
    ['a sum of text', (w) => w.reg('a').set(KEY, 'text'), (w) => w.reg('d').incr(KEY), 'CONFLICT'],
  ]
  for (const [what, before, call, code] of late) {
    it(`${what} that changed nothing changes nothing later`, async () => {
      const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
      await world.drive(before(world))
      world.fate = (q) => (isForward(q) ? world.later(500) : undefined)
      const answer = call(world).then(
        () => null,
        (error: { code?: string }) => error.code ?? 'none',
      )
      assert.equal(await world.drive(answer), code)
      // Now it would have something to change.
      if (what === 'a delete of nothing') await world.drive(world.reg('b').set(KEY, 5))
      else if (what === 'a set if absent') await world.drive(world.reg('b').del(KEY))
      else await world.drive(world.reg('b').set(KEY, 5))
      await world.wait(1000)
      const value = (await world.drive(world.reg('b').get(KEY)))?.value ?? null
      assert.equal(value, what === 'a set if absent' ? null : 5)
    })
  }

  it('or its outcome is unknown, when too much has happened since to tell', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.reg('d').set(KEY, 'mine'))
    // It is carried out by the first replica, and d hears of it no more; nor of any vote.
    world.fate = (q) => {
      if (q.from !== 'd') return undefined
      return isForward(q) ? 'answer lost' : 'lost'
    }
    const call = world.reg('d').set(KEY, 'again', { deadlineMs: 4000 })
    const told = errorOf(call)
    await world.wait(200)
    for (let i = 0; i <= RECENT_NAMED_MAX; i++) await world.drive(world.reg('b').set(KEY, `v${i}`))
    world.fate = (q) => (isForward(q) && q.from === 'd' ? 'answer lost' : undefined)
    assert.equal((await world.drive(told)).outcome, 'unknown')
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, `v${RECENT_NAMED_MAX}`)
  })

  it('is not done by who gets it when too much has happened since', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.reg('d').set(KEY, 'v'))
    world.fate = (q) => (isForward(q) && q.from === 'd' ? world.later(450) : undefined)
    const { version } = await world.drive(world.reg('d').set(KEY, 'mine'))
    for (let i = 0; i <= RECENT_NAMED_MAX; i++) await world.drive(world.reg('b').set(KEY, `v${i}`))
    await world.wait(1000)
    const now = await world.drive(world.reg('a').get(KEY))
    assert.equal(now?.value, `v${RECENT_NAMED_MAX}`)
    assert.ok((now?.version ?? '') > version)
  })

  it('among many on one hot key, from a node that is no replica', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    for (let i = 0; i < 20; i++) await world.drive(world.reg('a').incr(KEY))
    const calls = Array.from({ length: 400 }, (_, i) => world.reg('bd'[i % 2] ?? '').incr(KEY))
    const values = (await world.drive(Promise.all(calls))).map(({ value }) => value)
    assert.equal(new Set(values).size, 400)
    assert.equal((await world.drive(world.reg('c').get(KEY)))?.value, 420)
  })
})

describe('a call of the same name', () => {
  it('gives what the first came to, through whichever node, and does not happen again', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'x' })
    const first = await world.drive(world.reg('a').incr(KEY, 1, { opId: 'once' }))
    for (const name of 'abcdx') {
      assert.deepEqual(await world.drive(world.reg(name).incr(KEY, 1, { opId: 'once' })), first)
    }
    const conflict = { ifAbsent: true, opId: 'if' }
    for (const name of 'abcdx') {
      const error = await errorOf(world.drive(world.reg(name).set(KEY, 'v', conflict)))
      assert.equal(error.code, 'CONFLICT')
      if (name === 'a') await world.drive(world.reg('b').del(KEY))
    }
    assert.equal(await world.drive(world.reg('c').get(KEY)), null)
  })

  it('that reached nobody says nothing of the call before it', async () => {
    const world = await RegisterWorld.start(['abc'])
    const options = { opId: 'once', deadlineMs: 500 }
    world.fate = (q) => (isAccept(q) ? 'answer lost' : undefined)
    const first = await errorOf(world.drive(world.reg('a').incr(KEY, 1, options)))
    assert.equal(first.outcome, 'unknown')
    for (const name of 'bc') world.lose(name)
    const second = await errorOf(world.drive(world.reg('a').incr(KEY, 1, options)))
    assert.deepEqual([second.code, second.outcome], ['NO_QUORUM', 'not-applied'])
    world.fate = () => undefined
    for (const name of 'bc') world.find(name)
    assert.equal((await world.drive(world.reg('a').incr(KEY, 1, options))).value, 1)
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, 1)
  })

  it('two at once are one', async () => {
    const world = await RegisterWorld.start(['abc'])
    const options = { opId: 'once' }
    const calls = lettersOf('aabbcc').map((name) => world.reg(name).incr(KEY, 1, options))
    const values = (await world.drive(Promise.all(calls))).map(({ value }) => value)
    assert.deepEqual(values, [1, 1, 1, 1, 1, 1])
  })

  it('with a version known before the first: unknown when the register has forgotten', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    const { version: since } = await world.drive(world.reg('a').set(KEY, 0))
    const options = { opId: 'once', since }
    await world.drive(world.reg('a').incr(KEY, 1, options))
    for (let i = 1; i < RECENT_NAMED_MAX; i++) await world.drive(world.reg('b').incr(KEY))
    for (const name of 'ad') {
      assert.equal((await world.drive(world.reg(name).incr(KEY, 1, options))).value, 1, name)
    }
    for (let i = 0; i < 3; i++) await world.drive(world.reg('b').incr(KEY))
    for (const name of 'ad') {
      const error = await errorOf(world.drive(world.reg(name).incr(KEY, 1, options)))
      assert.deepEqual([error.code, error.outcome], ['TIMEOUT', 'unknown'], name)
    }
    assert.equal((await world.drive(world.reg('c').get(KEY)))?.value, 1 + RECENT_NAMED_MAX + 2)
  })

  it('of a name that is none is refused', async () => {
    const world = await RegisterWorld.start(['abc'])
    for (const opId of ['', 'x'.repeat(64), '\uD800']) {
      assert.equal((await errorOf(world.reg('a').set(KEY, 'v', { opId }))).code, 'USAGE')
    }
  })
})
