/** Bounds of what waits and what is kept, and how a round of questions ends. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { UNITS_PER_MS } from '../../src/base/hybrid-time.ts'
import { Deadlines } from '../../src/mesh/deadlines.ts'
import {
  ATTEMPTS_MAX,
  COMBINED_MAX,
  SETTLED_MS,
  VALUE_BYTES_MAX,
  WAITING_BYTES_MAX,
  WAITING_MAX,
  WAITING_PER_KEY_MAX,
} from '../../src/paxos/limits.ts'
import type { Reply } from '../../src/paxos/messages.ts'
import { type Ask, type Judge, Poll } from '../../src/paxos/poll.ts'
import { PreparedCache } from '../../src/paxos/prepared-cache.ts'
import { ABSENT } from '../../src/paxos/register.ts'
import { errorOf } from '../store/error-of.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { ballotAt, registerOf } from './judging.ts'
import { type Fate, isAccept, isForward, type Question, RegisterWorld } from './world.ts'

const PATIENT = { deadlineMs: 60_000 }

/** No vote ever arrives. */
async function lonely(): Promise<RegisterWorld> {
  const world = await RegisterWorld.start(['abc'])
  world.fate = (q) => (isAccept(q) ? 'lost' : undefined)
  return world
}

describe('a proposer’s memory of what it may build on', () => {
  const ready = (counter: number, text = 'v') => ({
    register: registerOf(text),
    ballot: ballotAt(counter),
  })

  it('gives a ballot once, and none of another configuration', () => {
    const cache = new PreparedCache()
    cache.put('k', ready(5))
    assert.ok(cache.has('k', 6) && !cache.has('k', 7) && !cache.has('other', 6))
    assert.equal(cache.take('k', 6, 0)?.ballot.counter, 5)
    assert.equal(cache.take('k', 6, 0), null)
    cache.put('k', ready(5))
    assert.equal(cache.take('k', 7, 0), null)
    assert.equal(cache.take('k', 6, 0), null, 'it is out of date for good')
  })

  it('gives none of what is not there, when that may have been forgotten', () => {
    const cache = new PreparedCache()
    const gone = { register: registerOf(null), ballot: ballotAt(UNITS_PER_MS) }
    cache.put('k', gone)
    assert.equal(cache.take('k', 6, SETTLED_MS), gone)
    cache.put('k', gone)
    assert.equal(cache.take('k', 6, SETTLED_MS + 1), null)
    cache.put('k', gone)
    assert.equal(cache.take('k', 6, null), gone, 'nothing is changed')
    cache.put('k', ready(UNITS_PER_MS))
    assert.ok(cache.take('k', 6, 2 * SETTLED_MS) !== null)
  })

  it('has room for so many bytes: what was not used for longest goes', () => {
    const cache = new PreparedCache(100_000)
    for (let i = 0; i < 1000; i++) cache.put(`k${i}`, ready(i + 1, 'v'.repeat(1000)))
    assert.ok(cache.size > 30 && cache.size < 100, `${cache.size}`)
    assert.ok(cache.has('k999', 6) && !cache.has('k0', 6))
    cache.put('big', ready(1, 'v'.repeat(200_000)))
    assert.equal(cache.size, 0, 'larger than all there is')
    for (let i = 0; i < 50; i++) cache.put('same', ready(i + 1))
    assert.equal(cache.size, 1)
    cache.drop('same')
    cache.drop('same')
    for (let i = 0; i < 1000; i++) cache.put(`k${i}`, ready(i + 1, 'v'.repeat(1000)))
    assert.ok(cache.size > 30, 'what was dropped is not counted')
  })

  it('counts what a register remembers of its changes', () => {
    const cache = new PreparedCache(100_000)
    const operation = { id: 'i', done: { kind: 'kept', reason: 'read' } } as const
    const operations = Array.from({ length: COMBINED_MAX }, () => operation)
    const change = { tag: ballotAt(1), first: 1, last: 1, operations }
    const recent = Array.from({ length: 8 }, () => change)
    const register = { ...ABSENT, changes: 8, recent }
    for (let i = 0; i < 100; i++) cache.put(`k${i}`, { register, ballot: ballotAt(i + 1) })
    assert.ok(cache.size < 3, `${cache.size}`)
  })
})

describe('what waits at a proposer', () => {
  it('is so much for one key, and for all of them', async () => {
    const world = await lonely()
    const told: Promise<AtollError>[] = []
    const set = (key: string): void => void told.push(errorOf(world.reg('a').set(key, 'v')))
    for (let i = 0; i < WAITING_PER_KEY_MAX; i++) set('k')
    const busy = await errorOf(world.reg('a').set('k', 'v'))
    assert.deepEqual([busy.code, busy.outcome], ['BUSY', 'not-applied'])
    for (let i = told.length; i < WAITING_MAX; i++) set(`k${i % 10}`)
    assert.equal((await errorOf(world.reg('a').set('free', 'v'))).code, 'BUSY')
    for (const { code } of await world.drive(Promise.all(told))) {
      assert.ok(code === 'NO_QUORUM' || code === 'TIMEOUT', code)
    }
    world.fate = () => undefined
    await world.wait(2000)
    await world.drive(world.reg('a').set('free', 'v'))
  })

  it('is so many bytes', async () => {
    const world = await lonely()
    const value = new Uint8Array(VALUE_BYTES_MAX)
    const told: Promise<AtollError>[] = []
    const options = { deadlineMs: 100 }
    for (let i = 0; i < WAITING_BYTES_MAX / VALUE_BYTES_MAX; i++) {
      told.push(errorOf(world.reg('a').set('k', value, options)))
    }
    assert.equal((await errorOf(world.reg('a').set('other', value))).code, 'BUSY')
    const small = await errorOf(world.drive(world.reg('a').incr('other', 1, options)))
    assert.equal(small.code, 'NO_QUORUM', 'it has no bytes of a value')
    await world.drive(Promise.all(told))
    world.fate = () => undefined
    // What shares a ballot with an operation under way is held until that ends.
    await world.wait(2000)
    await world.drive(world.reg('a').set('k', value))
  })

  it('too large a value, too long a key, and too long a time are refused at once', async () => {
    const world = await RegisterWorld.start(['abc'])
    const reg = world.reg('a')
    const large = new Uint8Array(VALUE_BYTES_MAX + 1)
    assert.equal((await errorOf(reg.set('k', large))).code, 'TOO_LARGE')
    assert.equal((await errorOf(reg.set('x'.repeat(1025), 'v'))).code, 'TOO_LARGE')
    assert.equal((await errorOf(reg.set('', 'v'))).code, 'USAGE')
    for (const deadlineMs of [0, -1, Number.NaN, 4_000_000]) {
      assert.equal((await errorOf(reg.set('k', 'v', { deadlineMs }))).code, 'USAGE')
    }
    assert.equal((await errorOf(reg.incr('k', 1.5))).code, 'USAGE')
    assert.equal((await errorOf(reg.cas('k', 'v', {}))).code, 'USAGE')
    assert.equal((await errorOf(reg.set('k', 'v', { ifVersion: '!' }))).code, 'USAGE')
    assert.equal(
      (await errorOf(reg.set('k', 'v', { ifVersion: '1', ifAbsent: true }))).code,
      'USAGE',
    )
  })

  it('behind a lost majority says that it is lost, though it was never tried itself', async () => {
    const world = await RegisterWorld.start(['abc'])
    for (const name of 'bc') world.lose(name)
    const first = errorOf(world.reg('a').set('k', 'v', { deadlineMs: 3000 }))
    await world.wait(100)
    const second = errorOf(world.reg('a').set('k', 'v', { deadlineMs: 500 }))
    for (const each of [second, first]) {
      const { code, outcome } = await world.drive(each)
      assert.deepEqual([code, outcome], ['NO_QUORUM', 'not-applied'])
    }
  })

  it('ends when the node does, and says what is known of it', async () => {
    const world = await lonely()
    const sent = errorOf(world.reg('a').set('k', 'v', { deadlineMs: 60_000 }))
    await world.wait(50)
    const behind = errorOf(world.reg('a').set('k', 'v', { deadlineMs: 60_000 }))
    const stopped = world.reg('a').stop()
    const [first, second] = await world.drive(Promise.all([sent, behind]))
    assert.deepEqual([first.code, first.outcome], ['STOPPED', 'unknown'])
    assert.deepEqual([second.code, second.outcome], ['STOPPED', 'not-applied'])
    await world.drive(stopped)
    assert.equal((await errorOf(world.reg('a').set('k', 'v'))).code, 'STOPPED')
  })
})

describe('an operation whose time is over', () => {
  const late = async (
    fate: (q: Question) => Fate | undefined,
    deadlineMs: number,
    sets = 'abc',
  ): Promise<AtollError> => {
    const world = await RegisterWorld.start([sets])
    // Then its own disk is asked with the others (`clock-trial.ts`).
    await world.drive(world.reg('a').set('early', 'v'))
    world.fate = fate
    return errorOf(world.drive(world.reg('a').set('k', 'v', { deadlineMs })))
  }
  const fromOthers = (q: Question): boolean => q.from !== q.to

  it('says who answered, and whether it may have happened', async () => {
    const silent = await late((q) => (fromOthers(q) ? 'lost' : undefined), 3000)
    assert.deepEqual([silent.code, silent.outcome], ['NO_QUORUM', 'not-applied'])
    assert.equal(silent.message, '1 of 3 replicas of "k" answered within 3 s')
    assert.equal(silent.hint, 'see: atoll explain k')
    const voted = await late((q) => (isAccept(q) ? 'lost' : undefined), 3000)
    assert.deepEqual([voted.code, voted.outcome], ['NO_QUORUM', 'unknown'])
    assert.equal(voted.message, silent.message)
  })

  it('shorter than a round, too', async () => {
    for (const deadlineMs of [50, 300, 999]) {
      const seconds = deadlineMs / 1000
      const silent = await late((q) => (fromOthers(q) ? 'lost' : undefined), deadlineMs)
      assert.deepEqual([silent.code, silent.outcome], ['NO_QUORUM', 'not-applied'])
      assert.equal(silent.message, `1 of 3 replicas of "k" answered within ${seconds} s`)
      const voted = await late((q) => (isAccept(q) ? 'lost' : undefined), deadlineMs)
      assert.deepEqual([voted.code, voted.outcome], ['NO_QUORUM', 'unknown'])
    }
  })

  it('shorter than a round, behind one that lasts longer', async () => {
    const world = await lonely()
    const first = errorOf(world.reg('a').set('k', 'v', { deadlineMs: 900 }))
    await world.wait(5)
    const behind = await errorOf(world.drive(world.reg('a').set('k', 'v', { deadlineMs: 300 })))
    assert.deepEqual([behind.code, behind.outcome], ['NO_QUORUM', 'not-applied'])
    assert.equal(behind.message, '1 of 3 replicas of "k" answered within 0.3 s')
    await world.drive(first)
  })

  it('names those that are known to be down', async () => {
    const world = await RegisterWorld.start(['abc'])
    for (const name of 'bc') world.lose(name)
    const options = { deadlineMs: 400 }
    const text = '1 of 3 replicas of "k" answered within 0.4 s (down: b, c)'
    const changed = await errorOf(world.drive(world.reg('a').set('k', 'v', options)))
    assert.deepEqual([changed.code, changed.message], ['NO_QUORUM', text])
    const read = await errorOf(world.drive(world.reg('a').get('k', options)))
    assert.deepEqual([read.code, read.message], ['NO_QUORUM', text])
  })

  it('behind others that are served is told that it is late, and not that a majority is lost', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.hub.delayMs = () => 40
    const first = Array.from({ length: 300 }, () => world.reg('a').incr('k', 1, PATIENT))
    const last = await errorOf(world.drive(world.reg('a').incr('k', 1, { deadlineMs: 300 })))
    assert.deepEqual([last.code, last.outcome], ['TIMEOUT', 'not-applied'])
    await world.drive(Promise.all(first))
  })

  it('makes room at once, whatever is under way', async () => {
    const world = await lonely()
    const told: Promise<AtollError>[] = []
    for (let i = 0; i < WAITING_PER_KEY_MAX + COMBINED_MAX; i++) {
      if (i === COMBINED_MAX) await world.wait(1)
      told.push(errorOf(world.reg('a').set('k', 'v', { deadlineMs: 20 })))
    }
    assert.equal((await errorOf(world.reg('a').set('k', 'v'))).code, 'BUSY')
    await world.wait(40)
    assert.equal(world.reg('a').waiting, 0)
    assert.ok((await Promise.all(told)).every(({ code }) => code === 'NO_QUORUM'))
    world.fate = () => undefined
    const startMs = world.clock.monotonicMs()
    await world.drive(world.reg('a').set('k', 'v'))
    assert.ok(world.clock.monotonicMs() - startMs < 50, 'nothing is waited for any more')
  })

  it('that was tried by as many ballots as are kept is given up, its outcome unknown', async () => {
    const world = await RegisterWorld.start(['abc'], { nodes: 'd' })
    let votes = 0
    world.fate = (q) => {
      if (isForward(q)) return 'unreachable'
      if (!isAccept(q)) return undefined
      votes++
      return new AtollError('BUSY', 'no vote')
    }
    const error = await errorOf(world.drive(world.reg('d').set('k', 'v', PATIENT)))
    assert.deepEqual([error.code, error.outcome], ['TIMEOUT', 'unknown'])
    assert.match(error.message, /64 ballots/)
    assert.ok(votes >= 2 * ATTEMPTS_MAX && votes <= 3 * ATTEMPTS_MAX, `${votes}`)
    world.fate = () => undefined
    await world.drive(world.reg('a').set('k', 'v'))
  })

  it('while its promises are gathered does not happen any more', async () => {
    const world = await RegisterWorld.start(['abc'])
    world.hub.delayMs = () => 40
    const error = await errorOf(world.drive(world.reg('a').set('k', 'v', { deadlineMs: 60 })))
    assert.equal(error.outcome, 'not-applied')
    await world.wait(1000)
    assert.equal(await world.drive(world.reg('b').get('k')), null)
  })
})

describe('a round of questions', () => {
  class Count implements Judge<number, string> {
    readonly heard: string[] = []
    onReply(id: string, reply: Reply<number>): string | null {
      if (reply.kind === 'answer' && reply.body < 0) throw new Error('unreadable')
      this.heard.push(id)
      return this.heard.length === 2 ? this.heard.join('') : null
    }
    onMissing(id: string): null {
      this.heard.push(`-${id}`)
      return null
    }
    late(): string {
      return `late ${this.heard.join('')}`
    }
  }

  const begin = (
    asks: Record<string, number | null | 'fails' | 'unreadable'>,
    reserve: Record<string, number>,
    hedgeMs?: number,
  ) => {
    const clock = new ManualClock()
    const deadlines = new Deadlines(clock)
    const sent: string[] = []
    const of = (list: Record<string, number | null | 'fails' | 'unreadable'>): Ask<number>[] =>
      Object.entries(list).map(([id, afterMs]) => ({
        id,
        send: () => {
          sent.push(`${id}@${clock.monotonicMs()}`)
          if (afterMs === null) return null
          if (afterMs === 'fails') return Promise.reject(new Error('broken'))
          const body = afterMs === 'unreadable' ? -1 : 1
          const reply: Reply<number> = { kind: 'answer', place: 0, body }
          if (typeof afterMs === 'string') return Promise.resolve(reply)
          return new Promise((resolve) => clock.after(afterMs, () => resolve(reply)))
        },
      }))
    const poll = new Poll<number, string>(new Count())
    poll.begin(of(asks), of(reserve), deadlines, {
      roundMs: 1000,
      ...(hedgeMs !== undefined && { hedgeMs }),
    })
    const ended = async (): Promise<readonly [string, number, string]> => {
      let ends: readonly [string?, number?] = []
      const end = poll.verdict.then((verdict) => {
        ends = [verdict, clock.monotonicMs()]
      })
      for (let ms = 0; ms < 1200 && ends.length === 0; ms += 10) await clock.advance(10)
      await end
      const [verdict = 'never', atMs = 0] = ends
      return [verdict, atMs, sent.join(' ')]
    }
    return { ended, deadlines }
  }

  it('ends when the judge has heard enough', async () => {
    const { ended, deadlines } = begin({ a: 10, b: 20, c: 30 }, {})
    assert.deepEqual(await ended(), ['ab', 20, 'a@0 b@0 c@0'])
    assert.equal(deadlines.size, 0)
  })

  it('ends when nobody is left, and when time is over', async () => {
    assert.deepEqual((await begin({ a: 10, b: null, c: 'fails' }, {}).ended())[0], 'late -b-ca')
    assert.deepEqual((await begin({ a: null }, {}).ended()).slice(0, 2), ['late -a', 0])
    assert.deepEqual((await begin({ a: 10, b: 5000 }, {}).ended()).slice(0, 2), ['late a', 1000])
  })

  it('asks its reserve when the first are slow', async () => {
    assert.deepEqual(await begin({ a: 5, b: 5000 }, { c: 5 }, 20).ended(), [
      'ac',
      25,
      'a@0 b@0 c@20',
    ])
  })

  it('asks it at once when they do not settle it, and gives it the rest of the round', async () => {
    const [verdict, atMs, sent] = await begin({ a: 5 }, { c: 300 }, 20).ended()
    assert.deepEqual([verdict, atMs, sent], ['ac', 305, 'a@0 c@5'])
  })

  it('takes an answer that cannot be read for none', async () => {
    assert.deepEqual((await begin({ a: 'unreadable', b: 5 }, {}).ended())[0], '-ab')
  })
})
