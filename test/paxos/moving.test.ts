/**
 * A partition that moves (REGISTERS.md §4): what was chosen stays so through seal, list, install and
 * retirement, whoever dies, whatever is late, and whichever replicas both sets share.
 */
import assert from 'node:assert/strict'
import { errorOf } from '../store/error-of.ts'
import { Asker } from './ask.ts'
import {
  isAccept,
  isFetch,
  isInstall,
  isList,
  isPrepare,
  isRead,
  lettersOf,
  type Question,
  RegisterWorld,
} from './world.ts'

const KEY = 'k'

const valueAt = async (world: RegisterWorld, name: string, key = KEY): Promise<unknown> =>
  (await world.drive(world.reg(name).get(key)))?.value ?? null

/** How many of these have voted for the key under the configuration of now. */
function votedNow(world: RegisterWorld, names: string, key = KEY): number {
  const cfg = world.latest.partitions[0]?.cfg
  return lettersOf(names).filter((name) => world.record(name, key)?.accepted.cfg === cfg).length
}

const MOVES: readonly (readonly [from: string, to: string])[] = [
  ['abc', 'def'],
  ['abc', 'bcd'],
  ['abc', 'ade'],
  ['a', 'b'],
  ['a', 'ab'],
  ['ab', 'a'],
  ['ab', 'abc'],
  ['abcde', 'abc'],
]

describe('a partition that moves', () => {
  for (const [from, to] of MOVES) {
    it(`keeps every key, changes them meanwhile, and ends: ${from} to ${to}`, async () => {
      const world = await RegisterWorld.start([from], { nodes: to })
      const [first = '', last = ''] = [from.at(0), to.at(-1)]
      const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
      for (const key of keys) await world.drive(world.reg(first).incr(key))
      world.move([to])
      await world.tell(lettersOf(to))
      const during = keys.slice(0, 10).map((key) => world.reg(last).incr(key))
      during.push(world.reg(last).incr('new'))
      await world.drive(Promise.all(during))
      assert.equal(await valueAt(world, last, 'nothing'), null)
      await world.installed(to)
      for (const key of [...keys, 'new']) {
        assert.ok(votedNow(world, to, key) > to.length / 2, `${key} is chosen (I7)`)
      }
      world.finish()
      await world.tell()
      for (const name of from) if (!to.includes(name)) world.lose(name)
      for (const [i, key] of keys.entries()) {
        assert.equal(await valueAt(world, last, key), i < 10 ? 2 : 1, key)
      }
      assert.equal(await valueAt(world, to.at(0) ?? '', 'new'), 1)
    })
  }

  it('is found by who knows only the old set, and what that set chose by who knows the new', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set(KEY, 'old'))
    world.move(['def'])
    world.fate = (q) => (isList(q) ? 'lost' : undefined)
    await world.tell('def')
    assert.equal(await valueAt(world, 'e'), 'old')
    await world.drive(world.reg('d').set(KEY, 'new'))
    assert.equal(await valueAt(world, 'a'), 'new')
  })

  it('gives versions above all it had, also of keys that are forgotten (I11)', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    // High counters, as of a clock that was ahead and is mended.
    for (const name of 'abc') world.skew(name, 20 * 60 * 60 * 1000)
    const { version } = await world.drive(world.reg('a').set(KEY, 'v'))
    await world.drive(world.reg('a').del(KEY))
    const accepted = world.record('a', KEY)?.accepted
    assert.ok(accepted !== undefined)
    for (const name of 'abc') await new Asker(world, 'a', KEY).remove(name, accepted)
    assert.equal(world.record('b', KEY), null)
    for (const name of 'abc') world.skew(name, 0)
    world.move(['def'])
    await world.tell()
    await world.installed('def')
    world.finish()
    await world.tell()
    for (const name of 'abc') world.lose(name)
    const again = await world.drive(world.reg('d').set(KEY, 'v2'))
    assert.ok(again.version > version)
  })
})

describe('nothing is called installed', () => {
  const settle = async (fate: (q: Question) => 'lost' | undefined): Promise<RegisterWorld> => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    // a has no part in it: the key is with b and c alone.
    world.fate = (q) => (q.to === 'a' ? 'lost' : undefined)
    await world.drive(world.reg('b').set(KEY, 'v'))
    world.fate = fate
    world.move(['def'])
    await world.tell()
    await world.wait(4000)
    return world
  }
  const isToldAnything = (world: RegisterWorld): boolean => world.asked.some(isInstall)

  it('by the list of one old replica: it may lack what the others chose', async () => {
    const world = await settle((q) => (isList(q) && q.to !== 'a' ? 'lost' : undefined))
    assert.ok(!isToldAnything(world) && world.node('d').installed.length === 0)
    world.fate = () => undefined
    await world.installed('def')
    assert.ok(votedNow(world, 'def') >= 2)
  })

  it('while a register was proposed and not chosen there', async () => {
    const world = await settle((q) => (isAccept(q) && 'ef'.includes(q.to) ? 'lost' : undefined))
    assert.ok(world.asked.some((q) => isAccept(q) && q.to === 'e'))
    assert.ok(!isToldAnything(world) && world.node('d').installed.length === 0)
    world.fate = () => undefined
    await world.installed('def')
    assert.ok(votedNow(world, 'def') >= 2)
  })

  it('before old replicas know that it moves: they could still vote under the old one', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('b').set(KEY, 'v'))
    world.move(['def'])
    // b and c hear of it, cannot get it, and do not reach who could tell them.
    world.fate = (q) => {
      if (!'bc'.includes(q.from)) return undefined
      return isFetch(q) || !'bc'.includes(q.to) ? 'unreachable' : undefined
    }
    await world.tell('adef')
    await world.wait(3000)
    assert.ok(!isToldAnything(world))
    // The old configuration is alive, and what it chooses now is brought over too.
    await world.drive(world.reg('b').set(KEY, 'late'))
    world.fate = () => undefined
    await world.installed('def')
    assert.equal(await valueAt(world, 'e'), 'late')
  })
})

describe('a change by the old configuration that races the seal', () => {
  it('is chosen before it and found, or is not chosen at all', async () => {
    for (let i = 0; i < 12; i++) {
      const world = await RegisterWorld.start(['abc'], { nodes: 'def', seed: `race ${i}` })
      await world.drive(world.reg('a').set(KEY, 0))
      world.move(['def'])
      const late = world.reg('a').incr(KEY, 1, { deadlineMs: 10_000 })
      await world.wait(i / 4)
      const others = world.tell(lettersOf('bcdef'))
      await others
      const more = world.reg('d').incr(KEY, 1, { deadlineMs: 10_000 })
      const values = [await world.drive(late), await world.drive(more)].map(({ value }) => value)
      assert.deepEqual(new Set(values), new Set([1, 2]), `${i}`)
      assert.equal(await valueAt(world, 'e'), 2)
    }
  })

  it('with promises of before the move is refused by who knows of it (the fence)', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set(KEY, 0))
    // a is ready to vote in one round, and hears of nothing.
    world.move(['def'])
    world.fate = (q) => (q.to === 'a' || (q.from === 'a' && isFetch(q)) ? 'unreachable' : undefined)
    await world.tell('bcdef')
    await world.drive(world.reg('d').incr(KEY, 10))
    const late = await errorOf(world.drive(world.reg('a').incr(KEY, 1, { deadlineMs: 500 })))
    assert.notEqual(late.outcome, 'applied')
    const read = await errorOf(world.drive(world.reg('a').get(KEY, { deadlineMs: 300 })))
    assert.equal(read.code, 'NO_QUORUM')
    assert.equal(await valueAt(world, 'e'), 10)
  })

  it('whose accepts arrive after all is over changes nothing', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set(KEY, 0))
    world.fate = (q) => (q.from === 'a' && isAccept(q) ? world.later(3000) : undefined)
    const late = world.reg('a').incr(KEY, 1, { deadlineMs: 20_000 })
    await world.wait(20)
    world.move(['def'])
    world.fate = () => undefined
    await world.tell(lettersOf('bcdef'))
    await world.installed('def')
    world.finish()
    await world.tell(lettersOf('bcdef'))
    await world.drive(world.reg('d').incr(KEY, 10))
    await world.wait(4000)
    await world.drive(late)
    assert.equal(await valueAt(world, 'e'), 11)
  })
})

describe('while one replica alone is installed', () => {
  /** The driver d has told only the first of def; `held` was chosen by the old set alone. */
  async function half(): Promise<RegisterWorld> {
    const world = await RegisterWorld.start(['abc'], { nodes: 'defx' })
    world.move(['def'])
    world.fate = (q) => (isInstall(q) && 'ef'.includes(q.to) ? 'lost' : undefined)
    await world.tell(lettersOf('abcdef'))
    await world.until('d is told', () => world.state('d', KEY).installed > 0)
    return world
  }

  it('the old set is asked as long as one of those who promise is not', async () => {
    const world = await half()
    world.asked.length = 0
    world.fate = (q) => (isInstall(q) ? 'lost' : 'abc'.includes(q.to) ? 'lost' : undefined)
    const late = world.reg('d').set('fresh', 'v', { deadlineMs: 300 })
    await errorOf(world.drive(late))
    assert.equal(votedNow(world, 'def', 'fresh'), 0, 'nobody was asked to vote')
    const absent = await errorOf(world.drive(world.reg('d').get('fresh', { deadlineMs: 300 })))
    assert.ok(absent.code === 'TIMEOUT' || absent.code === 'NO_QUORUM')
    world.fate = (q) => (isInstall(q) ? 'lost' : undefined)
    await world.drive(world.reg('d').set('fresh', 'v'))
    assert.ok(world.asked.some((q) => isPrepare(q) && 'abc'.includes(q.to)))
  })

  it('reads and promises of before the others were do not count for after', async () => {
    const world = await half()
    let delayed = 0
    world.fate = (q) => {
      if (isInstall(q)) return delayed > 3 ? undefined : 'lost'
      if ((isRead(q) || isPrepare(q)) && 'ef'.includes(q.to)) {
        delayed++
        return world.later(700)
      }
      return undefined
    }
    const reading = world.reg('d').get('later', { deadlineMs: 5000 })
    const writing = world.reg('d').set('later', 'v', { deadlineMs: 5000 })
    await world.drive(writing)
    await world.drive(reading)
    await world.installed('def')
    assert.equal(await valueAt(world, 'f', 'later'), 'v')
  })

  it('who drives may die: the next goes on, and all are told', async () => {
    const world = await half()
    world.crash('d')
    world.fate = () => undefined
    await world.installed('ef')
    await world.boot('d')
    await world.installed('d')
    assert.ok(world.state('d', KEY).installed > 0 && world.state('f', KEY).installed > 0)
  })
})

describe('a disk that slept through movements', () => {
  it('wipes what it has before it votes again: its old votes are none (I8)', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'de' })
    await world.drive(world.reg('a').set(KEY, 'first'))
    await world.drive(world.reg('c').set(KEY, 'first again'))
    // c sleeps. The partition leaves it, is changed, and comes back to it.
    world.crash('c')
    world.move(['abd'])
    await world.tell()
    await world.installed('abd')
    world.finish()
    await world.tell()
    await world.drive(world.reg('a').set(KEY, 'second'))
    await world.drive(world.reg('a').del(KEY))
    await world.drive(world.reg('a').set('other', 'v'))
    // All forget it: nothing stands against the old vote but that it is wiped.
    const tombstone = world.record('a', KEY)?.accepted
    assert.ok(tombstone !== undefined)
    for (const name of 'abd') await new Asker(world, 'a', KEY).remove(name, tombstone)
    assert.deepEqual(
      lettersOf('abd').map((name) => world.record(name, KEY)),
      [null, null, null],
    )
    world.move(['ace'])
    await world.boot('c')
    await world.tell()
    assert.equal(await valueAt(world, 'c'), null)
    assert.notEqual(world.text('c', KEY), 'first again')
    await world.installed('ace')
    world.finish()
    await world.tell()
    assert.equal(await valueAt(world, 'e', 'other'), 'v')
    assert.equal(await valueAt(world, 'c'), null)
  })

  it('and is asked for what it was a replica of once says that it is none', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.reg('a').set(KEY, 'v'))
    world.move(['def'])
    await world.tell()
    await world.installed('def')
    world.finish()
    await world.tell()
    // Who still believes in the old set is told, and does not take the empty disks for an answer.
    assert.equal(world.record('a', KEY), null)
    const reply = await new Asker(world, 'd', KEY).read('a', { topology: 2, cfg: 2 })
    assert.equal(reply.kind, 'stale')
    assert.equal(await valueAt(world, 'a'), 'v')
  })
})
