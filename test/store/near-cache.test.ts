/** Answers that may be a little old: how old, whose, how strong, how many, and never past own writes. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import type { Level } from '../../src/store/api.ts'
import type { CallLimits } from '../../src/store/calls.ts'
import { MAX_AGE_MS_MAX, NEAR_CACHE_BYTES } from '../../src/store/limits.ts'
import { NearCache } from '../../src/store/near-cache.ts'
import type { ReadOutcome } from '../../src/store/reader.ts'
import { EMPTY_RECORD, type StoreRecord } from '../../src/store/record.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { contextOf, recordOf as putRecord } from './arbitrary.ts'
import { errorOf } from './error-of.ts'
import { isRead, isSync, isWrite, StoreWorld } from './world.ts'

const SECOND = { maxAgeMs: 1000 }

function recordOf(text: string): StoreRecord {
  const value = new TextEncoder().encode(text)
  const dot = { actor: 'disk-a', n: 1 }
  const sibling = { dot, stamp: 1, expiresAtMs: 0, kind: 'text', value } as const
  return putRecord(contextOf(new Map([['disk-a', 1]])), [sibling])
}

function textOf({ record }: ReadOutcome): string {
  return new TextDecoder().decode(record.siblings[0]?.value)
}

/** A cache over replicas that answer when the test says so. */
class Desk {
  readonly clock = new ManualClock()
  readonly counts = { hits: 0, misses: 0, shared: 0 }
  readonly asked: (PromiseWithResolvers<ReadOutcome> & { readonly limits: CallLimits })[] = []
  readonly cache: NearCache

  constructor(bytesMax?: number) {
    const read = (_key: string, limits: CallLimits): Promise<ReadOutcome> => {
      const question = { ...Promise.withResolvers<ReadOutcome>(), limits }
      this.asked.push(question)
      return question.promise
    }
    const { clock, counts } = this
    this.cache = new NearCache({ clock, read, counts, ...(bytesMax !== undefined && { bytesMax }) })
  }

  /** What the reader is shown, in the end. */
  async get(key: string, maxAgeMs?: number, limits: Partial<CallLimits> = {}): Promise<string> {
    const all = { level: undefined, deadlineMs: 2000, signal: undefined, ...limits }
    return textOf((await this.cache.get(key, maxAgeMs, all)).outcome)
  }

  /** What is kept: nobody is asked. */
  kept(key: string, maxAgeMs: number): Promise<string> {
    const asked = this.asked.length
    const got = this.get(key, maxAgeMs)
    assert.equal(this.asked.length, asked, 'the replicas are asked')
    return got
  }

  answer(index: number, text: string, partial = false): void {
    const rest = { era: { cfg: 1, round: 0 }, moving: false, acks: 2, replicas: 3, partial }
    this.asked[index]?.resolve({ record: recordOf(text), ...rest })
  }

  /** A read that is answered at once. */
  async read(key: string, text: string, maxAgeMs?: number, level?: Level): Promise<string> {
    const got = this.get(key, maxAgeMs, { level })
    this.answer(this.asked.length - 1, text)
    return got
  }
}

describe('near cache: age', () => {
  it('an answer is kept, and is as old as its question', async () => {
    const desk = new Desk()
    const first = desk.get('k', 1000)
    await desk.clock.advance(600)
    desk.answer(0, 'v1')
    assert.equal(await first, 'v1')
    await desk.clock.advance(400)
    assert.equal(await desk.kept('k', 1000), 'v1')
    await desk.clock.advance(1)
    assert.equal(
      await desk.read('k', 'v2', 1000),
      'v2',
      'a second after it was asked it is too old',
    )
    assert.deepEqual(desk.counts, { hits: 1, misses: 2, shared: 0 })
  })

  it('each reader says how old', async () => {
    const desk = new Desk()
    await desk.read('k', 'v1', 1)
    await desk.clock.advance(500)
    assert.equal(await desk.kept('k', 500), 'v1')
    assert.equal(await desk.read('k', 'v2', 499), 'v2')
    assert.equal(await desk.kept('k', 1), 'v2')
  })

  it('who says nothing asks the replicas, and what that shows is not unshown', async () => {
    const desk = new Desk()
    await desk.read('k', 'v1', 1000)
    await desk.clock.advance(1)
    assert.equal(await desk.read('k', 'v2'), 'v2')
    assert.equal(await desk.kept('k', 1000), 'v2')
    // Of a key that nobody reads this way nothing is kept.
    await desk.read('other', 'v')
    assert.equal(desk.cache.size, 1)
  })

  it('nor by an older question that was under way', async () => {
    const desk = new Desk()
    const old = desk.get('k', 1000)
    await desk.clock.advance(1)
    assert.equal(await desk.read('k', 'v2'), 'v2')
    desk.answer(0, 'v1')
    assert.equal(await old, 'v1')
    assert.equal(desk.cache.size, 0)
  })

  it('says how old an answer is, and is limited', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    const fresh = await world.drive(world.kv('a').get('k', SECOND))
    assert.equal(fresh?.ageMs, undefined)
    await world.wait(300)
    const kept = await world.drive(world.kv('a').get('k', SECOND))
    assert.deepEqual({ ...kept, ageMs: 0 }, { ...fresh, ageMs: 0 })
    assert.ok(kept?.ageMs !== undefined && kept.ageMs >= 300 && kept.ageMs < 400)
    await world.wait(0.4)
    const later = await world.drive(world.kv('a').get('k', SECOND))
    assert.ok(Number.isInteger(later?.ageMs), 'whole milliseconds')
    for (const maxAgeMs of [0, -1, Number.NaN, MAX_AGE_MS_MAX + 1]) {
      assert.equal((await errorOf(world.kv('a').get('k', { maxAgeMs }))).code, 'USAGE')
    }
  })
})

describe('near cache: one question for all', () => {
  it('who asks at the same time shares the answer', async () => {
    const desk = new Desk()
    const readers = Array.from({ length: 100 }, () => desk.get('k', 1000))
    assert.equal(desk.asked.length, 1)
    desk.answer(0, 'v')
    assert.deepEqual(new Set(await Promise.all(readers)), new Set(['v']))
    assert.deepEqual(desk.counts, { hits: 0, misses: 1, shared: 99 })
  })

  it('not if it was asked too long ago, or would take longer than the call may', async () => {
    const desk = new Desk()
    void desk.get('k', 1000)
    await desk.clock.advance(100)
    void desk.get('k', 99)
    assert.equal(desk.asked.length, 2)
    void desk.get('k', 1000, { deadlineMs: 1000 })
    assert.equal(desk.asked.length, 3)
    void desk.get('k', 1000)
    assert.equal(desk.asked.length, 3)
  })

  it('who shared a question that failed asks again, together, for what time is left', async () => {
    const desk = new Desk()
    const given = new AbortController()
    const first = desk.get('k', 1000, { signal: given.signal })
    const others = Array.from({ length: 10 }, () => desk.get('k', 1000))
    await desk.clock.advance(500)
    desk.asked[0]?.reject(new AtollError('CANCELLED', 'given up'))
    assert.equal((await errorOf(first)).code, 'CANCELLED')
    await desk.clock.advance(1)
    assert.equal(desk.asked.length, 2)
    assert.equal(desk.asked[1]?.limits.deadlineMs, 1500)
    desk.answer(1, 'v')
    assert.deepEqual(new Set(await Promise.all(others)), new Set(['v']))
  })

  it('and not for ever', async () => {
    const desk = new Desk()
    const readers = Array.from({ length: 10 }, () => desk.get('k', 1000))
    const codes = Promise.all(readers.map(async (each) => (await errorOf(each)).code))
    for (let i = 0; i < 3; i++) {
      desk.asked[i]?.reject(new AtollError('NO_QUORUM', 'too few'))
      await desk.clock.advance(1)
    }
    assert.equal(desk.asked.length, 2)
    assert.deepEqual(new Set(await codes), new Set(['NO_QUORUM']))
  })

  it('ends at once for who gives up, and for nobody else', async () => {
    const desk = new Desk()
    const first = desk.get('k', 1000)
    const given = new AbortController()
    const second = desk.get('k', 1000, { signal: given.signal })
    const late: unknown[] = []
    const told = (error: unknown): void => void late.push(isAtollError(error, 'CANCELLED'))
    void second.catch(told)
    given.abort()
    void desk.get('k', 1000, { signal: given.signal }).catch(told)
    await desk.clock.advance(1)
    assert.deepEqual(late, [true, true])
    desk.answer(0, 'v')
    assert.equal(await first, 'v')
    assert.equal(desk.asked.length, 1)
  })
})

describe('near cache: levels', () => {
  it('an answer serves its own level and weaker ones', async () => {
    const asked: readonly (Level | undefined)[] = ['one', undefined, 'quorum', 'all']
    const strength = { one: 1, quorum: 2, all: 3 }
    for (const kept of asked) {
      for (const level of asked) {
        const desk = new Desk()
        await desk.read('k', 'v1', 1000, kept)
        const got = await desk.read('k', 'v2', 1000, level)
        const isEnough = strength[kept ?? 'quorum'] >= strength[level ?? 'quorum']
        assert.equal(got, isEnough ? 'v1' : 'v2', `${kept} kept, ${level} asked`)
      }
    }
  })

  it('a question under way serves its own level alone, since it may become partial', async () => {
    const desk = new Desk()
    void desk.get('k', 1000)
    void desk.get('k', 1000, { level: 'quorum' })
    assert.equal(desk.asked.length, 2)
  })

  it('what replicas said in part is told and not kept', async () => {
    const desk = new Desk()
    const got = desk.get('k', 1000)
    desk.answer(0, 'part', true)
    assert.equal(await got, 'part')
    assert.equal(desk.cache.size, 0)
    await desk.read('k', 'v', 1000)
    await desk.clock.advance(1)
    const plain = desk.get('k')
    desk.answer(2, 'part', true)
    await plain
    assert.equal(desk.cache.size, 0, 'and it takes the place of what was kept')
  })
})

describe('near cache: own writes', () => {
  it('are seen at once by who reads after them', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd', edges: 'e' })
    for (const name of ['a', 'd', 'e']) {
      const kv = world.kv(name)
      for (const value of ['v1', 'v2', 'v3']) {
        await world.drive(kv.put('k', `${name} ${value}`))
        assert.equal((await world.drive(kv.get('k', SECOND)))?.value, `${name} ${value}`)
        assert.equal((await world.drive(kv.get('k', SECOND)))?.value, `${name} ${value}`)
      }
      await world.drive(kv.del('k'))
      assert.equal(await world.drive(kv.get('k', SECOND)), null)
      assert.equal(await world.drive(kv.get('k', SECOND)), null, 'that there is none is kept too')
      assert.equal(kv.counts.nearCache.hits, 4)
    }
  })

  it('also when nobody knows what became of them', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'old', { write: 'all' }))
    await world.drive(world.kv('a').get('k', SECOND))
    world.fate = (question) => (isSync(question) || isWrite(question) ? 'answer lost' : undefined)
    const put = world.kv('a').put('k', 'new', { write: 'all', deadlineMs: 200 })
    assert.equal((await errorOf(world.drive(put))).outcome, 'unknown')
    assert.equal((await world.drive(world.kv('a').get('k', SECOND)))?.value, 'new')
  })

  it('a question of before is not shared or kept after them', async () => {
    const desk = new Desk()
    const before = desk.get('k', 1000)
    desk.cache.forget('k')
    const after = desk.get('k', 1000)
    assert.equal(desk.asked.length, 2)
    desk.answer(1, 'new')
    assert.equal(await after, 'new')
    desk.answer(0, 'old')
    assert.equal(await before, 'old')
    assert.equal(await desk.read('k', 'newer', 1000), 'newer', 'which was newer nobody knows')
  })

  it('nor does a plain read of before take the place of what was read after them', async () => {
    const desk = new Desk()
    const before = desk.get('k')
    await desk.clock.advance(1)
    desk.cache.forget('k')
    await desk.read('k', 'new', 1000)
    desk.answer(0, 'old')
    await before
    assert.equal(await desk.read('k', 'newer', 1000), 'newer', 'it is asked for again')
  })

  it('nor is what a question of before has shown to its own reader alone unshown', async () => {
    const desk = new Desk()
    const before = desk.get('k', 1000)
    desk.cache.forget('k')
    const other = desk.get('k', 1000)
    desk.answer(0, 'newest')
    assert.equal(await before, 'newest')
    const after = desk.get('k', 1000)
    desk.answer(1, 'new')
    desk.answer(2, 'newest')
    assert.deepEqual([await other, await after], ['new', 'newest'])
  })

  it('nor is a question shared that a newer answer has overtaken', async () => {
    const desk = new Desk()
    const first = desk.get('k', 1000)
    await desk.read('k', 'new')
    const later = desk.get('k', 1000)
    assert.equal(desk.asked.length, 3, 'it asks for itself')
    desk.answer(0, 'old')
    desk.answer(2, 'new')
    assert.deepEqual([await first, await later], ['old', 'new'])
  })

  it('nor when all of it comes in one moment of the clock', async () => {
    const desk = new Desk()
    await desk.read('k', 'older', 1000)
    const before = desk.get('k')
    desk.cache.forget('k')
    await desk.read('k', 'new', 1000)
    desk.answer(1, 'old')
    assert.equal(await before, 'old')
    assert.equal(await desk.read('k', 'newer', 1000), 'newer', 'it is asked for again')
  })

  it('of others are seen when the age is over', async () => {
    const world = await StoreWorld.start(['abc'])
    const kv = (name: string) => world.kv(name)
    await world.drive(kv('a').put('k', 'v1', { write: 'all' }))
    await world.drive(kv('a').get('k', SECOND))
    await world.drive(kv('b').put('k', 'v2', { write: 'all' }))
    assert.equal((await world.drive(kv('a').get('k', SECOND)))?.value, 'v1')
    assert.equal((await world.drive(kv('a').get('k')))?.value, 'v2')
    assert.equal((await world.drive(kv('a').get('k', SECOND)))?.value, 'v2')
    await world.drive(kv('b').put('k', 'v3', { write: 'all' }))
    await world.wait(1000)
    assert.equal((await world.drive(kv('a').get('k', SECOND)))?.value, 'v3')
  })
})

describe('near cache: promises', () => {
  /** What is done next; numbers choose among what is under way. */
  const steps = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('advance' as const), ms: fc.nat(2) }),
      fc.record({ do: fc.constant('read' as const), maxAgeMs: fc.constantFrom(undefined, 1, 3) }),
      fc.record({ do: fc.constant('answer' as const), isTold: fc.boolean(), at: fc.nat(5) }),
      fc.record({ do: fc.constant('write' as const) }),
      fc.record({ do: fc.constant('written' as const) }),
      fc.record({ do: fc.constant('other' as const) }),
    ),
    { minLength: 5, maxLength: 60 },
  )

  it('hold whatever comes between question, answer and write, also in one moment', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const desk = new Desk()
        /** The last value, how many there were at each moment, and what a reader may not go behind. */
        let newest = 0
        const newestAt = new Map([[Number.NEGATIVE_INFINITY, 0]])
        let floor = 0
        const writes: number[] = []
        /** What each question has found, and those that are answered. */
        const seen: number[] = []
        const done = new Set<number>()
        const readers: Promise<void>[] = []
        const read = async (maxAgeMs: number | undefined): Promise<void> => {
          const nowMs = Math.round(desk.clock.monotonicMs())
          const sinceMs = maxAgeMs === undefined ? nowMs : nowMs - maxAgeMs
          const times = [...newestAt.keys()].filter((ms) => ms < sinceMs)
          const least = Math.max(floor, newestAt.get(Math.max(...times)) ?? 0)
          const value = Number(await desk.get('k', maxAgeMs))
          assert.ok(value >= least, `${value} is older than ${least}`)
          floor = Math.max(floor, value)
        }
        for (const step of all) {
          if (step.do === 'advance') await desk.clock.advance(step.ms)
          else if (step.do === 'read') readers.push(read(step.maxAgeMs))
          else if (step.do === 'other') newest++
          else if (step.do === 'write') writes.push(++newest)
          else if (step.do === 'written') {
            const written = writes.shift()
            if (written === undefined) continue
            desk.cache.forget('k')
            floor = Math.max(floor, written)
          } else {
            const open = desk.asked.flatMap((_, i) => (done.has(i) ? [] : [i]))
            const i = open[step.at % Math.max(1, open.length)]
            if (i === undefined) continue
            seen[i] ??= newest
            if (!step.isTold) continue
            done.add(i)
            desk.answer(i, String(seen[i]))
          }
          newestAt.set(Math.round(desk.clock.monotonicMs()), newest)
          await new Promise((resolve) => setImmediate(resolve))
        }
        for (const [i] of desk.asked.entries()) desk.answer(i, String((seen[i] ??= newest)))
        await Promise.all(readers)
      }),
      { numRuns: 3000 },
    )
  }).timeout(20_000)
})

describe('near cache: bounds', () => {
  it('the bytes kept are bounded, and what was not read for longest goes first', async () => {
    const desk = new Desk(4000)
    for (const key of ['a', 'b', 'c']) await desk.read(key, key.repeat(900), 1000)
    assert.equal(desk.cache.size, 3)
    assert.equal(await desk.kept('a', 1000), 'a'.repeat(900))
    await desk.read('d', 'd'.repeat(900), 1000)
    assert.ok(desk.cache.bytes <= 4000 && desk.cache.bytes > 3 * 900, `${desk.cache.bytes}`)
    for (const key of ['a', 'c', 'd']) await desk.kept(key, 1000)
    assert.equal(await desk.read('b', 'again', 1000), 'again')
  })

  it('keys count, and what alone is too large is not kept', async () => {
    const desk = new Desk(4000)
    await desk.read('k'.repeat(1000), 'v', 1000)
    assert.ok(desk.cache.bytes > 2000)
    await desk.read('large', 'v'.repeat(4000), 1000)
    assert.equal(desk.cache.size, 1)
    for (let i = 0; i < 1000; i++) {
      assert.equal(await desk.read('same', `${i}`, 1), `${i}`)
      await desk.clock.advance(2)
    }
    desk.cache.forget('same')
    desk.cache.forget('k'.repeat(1000))
    assert.deepEqual([desk.cache.size, desk.cache.bytes], [0, 0])
  })

  it('by default it is bounded as well', async () => {
    const desk = new Desk()
    const value = 'v'.repeat(1024 * 1024)
    for (let i = 0; i < 20; i++) await desk.read(`k${i}`, value, 1000)
    assert.ok(desk.cache.bytes <= NEAR_CACHE_BYTES && desk.cache.size === 15, `${desk.cache.size}`)
  })

  it('what one reader does to its value no other sees', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', { list: [1] }, { write: 'all' }))
    await world.drive(world.kv('a').put('b', new Uint8Array([1]), { write: 'all' }))
    for (const key of ['k', 'b']) {
      const spoiled = await world.drive(world.kv('a').get(key, SECOND))
      const { value } = spoiled as unknown as { value: { list?: number[]; fill?: unknown } }
      if (value instanceof Uint8Array) value.fill(9)
      else value.list?.push(2)
    }
    const kept = await world.drive(world.kv('a').get('k', SECOND))
    assert.deepEqual(kept?.value, { list: [1] })
    const bytes = await world.drive(world.kv('a').get('b', SECOND))
    assert.deepEqual(bytes?.value, new Uint8Array([1]))
    assert.equal(world.kv('a').counts.nearCache.hits, 2)
  })

  it('replicas are asked once a second, however many read', async () => {
    const world = await StoreWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.kv('e').put('k', 'v', { write: 'all' }))
    const asked = world.asked.length
    for (let ms = 0; ms < 3000; ms += 10) {
      await world.drive(world.kv('e').get('k', SECOND))
      await world.wait(10)
    }
    const reads = world.asked.slice(asked).filter(isRead).length
    assert.ok(reads >= 9 && reads <= 12, `${reads} reads of 3 replicas`)
  })

  it('no record at all is kept as none', async () => {
    const desk = new Desk()
    const limits = { level: undefined, deadlineMs: 100, signal: undefined }
    const got = desk.cache.get('k', 1000, limits)
    const rest = { era: { cfg: 1, round: 0 }, moving: false, acks: 2, replicas: 3, partial: false }
    desk.asked[0]?.resolve({ record: EMPTY_RECORD, ...rest })
    await got
    const kept = await desk.cache.get('k', 1000, limits)
    assert.deepEqual(kept.outcome, { record: EMPTY_RECORD, ...rest })
  })
})
