/** A call that is given up by its signal ends at once, and says what is known of it. */
import assert from 'node:assert/strict'
import type { AtollError } from '../../src/base/errors.ts'
import { COMBINED_MAX } from '../../src/paxos/limits.ts'
import type { Registers } from '../../src/paxos/registers.ts'
import { errorOf } from '../store/error-of.ts'
import { type Fate, isAccept, isPrepare, type Question, RegisterWorld } from './world.ts'

const KEY = 'k'
const DEADLINE_MS = 60_000

type Options = { readonly signal: AbortSignal; readonly deadlineMs: number }

/** Without any time that passes. */
async function within(world: RegisterWorld, ends: Promise<AtollError>): Promise<AtollError> {
  await world.wait(0)
  const late = new Promise<never>((_, reject) => setImmediate(() => reject(new Error('it waits'))))
  return Promise.race([ends, late])
}

describe('a call whose signal aborts ends at once', () => {
  const set = (reg: Registers, options: Options): Promise<unknown> => reg.set(KEY, 'v', options)
  const get = (reg: Registers, options: Options): Promise<unknown> => reg.get(KEY, options)
  const isLost =
    (...kinds: ((q: Question) => boolean)[]) =>
    (q: Question): Fate | undefined =>
      q.from !== q.to && (kinds.length === 0 || kinds.some((is) => is(q))) ? 'lost' : undefined
  const table: readonly (readonly [
    what: string,
    name: string,
    fate: (q: Question) => Fate | undefined,
    call: typeof set,
    outcome: string,
  ])[] = [
    ['a change that was sent for acceptance', 'a', isLost(isAccept), set, 'unknown'],
    ['a change that gathers promises', 'a', isLost(isPrepare), set, 'not-applied'],
    ['a change that was handed on', 'd', isLost(), set, 'unknown'],
    ['a change that nobody could be handed', 'e', isLost(), set, 'not-applied'],
    ['a read, at a replica', 'a', isLost(), get, 'not-applied'],
    ['a read, elsewhere', 'd', isLost(), get, 'not-applied'],
    ['a read on an edge that reaches nobody', 'e', isLost(), get, 'not-applied'],
  ]
  for (const [what, name, fate, call, outcome] of table) {
    it(what, async () => {
      for (const afterMs of [1, 30, 120, 1500]) {
        const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'e' })
        world.fate = fate
        if (name === 'e') for (const other of 'abc') world.lose(other)
        const over = new AbortController()
        const ends = errorOf(
          call(world.reg(name), { signal: over.signal, deadlineMs: DEADLINE_MS }),
        )
        await world.wait(afterMs)
        over.abort()
        const { code, outcome: told } = await within(world, ends)
        assert.equal(code, 'CANCELLED', `${afterMs}`)
        // What is first known to be lost was never sent.
        if (afterMs > 1 || outcome === 'not-applied') assert.equal(told, outcome, `${afterMs}`)
        assert.equal(world.reg(name).waiting, 0)
      }
    })
  }

  it('and the next begins at once', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.fate = isLost(isAccept)
    const over = new AbortController()
    const given = errorOf(world.reg('a').set(KEY, 'v', { signal: over.signal }))
    await world.wait(100)
    world.fate = () => undefined
    const startMs = world.clock.monotonicMs()
    const next = world.reg('a').set(KEY, 'next')
    over.abort()
    await given
    await world.drive(next)
    assert.ok(world.clock.monotonicMs() - startMs < 50)
  })

  it('before it began: nothing is asked', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd', edges: 'e' })
    world.asked.length = 0
    const options = { signal: AbortSignal.abort(), deadlineMs: DEADLINE_MS }
    for (const name of 'ade') {
      for (const call of [set, get]) {
        const { code, outcome } = await errorOf(call(world.reg(name), options))
        assert.deepEqual([code, outcome], ['CANCELLED', 'not-applied'], name)
      }
    }
    assert.equal(world.asked.length, 0)
  })

  it('behind others, and they go on', async () => {
    const world = await RegisterWorld.start(['abc'])
    const over = new AbortController()
    const options = { signal: over.signal }
    const others = Array.from({ length: COMBINED_MAX }, () => world.reg('a').incr(KEY))
    const given = errorOf(world.reg('a').incr(KEY, 1, options))
    await Promise.resolve()
    over.abort()
    const { code, outcome } = await given
    assert.deepEqual([code, outcome], ['CANCELLED', 'not-applied'])
    await world.drive(Promise.all(others))
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, COMBINED_MAX)
  })

  it('amid a ballot that it shares with others: they alone happen, and it may be made again by its name', async () => {
    const world = await RegisterWorld.start(['abc'])
    const held = Promise.withResolvers<void>()
    world.fate = (q) => (isPrepare(q) && q.from !== q.to ? held.promise : undefined)
    const over = new AbortController()
    const named = { opId: 'once' }
    const given = errorOf(world.reg('a').incr(KEY, 1, { ...named, signal: over.signal }))
    const other = world.reg('a').incr(KEY, 10)
    await world.wait(50)
    over.abort()
    assert.equal((await given).outcome, 'not-applied')
    held.resolve()
    await world.drive(other)
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, 10)
    await world.drive(world.reg('b').incr(KEY, 1, named))
    assert.equal((await world.drive(world.reg('c').get(KEY)))?.value, 11)
  })

  it('and what is known to have happened before is no error', async () => {
    const world = await RegisterWorld.start(['abc'])
    const over = new AbortController()
    await world.drive(world.reg('a').set(KEY, 'v', { signal: over.signal }))
    over.abort()
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, 'v')
  })
})
