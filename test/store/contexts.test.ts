/** What versions carry, how much a record takes, and what the interface refuses. */
import { DEADLINE_MS_MAX } from '../../src/base/call-limits.ts'
import { KEY_BYTES_MAX } from '../../src/base/value.ts'
import assert from 'node:assert/strict'
import type { KvPutOptions, Value } from '../../src/store/api.ts'
import { ContextCache } from '../../src/store/context-cache.ts'
import {
  DOTS_MAX,
  SCAN_ENTRIES_MAX,
  SIBLINGS_MAX,
  VALUE_BYTES_MAX,
  VECTOR_MAX,
} from '../../src/store/limits.ts'
import { type Context, EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { contextOf } from './arbitrary.ts'
import { errorOf } from './error-of.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

/** Of somebody who has seen nothing. */
const NOTHING = contextText(EMPTY_CONTEXT, '')
const LEVELS: readonly KvPutOptions[] = [
  {},
  { write: 'one' },
  { write: 'quorum' },
  { write: 'all' },
]

function missing(...names: readonly string[]) {
  return (question: Question) => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

function sizedContext(count: number, dotCount = 0): Context {
  const vector = new Map(Array.from({ length: count }, (_, i) => [`disk-${1000 + i}`, 1]))
  const dots = Array.from({ length: dotCount }, (_, i) => ({ actor: 'elsewhere', n: 2 * i + 2 }))
  return contextOf(vector, dots)
}

describe('cache of contexts', () => {
  it('keeps so many keys, and lets the one go that was not seen for longest', () => {
    const cache = new ContextCache(3)
    for (const key of ['a', 'b', 'c', 'a', 'd']) cache.saw(key, sizedContext(1))
    assert.equal(cache.size, 3)
    assert.deepEqual(cache.get('b'), EMPTY_CONTEXT)
    for (const key of ['a', 'c', 'd']) assert.deepEqual(cache.get(key), sizedContext(1))
  })

  it('is bounded by default', () => {
    const cache = new ContextCache()
    for (let i = 0; i < 5000; i++) cache.saw(`k${i}`, sizedContext(1))
    assert.equal(cache.size, 4096)
    assert.deepEqual(cache.get('k903'), EMPTY_CONTEXT)
    assert.deepEqual(cache.get('k904'), sizedContext(1))
  })

  it('joins what it has seen of a key; of single writes it keeps the last', () => {
    const cache = new ContextCache()
    const dot = (n: number) => ({ actor: 'disk-a', n })
    cache.saw('k', contextOf(new Map([['disk-b', 4]]), [dot(3)]))
    cache.saw('k', contextOf(new Map([['disk-b', 2]]), [dot(9)]))
    assert.deepEqual(cache.get('k'), contextOf(new Map([['disk-b', 4]]), [dot(9)]))
    for (let n = 10; n < 200; n++) cache.saw('k', contextOf(new Map(), [dot(n)]))
    assert.equal(cache.get('k').dots.length, 1)
  })
})

describe('a context of a write', () => {
  it('is of its key: of another it says nothing', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'unseen', { write: 'all' }))
    const { context } = await world.drive(world.kv('a').put('other', 'v', { write: 'all' }))
    const calls: (() => Promise<unknown>)[] = [
      () => world.kv('b').put('k', 'v', { context }),
      () => world.kv('b').del('k', { context }),
      () => world.kv('b').set.rm('k', ['v'], { context }),
    ]
    for (const call of calls) {
      const error = await errorOf(world.drive(call()))
      assert.deepEqual([error.code, error.outcome], ['USAGE', 'not-applied'])
      assert.match(error.message, /is no context of "k"/)
    }
    assert.deepEqual(world.held('b', 'k'), ['unseen'])
    await world.drive(world.kv('b').put('k', 'v', { context: NOTHING }))
    assert.deepEqual(world.held('b', 'k'), ['unseen', 'v'], 'what covers nothing is of any')
  })

  for (const level of LEVELS) {
    it(`lets it be replaced where it was never heard of, level ${level.write ?? 'none'}`, async () => {
      for (const call of ['put', 'del'] as const) {
        const world = await StoreWorld.start(['abc'])
        await world.drive(world.kv('c').put('k', 'sibling', { write: 'all' }))
        world.fate = missing('b')
        const one = await world.drive(world.kv('a').put('k', 'v1', { context: NOTHING }))
        assert.deepEqual(world.held('a', 'k'), ['sibling', 'v1'])
        assert.deepEqual(world.held('b', 'k'), ['sibling'])
        world.fate = missing()
        const options = { ...level, context: one.context }
        const kv = world.kv('b')
        await world.drive(call === 'put' ? kv.put('k', 'v2', options) : kv.del('k', options))
        await world.wait(20)
        const after = call === 'put' ? ['sibling', 'v2'] : ['sibling', '†']
        for (const name of ['a', 'b', 'c']) {
          assert.deepEqual(world.held(name, 'k'), after, `${call} at ${name}`)
        }
        const read = await world.drive(world.kv('c').get('k', { read: 'all' }))
        assert.ok(![read?.value, ...(read?.others ?? [])].includes('v1'))
      }
    })
  }

  it('replaces a chain of its client’s writes over changing coordinators', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('c').put('k', 'sibling', { write: 'all' }))
    let context = NOTHING
    for (const [i, name] of 'abcabcab'.split('').entries()) {
      // Nobody else hears of it before the next one.
      world.fate = missing('a', 'b', 'c')
      const put = world.kv(name).put('k', `v${i}`, { write: 'one', context })
      context = (await world.drive(put)).context
    }
    world.fate = () => undefined
    for (const name of ['a', 'b', 'c']) {
      await world.drive(world.kv(name).get('k', { read: 'all' }))
      await world.wait(20)
    }
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['sibling', 'v7'])
  })
})

describe('limits of a record', () => {
  it(`${SIBLINGS_MAX} values that nobody resolved; one more is refused, resolving is not`, async () => {
    const world = await StoreWorld.start(['abc'])
    for (let i = 0; i < SIBLINGS_MAX; i++) {
      await world.drive(world.kv('a').put('k', `${i}`, { context: NOTHING, write: 'all' }))
    }
    const more = world.kv('a').put('k', 'more', { context: NOTHING })
    const error = await errorOf(world.drive(more))
    assert.deepEqual([error.code, error.outcome], ['TOO_LARGE', 'not-applied'])
    assert.match(error.hint ?? '', /with the context/)
    const read = await world.drive(world.kv('b').get('k'))
    assert.equal(read?.others.length, SIBLINGS_MAX - 1)
    const context = read?.context ?? ''
    await world.drive(world.kv('b').put('k', 'resolved', { context, write: 'all' }))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['resolved'])
  })

  it('two coordinators may bring it to twice that, and it can be read and resolved', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = missing('a', 'b', 'c')
    for (let i = 0; i < SIBLINGS_MAX; i++) {
      for (const name of ['a', 'b']) {
        const options = { context: NOTHING, write: 'one' } as const
        await world.drive(world.kv(name).put('k', `${name}${i}`, options))
      }
    }
    world.fate = () => undefined
    const read = await world.drive(world.kv('c').get('k', { read: 'all' }))
    assert.equal(read?.others.length, 2 * SIBLINGS_MAX - 1)
    await world.wait(50)
    const error = await errorOf(world.drive(world.kv('a').put('k', 'more', { context: NOTHING })))
    assert.equal(error.code, 'TOO_LARGE')
    const context = read?.context ?? ''
    await world.drive(world.kv('a').put('k', 'resolved', { context, write: 'all' }))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(world.held(name, 'k'), ['resolved'])
  })

  it('disks in a vector, and writes beyond it', async () => {
    const world = await StoreWorld.start(['abc'])
    const put = (context: Context) =>
      world.drive(world.kv('a').put('k', 'v', { context: contextText(context, 'k') }))
    // The coordinator’s own disk is one of them.
    for (const [key, most, over] of [
      ['vector', sizedContext(VECTOR_MAX - 1), sizedContext(VECTOR_MAX)],
      ['dots', sizedContext(0, DOTS_MAX), sizedContext(0, DOTS_MAX + 1)],
    ] as const) {
      const refused = await errorOf(put(over))
      assert.deepEqual([refused.code, refused.outcome], ['TOO_LARGE', 'not-applied'], key)
      assert.equal((await put(most)).partial, false)
      world.crash('a', { power: false })
      world.disk('a').wipe()
      await world.boot('a')
      world.fate = missing('a')
    }
  })

  it('three megabytes of values together', async () => {
    const world = await StoreWorld.start(['abc'])
    const value = new Uint8Array(VALUE_BYTES_MAX)
    const put = () => world.drive(world.kv('a').put('k', value, { context: NOTHING }))
    await put()
    await put()
    const error = await errorOf(put())
    assert.deepEqual([error.code, error.outcome], ['TOO_LARGE', 'not-applied'])
    await world.wait(2100)
  })
})

describe('what is refused before anything is asked', () => {
  const refused = async (run: (world: StoreWorld) => Promise<unknown>) => {
    const world = await StoreWorld.start(['a'])
    const error = await errorOf(world.drive(run(world)))
    assert.equal(error.outcome, 'not-applied')
    assert.deepEqual(world.asked, [])
    return error.code
  }
  const circle: Record<string, unknown> = {}
  circle['circle'] = circle

  it('keys', async () => {
    for (const [key, code] of [
      ['', 'USAGE'],
      ['\ud800', 'USAGE'],
      ['x'.repeat(KEY_BYTES_MAX + 1), 'TOO_LARGE'],
      ['é'.repeat(KEY_BYTES_MAX / 2 + 1), 'TOO_LARGE'],
    ] as const) {
      assert.equal(await refused((world) => world.kv('a').put(key, 'v')), code)
      assert.equal(await refused((world) => world.kv('a').get(key)), code)
      assert.equal(await refused((world) => world.kv('a').del(key)), code)
      assert.equal(await refused((world) => world.kv('a').inspect(key, 100)), code)
      if (key === '') continue
      assert.equal(await refused((world) => world.kv('a').ls(key)), code)
      assert.equal(await refused((world) => world.kv('a').ls('', { after: key })), code)
    }
    const world = await StoreWorld.start(['a'])
    for (const key of ['x'.repeat(KEY_BYTES_MAX), 'é'.repeat(KEY_BYTES_MAX / 2), '\0', '/']) {
      await world.drive(world.kv('a').put(key, 'v'))
      assert.equal((await world.drive(world.kv('a').get(key)))?.value, 'v')
    }
  })

  it('values', async () => {
    for (const [value, code] of [
      ['x'.repeat(VALUE_BYTES_MAX + 1), 'TOO_LARGE'],
      [new Uint8Array(VALUE_BYTES_MAX + 1), 'TOO_LARGE'],
      [['x'.repeat(VALUE_BYTES_MAX)], 'TOO_LARGE'],
      ['\udc00', 'USAGE'],
      [1n, 'USAGE'],
      [circle, 'USAGE'],
      [undefined, 'USAGE'],
      [() => 1, 'USAGE'],
    ] as const) {
      assert.equal(await refused((world) => world.kv('a').put('k', value as Value)), code)
    }
    const world = await StoreWorld.start(['a'])
    await world.drive(world.kv('a').put('k', 'x'.repeat(VALUE_BYTES_MAX)))
  })

  it('options', async () => {
    for (const deadlineMs of [0, -1, Number.NaN, DEADLINE_MS_MAX + 1]) {
      assert.equal(await refused((world) => world.kv('a').get('k', { deadlineMs })), 'USAGE')
    }
    const level = 'two' as 'one'
    assert.equal(await refused((world) => world.kv('a').put('k', 'v', { write: level })), 'USAGE')
    assert.equal(await refused((world) => world.kv('a').get('k', { read: level })), 'USAGE')
    for (const limit of [0, SCAN_ENTRIES_MAX + 1, 1.5, Number.NaN]) {
      assert.equal(await refused((world) => world.kv('a').ls('', { limit })), 'USAGE')
    }
    for (const context of ['', 'x', `${NOTHING}AAAA`, NOTHING.slice(1)]) {
      assert.equal(await refused((world) => world.kv('a').put('k', 'v', { context })), 'USAGE')
    }
  })
})
