/** What a page costs, and that nobody who is slow or silent makes it wait or leave out. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { KEY_BYTES_MAX } from '../../src/base/value.ts'
import { PAGE_BYTES, SCAN_ENTRIES_MAX } from '../../src/store/limits.ts'
import {
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
} from '../../src/store/scan/scan-messages.ts'
import { answerScan } from '../../src/store/scan/scan-answers.ts'
import type { HashTrees } from '../../src/store/sync/hash-trees.ts'
import { WireError } from '../../src/wire/codec.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

const isScan = ({ kind }: Question): boolean => kind === REQUEST_KINDS.KV_SCAN
const SETS = ['abc', 'bcd', 'cde', 'dea', 'eab', 'acd', 'bde', 'cea']
const VALUE = 'v'.repeat(400)
const KEYS = Array.from({ length: 300 }, (_, i) => `k/${1000 + i}`)

async function filled(sets = SETS, edges = ''): Promise<StoreWorld> {
  const world = await StoreWorld.start(sets, { edges })
  await world.drive(Promise.all(KEYS.map((key) => world.kv('a').put(key, VALUE, { write: 'all' }))))
  return world
}

/** Bytes of the scan's answers that reach a node, and who gave them. */
function answers(world: StoreWorld, name: string): { bytes: number; questions: Question[] } {
  const { mesh } = world.node(name)
  const counted = { bytes: 0, questions: [] as Question[] }
  const request = mesh.request.bind(mesh)
  mesh.request = async (peer, kind, body, options) => {
    const answer = await request(peer, kind, body, options)
    if (kind === REQUEST_KINDS.KV_SCAN) counted.bytes += answer.length
    return answer
  }
  const before = world.fate
  world.fate = (q) => {
    if (isScan(q) && q.from === name) counted.questions.push(q)
    return before(q)
  }
  return counted
}

async function all(world: StoreWorld, name: string, limit = 100, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<ReturnType<typeof world.kv>['ls']>> = await world.drive(
      world.kv(name).ls(prefix, { after, limit }),
    )
    assert.equal(page.partial, false)
    keys.push(...page.entries.map(({ key }) => key))
    after = page.next
  }
  return keys
}

describe('the cost of scans', () => {
  it('a page moves about its own bytes, however many replicas have it', async () => {
    const world = await filled(SETS, 'f')
    const own = KEYS.length * (VALUE.length + 60)
    const counted = answers(world, 'f')
    assert.deepEqual(await all(world, 'f', 300), KEYS)
    assert.ok(counted.bytes > KEYS.length * VALUE.length)
    assert.ok(counted.bytes < 1.3 * own, `${counted.bytes} of ${own}`)
    const questions = counted.questions.length
    assert.ok(questions <= 2 * 5 * 2, `${questions} questions`)
  })

  it('what a node has itself, it asks nobody for', async () => {
    const world = await filled(['abc', 'bca', 'cab', 'acb'])
    const counted = answers(world, 'b')
    assert.deepEqual(await all(world, 'b', 1000), KEYS)
    assert.ok(counted.bytes < 200, `${counted.bytes} bytes of confirmations`)
  })

  it('where replicas differ, it is the partitions that differ that move', async () => {
    const world = await filled(['abc', 'bca', 'cab', 'acb'])
    world.fate = (q) => ((isWrite(q) && q.to === 'b') || isSync(q) ? 'lost' : undefined)
    await world.drive(world.kv('a').put('k/1100', 'new'))
    const counted = answers(world, 'b')
    const page = await world.drive(world.kv('b').ls('', { limit: 300 }))
    assert.equal(page.entries.find(({ key }) => key === 'k/1100')?.value, 'new')
    const most = (KEYS.length / 4) * (VALUE.length + 60) * 1.5
    assert.ok(counted.bytes < most && counted.bytes > most / 4, `${counted.bytes} of ${most}`)
  })

  it('a key that one of a majority alone has is found, whoever gives', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => (isSync(q) || (isWrite(q) && q.to === 'c') ? 'lost' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(await all(world, name), ['k'], name)
  })

  it('where replicas differ elsewhere, sums of what is given still agree', async () => {
    const world = await filled(SETS, 'f')
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'lost' : undefined)
    const others = Array.from({ length: 40 }, (_, i) => `z/${i}`)
    await world.drive(
      Promise.all(others.map((key) => world.kv('a').put(key, 'v', { write: 'one' }))),
    )
    const own = KEYS.length * (VALUE.length + 60)
    const counted = answers(world, 'f')
    assert.deepEqual(await all(world, 'f', 60, 'k/'), KEYS)
    assert.ok(counted.bytes < 2 * own, `${counted.bytes} of ${own}`)
  })

  it('where hash trees agree, nobody else reads', async () => {
    const world = await filled(['abc', 'bca', 'cab', 'acb'])
    await world.wait(2000)
    const reads = { b: 0, c: 0 }
    for (const name of ['b', 'c'] as const) {
      const { database } = world.node(name)
      const scan = database?.scan.bind(database)
      if (database === null || scan === undefined) continue
      database.scan = (range) => {
        reads[name]++
        return scan(range)
      }
    }
    assert.deepEqual(await all(world, 'a'), KEYS)
    assert.deepEqual(reads, { b: 0, c: 0 })
    world.fate = (q) => ((isWrite(q) && q.to !== 'a') || isSync(q) ? 'lost' : undefined)
    await world.drive(world.kv('a').put('k/1100', 'new', { write: 'one' }))
    await world.drive(world.kv('a').ls('', { limit: 300 }))
    assert.ok(reads.b + reads.c > 0, 'where they do not, somebody does')
  })

  it('a root is told of records only if nothing changed while they were read', async () => {
    const world = await StoreWorld.start(['a'])
    const { database } = world.node('a')
    assert.ok(database !== null)
    const roots = [7, 7, 7, 8]
    const trees = { root: () => roots.shift() ?? null } as unknown as HashTrees
    const range = { prefix: '', after: '', upTo: null }
    const question = { topology: 1, range, limit: 9, bytes: 9, partitions: [0], given: null }
    const told = async () => (await world.drive(answerScan({ database, trees }, question))).roots
    assert.deepEqual(await told(), [7])
    assert.deepEqual(await told(), [null], 'it was 7 and became 8')
    assert.deepEqual(await told(), [null], 'it is not counted')
  })

  it('a member that does not answer is replaced, and asked last for a while', async () => {
    const world = await filled(SETS)
    for (const silent of ['b', 'c', 'd', 'e']) {
      world.fate = (q) => (isScan(q) && q.to === silent ? 'lost' : undefined)
      const page = await world.drive(world.kv('a').ls('', { limit: 50 }))
      assert.deepEqual([page.partial, page.entries[0]?.key], [false, KEYS[0]], silent)
      await world.wait(11_000)
    }
    world.fate = (q) => (isScan(q) && q.to === 'b' ? 'lost' : undefined)
    const counted = answers(world, 'a')
    const asked = () => counted.questions.splice(0).filter(({ to }) => to === 'b').length
    await world.drive(world.kv('a').ls(''))
    assert.ok(asked() > 0)
    await world.drive(world.kv('a').ls(''))
    assert.equal(asked(), 0, 'not again at once')
    await world.wait(11_000)
    await world.drive(world.kv('a').ls(''))
    assert.ok(asked() > 0, 'later it is')
  })

  it('what was given up by its caller says nothing of who was asked', async () => {
    const world = await filled(SETS)
    world.fate = (q) => (isScan(q) && q.to === 'b' ? 'lost' : undefined)
    const aborter = new AbortController()
    const scan = world
      .kv('a')
      .ls('', { signal: aborter.signal })
      .catch(() => null)
    await world.wait(20)
    aborter.abort()
    await world.wait(1)
    await scan
    world.fate = () => undefined
    const counted = answers(world, 'a')
    await world.drive(world.kv('a').ls(''))
    assert.ok(counted.questions.some(({ to }) => to === 'b'))
  })
})

describe('messages of scans', () => {
  const key = fc.string({ unit: 'grapheme', maxLength: 40 })
  const partition = fc.nat(65_535)
  const root = fc.option(fc.nat(2 ** 31))
  const given = fc.record({ sum: fc.maxSafeNat(), root }, { noNullPrototype: true })
  const question = fc.record(
    {
      topology: fc.maxSafeNat(),
      range: fc.record(
        { prefix: key, after: key, upTo: fc.option(key) },
        { noNullPrototype: true },
      ),
      limit: fc.nat(SCAN_ENTRIES_MAX),
      bytes: fc.nat(PAGE_BYTES),
      partitions: fc.array(partition, { maxLength: 20 }),
      given: fc.option(fc.array(given, { maxLength: 20 })),
    },
    { noNullPrototype: true },
  )
  const record = fc.uint8Array({ maxLength: 40 })
  const entry = fc.record({ partition, key, record }, { noNullPrototype: true })
  const answer = fc.record(
    {
      entries: fc.array(entry, { maxLength: 10 }),
      done: fc.boolean(),
      roots: fc.array(root, { maxLength: 10 }),
    },
    { noNullPrototype: true },
  )

  it('come out as they went in', () => {
    fc.assert(
      fc.property(question, (each) => assert.deepEqual(decodeQuestion(encodeQuestion(each)), each)),
    )
    fc.assert(
      fc.property(answer, (each) => assert.deepEqual(decodeAnswer(encodeAnswer(each)), each)),
    )
  })

  it('that are damaged are refused or something else, and never another error', () => {
    const damaged = fc.tuple(
      fc.oneof(question.map(encodeQuestion), answer.map(encodeAnswer)),
      fc.nat(),
      fc.nat(255),
      fc.boolean(),
    )
    fc.assert(
      fc.property(damaged, ([bytes, place, byte, cut]) => {
        const at = place % bytes.length
        const wrong = cut ? bytes.subarray(0, at) : bytes.with(at, byte)
        for (const decode of [decodeQuestion, decodeAnswer]) {
          try {
            decode(wrong)
          } catch (error) {
            assert.ok(error instanceof WireError, String(error))
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('over their bounds are refused', () => {
    const range = { prefix: '', after: '', upTo: null }
    const good = { topology: 1, range, limit: 1, bytes: 1, partitions: [0], given: null }
    const long = 'k'.repeat(KEY_BYTES_MAX + 1)
    const bad = [
      { ...good, limit: SCAN_ENTRIES_MAX + 1 },
      { ...good, bytes: PAGE_BYTES + 1 },
      { ...good, partitions: [65_536] },
      { ...good, range: { ...range, prefix: long } },
      { ...good, range: { ...range, after: long } },
      { ...good, range: { ...range, upTo: long } },
    ]
    decodeQuestion(encodeQuestion(good))
    for (const each of bad) assert.throws(() => decodeQuestion(encodeQuestion(each)), WireError)
    const one = { partition: 0, key: 'k', record: new Uint8Array() }
    const entries = Array.from({ length: SCAN_ENTRIES_MAX + 1 }, () => one)
    assert.throws(() => decodeAnswer(encodeAnswer({ entries, done: true, roots: [] })), WireError)
    assert.throws(
      () => decodeAnswer(encodeAnswer({ entries: [{ ...one, key: long }], done: true, roots: [] })),
      WireError,
    )
  })
})
