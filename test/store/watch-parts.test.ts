/** The parts of a watch by themselves: what each holds at most, and what it does then. */
import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import type { Mesh } from '../../src/mesh/mesh.ts'
import type { KvEvent } from '../../src/store/api.ts'
import { WatchCounts } from '../../src/store/counts.ts'
import {
  FEED_ENTRIES_MAX,
  FEED_HOLD_MS,
  FEED_KEY_BYTES_MAX,
  FEED_PAGE_BYTES,
  FEED_PAGE_ENTRIES,
  FEED_RECORD_BYTES_MAX,
  FEED_RECORD_MAX,
  FEED_WAITING_MAX,
  LATE_ENDS_MAX,
  STREAMS_MAX,
  WATCH_BYTES_MAX,
  WATCH_EVENTS_MAX,
  WATCHERS_MAX,
} from '../../src/store/limits.ts'
import { FINGERPRINT_LIMIT } from '../../src/store/fingerprint.ts'
import { EMPTY_RECORD, encodeRecord, type StoreRecord } from '../../src/store/record.ts'
import { isSameContent, markOf } from '../../src/store/watch/content.ts'
import { Continuity } from '../../src/store/watch/continuity.ts'
import { cursorOf, cursorText, MARKS } from '../../src/store/watch/cursor.ts'
import { EventBuffer } from '../../src/store/watch/event-buffer.ts'
import {
  decodeFeedAnswer,
  decodeFeedQuestion,
  decodeRootsAnswer,
  decodeRootsQuestion,
  encodeFeedAnswer,
  encodeFeedQuestion,
  encodeRootsAnswer,
  encodeRootsQuestion,
  feedEnd,
  type FeedAnswer,
} from '../../src/store/watch/feed-messages.ts'
import { Feed } from '../../src/store/watch/feed.ts'
import { Holders } from '../../src/store/watch/holders.ts'
import { LateEnds } from '../../src/store/watch/late-ends.ts'
import { History } from '../../src/store/watch/history.ts'
import { Telling } from '../../src/store/watch/telling.ts'
import { ToldKeys } from '../../src/store/watch/told.ts'
import type { Topology, TopologyView } from '../../src/topology/topology.ts'
import { REPLICATION_FACTOR_MAX } from '../../src/topology/limits.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { contextOf, plain, recordOf, records, writeOf } from './arbitrary.ts'
import { errorOf } from './error-of.ts'
import { shortly, WatchReader } from './watch-reader.ts'
import { StoreWorld } from './world.ts'

const PEER = 'another node'
const WITHOUT_READING = { partition: 0, expiredAtMs: 0, record: null } as const

function recordAt(n: number): StoreRecord {
  const dot = { actor: 'disk-a', n }
  return recordOf(contextOf(new Map([['disk-a', n]])), [{ ...writeOf(dot), kind: 'text' }])
}

/** What has not settled after all that can happen has is late. */
function soon<T>(promise: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setImmediate(() => reject(new Error('it waits')))
  })
  return Promise.race([promise, late])
}

describe('the changes that a disk remembers', () => {
  const keysOf = (history: History, after: number): string[] =>
    [...history.after(after)].map(({ key }) => key)

  it('are the last ones, in order, and so many', () => {
    const history = new History()
    for (let i = 1; i <= FEED_ENTRIES_MAX; i++) history.add({ ...WITHOUT_READING, key: `k${i}` })
    assert.ok(history.knowsAllAfter(0))
    history.add({ ...WITHOUT_READING, key: 'more' })
    assert.equal(history.size, FEED_ENTRIES_MAX)
    assert.deepEqual([history.knowsAllAfter(0), history.knowsAllAfter(1)], [false, true])
    for (let i = 0; i < 10_000; i++) history.add({ ...WITHOUT_READING, key: 'k' })
    assert.equal(history.size, FEED_ENTRIES_MAX)
    const { upTo } = history
    assert.deepEqual(keysOf(history, upTo - 1), ['k'])
    assert.equal(keysOf(history, upTo - FEED_ENTRIES_MAX)[0], `k${10_002}`)
    assert.ok(history.knowsAllAfter(upTo))
    for (const odd of [upTo + 1, -1, Number.MAX_SAFE_INTEGER]) {
      assert.ok(!history.knowsAllAfter(odd), String(odd))
    }
  })

  it('have so many bytes of keys', () => {
    const history = new History()
    const key = 'x'.repeat(1024)
    const most = FEED_KEY_BYTES_MAX / key.length
    for (let i = 0; i < most + 10; i++) history.add({ ...WITHOUT_READING, key })
    assert.equal(history.size, most)
    assert.ok(history.bytes <= FEED_KEY_BYTES_MAX)
  })

  it('let go of records first, the oldest first, and of large ones at once', () => {
    const history = new History()
    const record = new Uint8Array(FEED_RECORD_MAX)
    const most = FEED_RECORD_BYTES_MAX / record.length
    for (let i = 0; i < most + 10; i++) history.add({ ...WITHOUT_READING, key: `k${i}`, record })
    const held = [...history.after(0)].map((each) => each.record !== null)
    assert.deepEqual(held, [...Array(10).fill(false), ...Array(most).fill(true)])
    history.add({ ...WITHOUT_READING, key: 'large', record: new Uint8Array(FEED_RECORD_MAX + 1) })
    assert.equal([...history.after(history.upTo - 1)][0]?.record, null)
    for (let i = 0; i < FEED_ENTRIES_MAX; i++) history.add({ ...WITHOUT_READING, key: '' })
    assert.equal(history.bytes, 0, 'what is forgotten is counted no more')
  })
})

describe('a feed', () => {
  interface FeedRig {
    readonly feed: Feed
    readonly world: StoreWorld
    readonly disk: Map<string, Uint8Array>
    readonly change: (key: string, n: number) => void
    /** The latest topology of the world. */
    readonly learn: () => void
  }

  async function feedOf(self = 'a'): Promise<FeedRig> {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const disk = new Map<string, Uint8Array>()
    let learn: (topology: Topology) => void = () => undefined
    const feed = new Feed({
      self: world.idsOf(self)[0] ?? '',
      mesh: { handle: () => undefined } as unknown as Mesh,
      topology: {
        current: () => world.latest,
        subscribe: (listener) => {
          learn = listener
          return () => undefined
        },
      } as TopologyView,
      clock: world.clock,
      random: new SimRandom('feed'),
      read: (_, key) => disk.get(key),
      root: () => disk.size,
      sweptMs: () => Number.POSITIVE_INFINITY,
    })
    const change = (key: string, n: number): void => {
      const record = recordAt(n)
      disk.set(key, encodeRecord(record))
      feed.changed({ partition: 0, key, before: null, after: { record, bytes: 1 } })
    }
    return { feed, world, disk, change, learn: () => learn(world.latest) }
  }

  const from = { stream: 1, prefix: '', run: 0, after: 0, holdMs: 0 } as const

  it('begins with the first question, and tells what comes after it', async () => {
    const { feed, change } = await feedOf()
    change('before', 1)
    const { run, upTo, isLost } = await feed.ask(from, PEER)
    assert.deepEqual([run > 0, upTo, isLost], [true, 0, false])
    change('k', 2)
    const answer = await feed.ask({ ...from, run }, PEER)
    assert.deepEqual([answer.upTo, answer.entries.map(({ key }) => key)], [1, ['k']])
  })

  it('says that another run is lost, and so is what it has forgotten', async () => {
    const { feed, change } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    const other = await feed.ask({ ...from, run: run + 1 }, PEER)
    assert.deepEqual([other.run, other.isLost], [run, true])
    for (let i = 0; i <= FEED_ENTRIES_MAX; i++) change('k', i + 1)
    const answer = await feed.ask({ ...from, run, holdMs: FEED_HOLD_MS }, PEER)
    assert.deepEqual([answer.isLost, answer.upTo], [true, FEED_ENTRIES_MAX + 1])
    const odd = await feed.ask({ ...from, run, after: 10 ** 9, holdMs: FEED_HOLD_MS }, PEER)
    assert.ok(odd.isLost)
  })

  it('keeps a question until there is something under its prefix, however much there is of others', async () => {
    const { feed, change, world } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    let answer: FeedAnswer | null = null
    const asked = feed.ask(
      { stream: 2, prefix: 'quiet/', run, after: 0, holdMs: FEED_HOLD_MS },
      PEER,
    )
    asked.then((each) => (answer = each)).catch(() => undefined)
    for (let i = 0; i <= FEED_ENTRIES_MAX; i++) change('busy', i + 1)
    await world.wait(100)
    assert.equal(answer, null)
    change('quiet/k', 1)
    change('quiet/l', 1)
    await world.wait(1)
    const { isLost, entries, upTo } = await asked
    assert.deepEqual(
      [isLost, entries.map(({ key }) => key), upTo],
      [false, ['quiet/k', 'quiet/l'], FEED_ENTRIES_MAX + 3],
    )
  })

  it('answers with nothing after a while', async () => {
    const { feed, world, change } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    const asked = feed.ask({ stream: 2, prefix: 'x', run, after: 0, holdMs: FEED_HOLD_MS }, PEER)
    change('k', 1)
    await world.wait(FEED_HOLD_MS)
    assert.deepEqual(await asked, { run, upTo: 1, isLost: false, entries: [], came: [] })
  })

  it('of a replica that is not the first gathers changes for a little', async () => {
    for (const [self, waitsMs] of [
      ['a', 0],
      ['b', 20],
    ] as const) {
      const { feed, world, change } = await feedOf(self)
      const { run } = await feed.ask(from, PEER)
      let answer: FeedAnswer | null = null
      const asked = feed.ask({ ...from, run, holdMs: FEED_HOLD_MS }, PEER)
      asked.then((each) => (answer = each)).catch(() => undefined)
      change('k', 1)
      await world.wait(Math.max(0, waitsMs - 1))
      assert.equal(answer === null, waitsMs > 0)
      change('l', 1)
      await world.wait(1)
      assert.equal((await asked).entries.length, waitsMs > 0 ? 2 : 1)
    }
  })

  it('tells nothing of partitions that it does not hold, or that are only coming', async () => {
    const { feed, change, world } = await feedOf('d')
    const { run } = await feed.ask(from, PEER)
    change('k', 1)
    world.move(['abd'])
    change('k', 2)
    assert.deepEqual((await feed.ask({ ...from, run }, PEER)).entries, [])
    world.finish()
    change('k', 3)
    assert.equal((await feed.ask({ ...from, run }, PEER)).entries.length, 1)
  })

  it('tells nothing of what has merely become durable, or brings no write', async () => {
    const { feed } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    const sized = (record: StoreRecord) => ({ record, bytes: 1 })
    const one = recordAt(1)
    const wiser = { ...one, known: contextOf(new Map([...one.known.vector, ['disk-b', 7]])) }
    const change = { partition: 0, key: 'k' } as const
    feed.changed({ ...change, before: sized(one), after: sized(one) })
    feed.changed({ ...change, before: sized(one), after: sized(wiser) })
    feed.changed({ ...change, before: sized(one), after: null })
    assert.deepEqual((await feed.ask({ ...from, run }, PEER)).upTo, 0)
    feed.changed({ ...change, before: sized(one), after: sized(recordAt(2)) })
    assert.deepEqual((await feed.ask({ ...from, run }, PEER)).upTo, 1)
  })

  it('gives pages, and reads what it has let go of; says what is gone', async () => {
    const { feed, change, disk } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    for (let i = 0; i < FEED_PAGE_ENTRIES + 1; i++) change(`k${i}`, 1)
    const first = await feed.ask({ ...from, run }, PEER)
    assert.deepEqual([first.entries.length, first.upTo], [FEED_PAGE_ENTRIES, FEED_PAGE_ENTRIES])
    const { upTo } = await feed.ask({ ...from, run, after: first.upTo }, PEER)
    const large = { ...recordAt(1), siblings: [{ ...writeOf({ actor: 'disk-a', n: 1 }) }] }
    const value = new Uint8Array(FEED_PAGE_BYTES / 2)
    const [sibling] = large.siblings
    assert.ok(sibling !== undefined)
    const record = { ...large, siblings: [{ ...sibling, kind: 'bytes', value } as const] }
    for (const key of ['x', 'y', 'z', 'gone']) {
      if (key !== 'gone') disk.set(key, encodeRecord(record))
      feed.changed({ partition: 0, key, before: null, after: { record, bytes: 1 } })
    }
    const page = await feed.ask({ ...from, run, after: upTo }, PEER)
    assert.deepEqual(
      page.entries.map(({ key }) => key),
      ['x', 'y'],
    )
    const last = await feed.ask({ ...from, run, after: page.upTo }, PEER)
    assert.deepEqual([last.entries.map(({ key }) => key), last.upTo], [['z', 'gone'], upTo + 4])
    assert.equal(last.entries[1]?.record.length, 0)
  })

  it('answers at once what its own node asks, whose turn it is not with others', async () => {
    const { feed, world, change } = await feedOf('b')
    const { run } = await feed.ask(from, null)
    const question = { ...from, run, holdMs: FEED_HOLD_MS }
    const others = feed.ask(question, PEER)
    const own = feed.ask(question, null)
    change('k', 1)
    change('l', 1)
    assert.equal((await soon(own)).entries.length, 2, 'what comes in one turn travels together')
    await assert.rejects(soon(others), /it waits/)
    await world.wait(20)
    assert.equal((await others).entries.length, 2)
  })

  it('keeps no question of a stream that asks again or has ended', async () => {
    const { feed } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    const question = { ...from, run, holdMs: FEED_HOLD_MS }
    const first = feed.ask(question, PEER)
    const others = [feed.ask(question, null), feed.ask({ ...question, stream: 2 }, PEER)]
    const second = feed.ask(question, PEER)
    assert.deepEqual((await soon(first)).entries, [])
    await assert.rejects(soon(second), /it waits/)
    await feed.ask(feedEnd(1), PEER)
    await soon(second)
    for (const other of others) await assert.rejects(soon(other), /it waits/)
  })

  it('keeps so many questions and no more, and answers them when it stops', async () => {
    const { feed, change } = await feedOf()
    const { run } = await feed.ask(from, PEER)
    const question = { ...from, run, holdMs: FEED_HOLD_MS }
    const waiting = Array.from({ length: FEED_WAITING_MAX }, (_, i) =>
      feed.ask({ ...question, stream: i + 2 }, PEER),
    )
    assert.equal((await errorOf(soon(feed.ask(question, PEER)))).code, 'BUSY')
    assert.equal((await feed.ask({ ...question, holdMs: 0 }, PEER)).entries.length, 0)
    change('k', 1)
    feed.stop()
    assert.equal((await soon(Promise.all(waiting))).length, FEED_WAITING_MAX)
    assert.equal((await errorOf(feed.ask(question, PEER))).code, 'STOPPED')
  })
})

describe('messages of watching', () => {
  const seqs = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  const questions = plain({
    stream: seqs,
    prefix: fc.string({ unit: 'grapheme', maxLength: 50 }),
    run: seqs,
    after: seqs,
    holdMs: fc.nat({ max: FEED_HOLD_MS }),
  })
  const answers = plain<FeedAnswer>({
    run: seqs,
    upTo: seqs,
    isLost: fc.boolean(),
    came: fc.array(fc.nat({ max: 65_535 }), { maxLength: 5 }),
    entries: fc.array(
      plain({
        seq: seqs,
        key: fc.string({ unit: 'grapheme', maxLength: 50 }),
        expiredAtMs: seqs,
        record: records.map(encodeRecord),
      }),
      { maxLength: 5 },
    ),
  })

  const rootsQuestions = plain({
    prefix: fc.string({ unit: 'grapheme', maxLength: 50 }),
    run: seqs,
    after: seqs,
    partitions: fc.array(fc.nat({ max: 65_535 }), { maxLength: 6 }),
  })
  const rootsAnswers = plain({
    run: seqs,
    upTo: seqs,
    wallMs: seqs,
    sweptMs: seqs,
    roots: fc.array(fc.option(fc.nat({ max: FINGERPRINT_LIMIT - 1 })), { maxLength: 6 }),
  })

  it('come back as they were', () => {
    fc.assert(
      fc.property(rootsQuestions, rootsAnswers, (question, answer) => {
        assert.deepEqual(decodeRootsQuestion(encodeRootsQuestion(question)), question)
        assert.deepEqual(decodeRootsAnswer(encodeRootsAnswer(answer)), answer)
      }),
    )
    fc.assert(
      fc.property(questions, answers, (question, answer) => {
        assert.deepEqual(decodeFeedQuestion(encodeFeedQuestion(question)), question)
        assert.deepEqual(decodeFeedAnswer(encodeFeedAnswer(answer)), answer)
      }),
    )
  })

  it('of roots are read as those said them who did not tell how far they had swept', () => {
    const answer = { run: 1, upTo: 2, wallMs: 3, sweptMs: 0, roots: [4, null] }
    assert.deepEqual(decodeRootsAnswer(encodeRootsAnswer(answer).subarray(0, -1)), answer)
  })

  it('that are changed or cut are refused with WireError, or are others', () => {
    const decodes = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void => {
      try {
        decode(bytes)
      } catch (error) {
        assert.ok(error instanceof WireError, String(error))
      }
    }
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 })
    const roots = fc.tuple(rootsQuestions, rootsAnswers)
    fc.assert(
      fc.property(
        questions,
        answers,
        roots,
        changes,
        fc.nat(),
        (question, answer, of, flips, cut) => {
          for (const [decode, encoded] of [
            [decodeFeedQuestion, encodeFeedQuestion(question)],
            [decodeFeedAnswer, encodeFeedAnswer(answer)],
            [decodeRootsQuestion, encodeRootsQuestion(of[0])],
            [decodeRootsAnswer, encodeRootsAnswer(of[1])],
          ] as const) {
            const bytes = encoded.slice()
            for (const [at, value] of flips) bytes[at % bytes.length] = value
            decodes(decode, bytes)
            decodes(decode, encoded.subarray(0, cut % encoded.length))
          }
        },
      ),
    )
  })

  it('ask for no longer than a disk may wait, and bring no more than a page', () => {
    const question = { stream: 1, prefix: '', run: 1, after: 1, holdMs: FEED_HOLD_MS + 1 }
    assert.throws(() => decodeFeedQuestion(encodeFeedQuestion(question)), WireError)
    const entry = { seq: 1, key: 'k', expiredAtMs: 0, record: new Uint8Array() }
    const entries = Array.from({ length: FEED_PAGE_ENTRIES + 1 }, () => entry)
    const answer = encodeFeedAnswer({ run: 1, upTo: 1, isLost: false, entries, came: [] })
    assert.throws(() => decodeFeedAnswer(answer), WireError)
  })

  it('a cursor comes back as it was, and nothing else is one', () => {
    const places = plain({
      seq: seqs,
      standing: fc.constantFrom('doubted' as const, 'heard' as const, 'proven' as const),
    })
    const cursors = fc.record(
      {
        runs: fc.array(fc.tuple(seqs, places)).map((pairs) => new Map(pairs)),
        marks: fc.array(seqs, { maxLength: MARKS }),
        enough: fc.nat(REPLICATION_FACTOR_MAX),
      },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(cursors, fc.nat(), fc.string(), (cursor, at, junk) => {
        const text = cursorText(cursor)
        assert.deepEqual(cursorOf(text), cursor)
        const place = at % text.length
        const other = text[place] === 'A' ? 'B' : 'A'
        const changed = text.slice(0, place) + other + text.slice(place + 1)
        // The last character may have bits that say nothing.
        if (place < text.length - 1) assert.throws(() => cursorOf(changed), { code: 'USAGE' })
        assert.throws(() => cursorOf(junk), { code: 'USAGE' })
      }),
    )
  })

  it('a cursor is taken that says less, as they once did: of a disk whether it was heard, and no more', () => {
    const bytes = new WireWriter()
      .uint(2)
      .list([true, false], (to, isHeard) =>
        to
          .uint(7 + Number(isHeard))
          .uint(5)
          .bool(isHeard),
      )
      .list([9], (to, mark) => to.uint(mark))
      .finish()
    const text = Buffer.alloc(bytes.length + 4)
    text.set(bytes)
    text.writeUInt32LE(crc32(bytes), bytes.length)
    assert.deepEqual(cursorOf(text.toString('base64url')), {
      runs: new Map([
        [8, { seq: 5, standing: 'heard' }],
        [7, { seq: 5, standing: 'doubted' }],
      ]),
      marks: [9],
      enough: 0,
    })
  })
})

describe('what was told', () => {
  const told = { record: recordAt(1), shown: 1, atMs: 0, turn: 1, recordBytes: 1000 }

  it('is so many bytes, what was told longest ago forgotten first, and known to be', () => {
    const keys = new ToldKeys(10_000)
    keys.enter(1)
    for (let i = 0; i < 8; i++) keys.set(1, `k${i}`, told)
    assert.ok(keys.bytes <= 10_000 && keys.get(1, 'k0') !== undefined)
    keys.set(1, 'k0', told)
    for (let i = 8; i < 10; i++) keys.set(1, `k${i}`, told)
    assert.ok(keys.bytes <= 10_000)
    assert.equal(keys.get(1, 'k1'), undefined)
    assert.ok(keys.get(1, 'k0') !== undefined, 'told again')
    assert.ok(keys.mayBeForgotten(1, 'k1'))
    assert.ok(!keys.mayBeForgotten(1, 'k0') && !keys.mayBeForgotten(1, 'never'))
    assert.ok(!keys.mayBeForgotten(2, 'k1'), 'of another stream')
  })

  it('by streams that have ended is known to nobody, and all is gone with the last', () => {
    const keys = new ToldKeys(5000)
    keys.enter(1)
    keys.enter(2)
    keys.set(1, 'a', told)
    keys.leave(1)
    for (let i = 0; i < 10; i++) keys.set(2, `k${i}`, told)
    assert.ok(!keys.mayBeForgotten(1, 'a'))
    assert.ok(keys.mayBeForgotten(2, 'k0'))
    keys.leave(2)
    assert.equal(keys.bytes, 0)
    assert.ok(!keys.mayBeForgotten(2, 'k0'))
  })

  it('is the same content where the same writes stand, and only there', () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        const content = ({ siblings, elements, known, replaced }: StoreRecord): unknown => [
          siblings.map(({ dot }) => dot),
          elements.map(({ dot }) => dot),
          known.sums.map(({ actor, n }) => [actor, n]),
          replaced.map(({ actor, n }) => [actor, n]),
        ]
        const isSame = JSON.stringify(content(a)) === JSON.stringify(content(b))
        assert.equal(isSameContent(a, b), isSame)
        assert.equal(markOf('k', a, 1) === markOf('k', b, 1), isSame)
        assert.notEqual(markOf('k', a, 1), markOf('l', a, 1))
        assert.notEqual(markOf('k', a, 1), markOf('k', a, 0))
      }),
    )
  })
})

describe('telling of a key', () => {
  function tellingOf(read: () => Promise<StoreRecord>, bytesMax = 1000) {
    const clock = new ManualClock()
    const told = new ToldKeys(bytesMax)
    const counts = new WatchCounts()
    let unread = 0
    const onUnread = (): void => void unread++
    const options = { number: 1, marks: null, told, counts, clock, read, onUnread }
    const telling = new Telling(options)
    const buffer = new EventBuffer(() => undefined)
    telling.enter(buffer)
    let seq = 0
    const take = (key: string, record: StoreRecord | null, expiredAtMs = 0): Promise<void> => {
      const bytes = record === null ? new Uint8Array() : encodeRecord(record)
      const entry = { seq: ++seq, key, expiredAtMs, record: bytes }
      return telling.take([entry], (at) => () => `c${at}`)
    }
    const heard = async (): Promise<string[]> => {
      telling.stop(null)
      const events: string[] = []
      for await (const event of buffer) events.push(shortly(event))
      return events
    }
    return { telling, take, heard, clock, counts, unread: () => unread }
  }

  it('that has been forgotten joins what a read finds: nothing older is told', async () => {
    const { take, heard, counts } = tellingOf(() => Promise.resolve(recordAt(9)))
    await take('k', recordAt(9))
    for (let i = 0; i < 5; i++) await take(`other${i}`, recordAt(i + 1))
    assert.equal(counts.reads, 0, 'none of these was ever told')
    await take('k', recordAt(4))
    assert.equal(counts.reads, 1)
    const ofKey = (await heard()).filter((event) => event.includes(' k='))
    assert.deepEqual(ofKey, ['put k=disk-a 9', 'put k=disk-a 9'])
  })

  it('to a reader that fell behind is done again: what it missed counts as not told', async () => {
    const { take, heard } = tellingOf(() => Promise.reject(new Error('unused')), 1e9)
    for (let i = 0; i <= WATCH_EVENTS_MAX; i++) await take(`k${i}`, recordAt(i + 1))
    await take('k0', recordAt(1))
    await take('k0', recordAt(1))
    assert.deepEqual(await heard(), ['gap slow', 'put k0=disk-a 1'])
  })

  it('that a disk has no more is read: gone everywhere it is a delete, and no old value comes back', async () => {
    let held = recordAt(4)
    const { take, heard } = tellingOf(() => Promise.resolve(held), 1e9)
    await take('k', recordAt(4))
    await take('k', null)
    held = EMPTY_RECORD
    await take('k', null)
    await take('k', null)
    const other = { actor: 'disk-b', n: 5 }
    const known = contextOf(new Map([['disk-b', 5]]))
    await take('k', recordOf(known, [{ ...writeOf(other), kind: 'text' }]))
    assert.deepEqual(await heard(), ['put k=disk-a 4', 'delete k', 'put k=disk-b 5'])
  })

  it('that has run out by the clock of a disk that is a little ahead is told, by one far ahead not', async () => {
    const { take, heard, clock } = tellingOf(() => Promise.reject(new Error('unused')), 1e9)
    const endsMs = clock.wallMs() + 4000
    const one = recordAt(1)
    const record = {
      ...one,
      siblings: one.siblings.map((each) => ({ ...each, expiresAtMs: endsMs })),
    }
    await take('k', record)
    await take('k', record, clock.wallMs() + 86_400_000)
    await take('k', record, clock.wallMs() + 86_400_000)
    const later = {
      ...record,
      siblings: record.siblings.map((e) => ({ ...e, expiresAtMs: endsMs + 9000 })),
    }
    await take('l', later)
    await take('l', later, clock.wallMs() + 86_400_000)
    assert.deepEqual(await heard(), ['put k=disk-a 1', 'expire k', 'put l=disk-a 1'])
  })

  it('that runs out by a clock ahead of this one is told when it has come here, and once', async () => {
    const one = recordAt(1)
    const { take, heard, clock, counts } = tellingOf(() => Promise.resolve(record), 1e9)
    const endsMs = clock.wallMs() + 30_000
    const record = {
      ...one,
      siblings: one.siblings.map((each) => ({ ...each, expiresAtMs: endsMs })),
    }
    await take('k', record)
    for (let i = 0; i < 3; i++) await take('k', record, endsMs)
    await clock.advance(24_000)
    assert.equal(counts.told, 1)
    await clock.advance(3000)
    assert.equal(counts.told, 2)
    await clock.advance(600_000)
    assert.deepEqual(await heard(), ['put k=disk-a 1', 'expire k'])
  })

  it('that has run out by then does not come back with a copy of it', async () => {
    const one = recordAt(1)
    const { take, heard, clock } = tellingOf(() => Promise.reject(new Error('unused')), 1e9)
    const endsMs = clock.wallMs() + 4000
    const siblings = one.siblings.map((each) => ({ ...each, expiresAtMs: endsMs }))
    const record = { ...one, siblings }
    await take('k', record)
    await take('k', record, endsMs)
    await take('k', record)
    await clock.advance(10_000)
    for (const expiredAtMs of [0, endsMs]) await take('k', record, expiredAtMs)
    assert.deepEqual(await heard(), ['put k=disk-a 1', 'expire k'])
  })

  it('that has run out is told once, also by a copy that comes later than its end', async () => {
    const one = recordAt(1)
    const { take, heard, clock } = tellingOf(() => Promise.reject(new Error('unused')), 1e9)
    const endsMs = clock.wallMs() + 1000
    const siblings = one.siblings.map((each) => ({ ...each, expiresAtMs: endsMs }))
    const record = { ...one, siblings }
    await take('k', record)
    await clock.advance(2000)
    for (const expiredAtMs of [0, endsMs, endsMs]) await take('k', record, expiredAtMs)
    assert.deepEqual(await heard(), ['put k=disk-a 1', 'expire k'])
  })

  it('that nobody here can read is read', async () => {
    const { telling, heard, counts } = tellingOf(() => Promise.resolve(recordAt(2)), 1e9)
    const unreadable = { seq: 1, key: 'k', expiredAtMs: 0, record: new Uint8Array([255]) }
    const sound = { ...unreadable, seq: 2, key: 'l', record: encodeRecord(recordAt(1)) }
    await telling.take([unreadable, sound], (at) => () => `c${at}`)
    assert.equal(counts.reads, 1)
    assert.deepEqual(await heard(), ['put k=disk-a 2', 'put l=disk-a 1'])
  })

  it('takes the bytes of its cursor, too', async () => {
    const { telling, heard } = tellingOf(() => Promise.reject(new Error('unused')), 1e9)
    const cursor = 'c'.repeat(WATCH_BYTES_MAX / 4)
    for (let i = 1; i <= 4; i++) {
      const entry = { seq: i, key: `k${i}`, expiredAtMs: 0, record: encodeRecord(recordAt(i)) }
      await telling.take([entry], () => () => cursor)
    }
    assert.deepEqual(await heard(), ['gap slow'])
  })

  it('that cannot be read is told all the same, after a gap', async () => {
    const rig = tellingOf(() => Promise.reject(new Error('no majority')))
    await rig.take('k', recordAt(9))
    for (let i = 0; i < 5; i++) await rig.take(`other${i}`, recordAt(i + 1))
    const taking = rig.take('k', recordAt(10))
    await rig.clock.advance(10_000)
    await taking
    assert.deepEqual([rig.counts.reads, rig.unread()], [5, 1])
    assert.equal((await rig.heard()).at(-1), 'put k=disk-a 10')
  })
})

describe('ends of values that are still to come here', () => {
  it('are so many, each key once, the first end of it, and leave no timer', async () => {
    const clock = new ManualClock()
    const due: string[] = []
    const ends = new LateEnds(clock, (each) => due.push(...each.map(({ entry }) => entry.key)))
    const nowMs = clock.wallMs()
    const end = (key: string, dueMs: number): boolean => {
      const entry = { seq: 1, key, expiredAtMs: 1, record: new Uint8Array() }
      return ends.add({ entry, dueMs, cursor: () => '' })
    }
    for (let i = 0; i < LATE_ENDS_MAX; i++) assert.ok(end(`k${i}`, nowMs + 60_000))
    assert.ok(!end('one more', nowMs))
    assert.ok(end('k7', nowMs + 2000) && end('k7', nowMs + 90_000))
    assert.equal(ends.size, LATE_ENDS_MAX)
    await clock.advance(1500)
    assert.deepEqual(due, [])
    await clock.advance(1500)
    assert.deepEqual(due, ['k7'])
    await clock.advance(60_000)
    assert.deepEqual([due.length, ends.size, clock.pending], [LATE_ENDS_MAX, 0, 0])
    assert.ok(end('k', nowMs + 1e6))
    ends.stop()
    assert.equal(clock.pending, 0)
  })
})

describe('events that wait for a reader', () => {
  const put = (i: number): KvEvent => ({ kind: 'delete', key: 'k', context: '', cursor: `c${i}` })

  async function all(buffer: EventBuffer): Promise<string[]> {
    buffer.end(null)
    const seen: string[] = []
    for await (const event of buffer) seen.push(`${event.kind} ${event.cursor}`)
    return seen
  }

  it('are so many; then they are dropped, the gap says so, and it goes on', async () => {
    let dropped = 0
    const buffer = new EventBuffer((events) => (dropped += events))
    for (let i = 0; i < WATCH_EVENTS_MAX; i++) buffer.push(put(i), 1)
    assert.equal(dropped, 0)
    buffer.push(put(5000), 1)
    buffer.push(put(5001), 1)
    assert.deepEqual(await all(buffer), ['gap c5000', 'delete c5001'])
    assert.equal(dropped, WATCH_EVENTS_MAX)
  })

  it('are so many bytes; one that is alone may be larger', async () => {
    const buffer = new EventBuffer(() => undefined)
    buffer.push(put(0), WATCH_BYTES_MAX * 2)
    buffer.push(put(1), 1)
    assert.deepEqual(await all(buffer), ['gap c1'])
    const other = new EventBuffer(() => undefined)
    for (let i = 0; i < 4; i++) other.push(put(i), WATCH_BYTES_MAX / 4)
    assert.equal((await all(other)).length, 4)
  })

  it('count no more once they are taken: a reader that is one event behind misses none', async () => {
    const buffer = new EventBuffer(() => assert.fail('it is dropped'))
    const events = buffer[Symbol.asyncIterator]()
    buffer.push(put(0), WATCH_BYTES_MAX / 4)
    for (let i = 1; i < 20; i++) {
      buffer.push(put(i), WATCH_BYTES_MAX / 4)
      assert.equal((await events.next()).value?.cursor, `c${i - 1}`)
    }
  })
})

describe('continuity', () => {
  const begin = (kept: Continuity, ids: readonly string[]): boolean => {
    return kept.begin(new Map(ids.map((id) => [id, 'heard'])))
  }

  /** All hold the same. */
  const prove = (kept: Continuity): void => {
    for (let i = 0; i < 2; i++) for (const look of kept.looks(0)) kept.prove(look)
    assert.ok(!kept.isAnyUnproven)
  }

  async function continuity(sets: readonly string[]) {
    const world = await StoreWorld.start(sets, { nodes: 'abcdef' })
    const ids = (names: string) => world.idsOf(names)
    const id = (name: string) => ids(name)[0] ?? ''
    return { world, ids, id, kept: new Continuity(new Holders(world.latest)) }
  }

  it('lasts while one replica of each partition is proven', async () => {
    const { id, ids, kept } = await continuity(['abc', 'abd'])
    begin(kept, ids('abcd'))
    prove(kept)
    for (const name of ['a', 'c', 'd']) assert.ok(!kept.lost(id(name)), 'b has told of both')
    assert.ok(kept.lost(id('b')), 'of neither anybody has')
    // From the gap on all of them keep.
    prove(kept)
    for (const name of ['a', 'c']) assert.ok(!kept.lost(id(name)))
    assert.ok(kept.lost(id('b')), 'nobody else has told of the first since')
  })

  it('takes as many that are not proven as a list cannot have left out', async () => {
    for (const [set, losses] of [
      ['a', 1],
      ['ab', 2],
      ['abc', 2],
      ['abcd', 3],
      ['abcde', 3],
    ] as const) {
      const { id, ids, kept } = await continuity([set])
      begin(kept, ids(set))
      const gaps = set.split('').map((name) => kept.lost(id(name)))
      assert.equal(gaps.indexOf(true), losses - 1, set)
    }
  })

  it('takes as many as when readers listed, where fewer hold a partition since', async () => {
    const { world, id, ids, kept } = await continuity(['abc', 'abc'])
    begin(kept, ids('abc'))
    const becomes = (sets: readonly string[]): boolean => {
      world.move(sets)
      world.finish()
      return kept.onHolders(new Holders(world.latest))
    }
    assert.ok(becomes(['ab', 'a']), 'of the second a alone need not have been listed')
    const looks = kept.looks(0).map(({ disks, enough }) => [disks, enough])
    assert.deepEqual(looks, [
      [ids('ab'), 2],
      [ids('a'), 1],
    ])
    assert.ok(!becomes(['ab', 'a']), 'a list has been asked for')
    assert.ok(kept.lost(id('b')), 'what it alone had of the first a need not tell')
    assert.ok(!kept.lost(id('b')), 'now a list has asked both')
  })

  it('needs no list where one that is proven is left', async () => {
    const { world, ids, kept } = await continuity(['abc'])
    begin(kept, ids('abc'))
    prove(kept)
    world.move(['a'])
    world.finish()
    assert.ok(!kept.onHolders(new Holders(world.latest)))
  })

  it('is as good as nothing where nobody is followed who holds a partition', async () => {
    const { world, ids, kept } = await continuity(['abc', 'd'])
    begin(kept, ids('abcd'))
    for (const set of ['ef', 'e']) {
      world.move([set, 'd'])
      world.finish()
      assert.ok(!kept.onHolders(new Holders(world.latest)), 'a list would not be followed')
    }
  })

  it('is proven by as many that hold the same, and then by one of them', async () => {
    const { id, ids, kept } = await continuity(['abcde'])
    begin(kept, ids('abcd'))
    kept.follows(id('e'), 'doubted')
    const [look, ...none] = kept.looks(0)
    const all = { disks: ids('abcd'), keeper: null, enough: 3, partitions: [0] }
    assert.deepEqual([look, none], [all, []])
    kept.prove({ ...all, disks: ids('abe') })
    assert.ok(!kept.proves(id('a'), 0), 'e is in doubt')
    kept.prove({ ...all, disks: ids('abc') })
    assert.ok(kept.proves(id('a'), 0) && !kept.proves(id('d'), 0) && !kept.keeps(id('e'), 0))
    assert.deepEqual(
      kept.looks(1).map(({ disks, keeper }) => [disks[0], keeper]),
      [
        [id('d'), id('b')],
        [id('e'), id('b')],
      ],
    )
    kept.prove({ ...all, disks: ids('e'), keeper: id('d') })
    assert.ok(!kept.keeps(id('e'), 0), 'd is not proven')
    prove(kept)
    assert.deepEqual(
      ids('abcde').map((each) => kept.lost(each)),
      [false, false, false, false, true],
    )
  })

  it('comes again when enough tell, where a gap was told while fewer did', async () => {
    const { id, ids, kept } = await continuity(['abc'])
    begin(kept, ids('a'))
    assert.ok(kept.follows(id('b'), 'doubted'), 'what a alone had, a list need not have shown')
    assert.ok(!kept.follows(id('c'), 'doubted'))
    const five = await continuity(['abcde'])
    begin(five.kept, five.ids('a'))
    assert.deepEqual(
      five.ids('bcde').map((each) => five.kept.follows(each, 'doubted')),
      [false, true, false, false],
    )
  })

  it('has no gap before anybody tells, and one when somebody does again', async () => {
    const { id, ids, kept } = await continuity(['abc'])
    begin(kept, ids('a'))
    assert.ok(!kept.left(id('a')), 'nobody can tell where it goes on')
    assert.ok(kept.follows(id('b'), 'doubted'))
  })

  it('is of a disk that was away and has forgotten nothing', async () => {
    const { id, ids, kept } = await continuity(['abc'])
    begin(kept, ids('a'))
    assert.ok(!kept.follows(id('b'), 'proven'))
    assert.ok(!kept.lost(id('a')), 'b keeps')
    assert.ok(!kept.follows(id('c'), 'doubted'))
    assert.ok(kept.lost(id('b')), 'c came too late')
  })

  it('stands as a cursor said', async () => {
    const { id, ids, kept } = await continuity(['abc'])
    const [a = '', b = ''] = ids('ab')
    const begun = new Map([[a, 'heard'] as const, [b, 'proven'] as const])
    assert.ok(!kept.begin(begun) && !kept.follows(id('c'), 'heard'))
    assert.deepEqual(
      ids('abc').map((each) => kept.standingOf(each)),
      ['heard', 'proven', 'heard'],
    )
    const turn = kept.turnOf(a)
    assert.ok(!kept.lost(a) && !kept.lost(id('c')) && kept.lost(b))
    assert.ok(kept.turnOf(a) > turn + 1, 'what a said before the gap proves nothing')
  })

  it('takes as many as a cursor says, where fewer hold a partition since', async () => {
    for (const [isLate, standing, enough, isGap] of [
      [false, 'heard', 2, true],
      [true, 'heard', 2, true],
      [false, 'heard', 1, false],
      [false, 'proven', 2, false],
    ] as const) {
      const { world, id, ids } = await continuity(['ab'])
      const kept = new Continuity(new Holders(world.latest), enough)
      const found = new Map(ids(isLate ? '' : 'ab').map((each) => [each, standing]))
      assert.ok(!kept.begin(found))
      for (const each of isLate ? ids('ab') : []) assert.ok(!kept.follows(each, standing))
      assert.equal(kept.enoughOfAny, standing === 'heard' ? enough : 1)
      assert.equal(kept.lost(id('b')), isGap)
      assert.ok(!kept.lost(id('b')), 'a list asks both')
    }
  })

  it('says to a cursor how many are enough', async () => {
    const { world, ids, kept } = await continuity(['ab', 'abc'])
    begin(kept, ids('abc'))
    assert.equal(kept.enoughOfAny, 2)
    world.move(['ab', 'ab'])
    kept.onHolders(new Holders(world.finish()))
    assert.equal(kept.enoughOfAny, 2)
    kept.prove({ disks: ids('a'), keeper: null, enough: 1, partitions: [1] })
    assert.equal(kept.enoughOfAny, 2, 'b may have what no list has shown')
    prove(kept)
    assert.equal(kept.enoughOfAny, 1)
  })

  it('doubts what has come to a disk until a topology says so, or that it never comes to hold', async () => {
    const { world, id, ids, kept } = await continuity(['abc', 'def'])
    begin(kept, ids('abcdef'))
    prove(kept)
    assert.ok(!kept.came(id('d'), [0]), 'whether a gap, the topology will say')
    assert.deepEqual([kept.standingOf(id('d')), kept.standingOf(id('e'))], ['doubted', 'proven'])
    kept.onHolders(new Holders(world.forget()))
    assert.equal(kept.standingOf(id('d')), 'proven', 'what it never comes to hold')
    assert.ok(!kept.isAnyUnproven)
    kept.came(id('d'), [0])
    world.move(['abd', 'def'])
    kept.onHolders(new Holders(world.finish()))
    assert.equal(kept.standingOf(id('d')), 'doubted')
    assert.ok(!kept.keeps(id('d'), 0) && kept.keeps(id('d'), 1))
  })

  it('counts no disk that is being filled, and none that the partition has left', async () => {
    const { world, id, ids, kept } = await continuity(['abc'])
    begin(kept, ids('abcdef'))
    prove(kept)
    assert.ok(!kept.onHolders(new Holders(world.move(['abd']))))
    assert.ok(!kept.onHolders(new Holders(world.finish())))
    assert.ok(!kept.lost(id('a')))
    assert.ok(kept.lost(id('b')), 'd was filled, and c has left')
    prove(kept)
    assert.ok(!kept.lost(id('b')))
    assert.ok(
      !kept.onHolders(new Holders(world.move(['def']))),
      'the old ones tell until it has moved',
    )
    assert.ok(!kept.onHolders(new Holders(world.finish())), 'd keeps since the gap')
  })
})

describe('watches on one node', () => {
  it('are so many readers and so many prefixes; one that ends makes room', async () => {
    const world = await StoreWorld.start(['a'])
    const kv = world.kv('a')
    const begin = (prefix: string): AsyncIterator<KvEvent> =>
      kv.watch(prefix)[Symbol.asyncIterator]()
    const prefixes = Array.from({ length: STREAMS_MAX }, (_, i) => begin(`p${i}`))
    await world.drive(Promise.all(prefixes.map((each) => each.next())))
    assert.equal((await errorOf(begin('one more').next())).code, 'BUSY')
    const same = Array.from({ length: WATCHERS_MAX - STREAMS_MAX }, () => begin('p0'))
    await world.drive(Promise.all(same.map((each) => each.next())))
    assert.equal((await errorOf(begin('p0').next())).code, 'BUSY')
    assert.deepEqual([kv.watching.watches.readers, kv.watching.watches.streams], [4096, 1024])
    await prefixes[1]?.return?.()
    await world.drive(begin('one more').next())
    assert.equal((await errorOf(begin('p0').next())).code, 'BUSY')
  }).timeout(20_000)

  it('a reader that is slow finds a gap, the others do not', async () => {
    const world = await StoreWorld.start(['a'])
    const quick = await WatchReader.begin(world, 'a')
    const slow = world.kv('a').watch('')[Symbol.asyncIterator]()
    await world.drive(slow.next())
    for (let i = 0; i < WATCH_EVENTS_MAX + 5; i++)
      await world.drive(world.kv('a').put('k', String(i)))
    assert.equal(quick.told.length, WATCH_EVENTS_MAX + 5)
    const next = await slow.next()
    assert.ok(next.done !== true && next.value.kind === 'gap' && next.value.reason === 'slow')
    assert.equal(world.kv('a').counts.watches.dropped, WATCH_EVENTS_MAX)
    const after = await slow.next()
    assert.ok(after.done !== true && after.value.kind === 'put')
  }).timeout(20_000)
})
