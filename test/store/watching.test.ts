/** Watching the store: what is told, once, in order, and where it goes on. */
import assert from 'node:assert/strict'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { decodeFeedQuestion } from '../../src/store/watch/feed-messages.ts'
import { CURSOR_RUNS_MAX } from '../../src/store/limits.ts'
import { cursorOf, cursorText } from '../../src/store/watch/cursor.ts'
import { placeOf } from '../../src/store/place.ts'
import { errorOf } from './error-of.ts'
import { WatchReader } from './watch-reader.ts'
import { type Fate, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')
/** Of a disk that gathers what another tells at once. */
const GATHER_MS = 30

function isFeed({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_FEED
}

/** Writes to these get lost, and anti-entropy does not help. */
function missing(...names: readonly string[]) {
  return (question: Question): Fate | undefined => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

describe('a watch of the store', () => {
  it('begins, then tells each write once, with its cause, wherever it is made and watched', async () => {
    for (const watcher of ['a', 'b', 'c', 'd', 'e']) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd', edges: 'e' })
      const reader = await WatchReader.begin(world, watcher, 'k')
      for (const [i, writer] of ['a', 'b', 'c', 'd', 'e'].entries()) {
        await world.drive(world.kv(writer).put(`k${i}`, writer))
      }
      await world.drive(world.kv('b').put('k0', 'again'))
      await world.drive(world.kv('c').del('k0'))
      await world.drive(world.kv('a').put('other', 'x'))
      await world.wait(GATHER_MS)
      const puts = ['a', 'b', 'c', 'd', 'e'].map((writer, i) => `put k${i}=${writer}`)
      assert.deepEqual(reader.told, [...puts, 'put k0=again', 'delete k0'], watcher)
      await reader.end(world)
      assert.ok(reader.hasEnded)
    }
  })

  it('tells what an event shows as get would', async () => {
    const world = await StoreWorld.start(['abc'])
    const reader = await WatchReader.begin(world, 'a')
    for (const value of ['text', { a: [1] }, new Uint8Array([255, 0])]) {
      await world.drive(world.kv('b').put('k', value))
      await world.wait(GATHER_MS)
      const read = await world.drive(world.kv('c').get('k', { read: 'all' }))
      const event = reader.events.at(-1)
      assert.ok(event !== undefined && 'value' in event && read !== null)
      assert.deepEqual(event.value, read.value)
      assert.equal(event.context, read.context)
    }
  })

  it('tells at once: at the end of the turn in which the first replica has it', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    await world.wait(100)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.wait(2)
    assert.deepEqual(reader.told, ['put k=v'])
  })

  it('tells by another replica when the first is silent', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    world.fate = (q) => (isFeed(q) && q.to === 'a' ? 'lost' : undefined)
    // The question of before waits at the first one: its answer is the last.
    await world.drive(world.kv('b').put('k', '1'))
    await world.wait(GATHER_MS)
    reader.take()
    await world.drive(world.kv('b').put('k', '2'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=2'])
  })

  it('values of writers that did not see each other are a merge, and one that resolves them a put', async () => {
    const world = await StoreWorld.start(['abc'])
    const reader = await WatchReader.begin(world, 'b')
    world.fate = missing('a', 'b', 'c')
    for (const name of ['a', 'c']) {
      await world.drive(world.kv(name).put('k', name, { write: 'one', context: NOTHING }))
    }
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=a', 'merge k=c,a'])
    world.fate = () => undefined
    const read = await world.drive(world.kv('b').get('k', { read: 'all' }))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), [], 'repair is no news')
    await world.drive(world.kv('b').put('k', 'one', { context: read?.context ?? '' }))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=one'])
  })

  it('does not go back when a replica that was behind tells what it gets', async () => {
    const world = await StoreWorld.start(['abc'])
    const reader = await WatchReader.begin(world, 'a')
    world.fate = missing('c')
    const first = await world.drive(world.kv('a').put('k', 'old'))
    const old = world.record('a', 'k')
    await world.drive(world.kv('a').put('k', 'new', { context: first.context }))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=old', 'put k=new'])
    // An old message comes late.
    const { encodeRecord } = await import('../../src/store/record.ts')
    const { encodeWrite } = await import('../../src/store/messages.ts')
    const header = { topology: world.latest.number, partition: 0, cfg: 2 }
    world.fate = () => undefined
    const { member } = world.node('c')
    await world.drive(
      world
        .node('b')
        .mesh.request(
          member.id,
          REQUEST_KINDS.KV_WRITE,
          encodeWrite(header, 0, 'k', encodeRecord(old)),
          { timeoutMs: 1000 },
        ),
    )
    await world.wait(GATHER_MS)
    assert.deepEqual(world.held('c', 'k'), ['old'])
    assert.deepEqual(reader.take(), [])
  })

  it('tells what was acknowledged by one disk alone once anybody has it', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => (isFeed(q) && q.to === 'a' ? 'unreachable' : missing('b', 'c')(q))
    await world.drive(world.kv('a').put('k', 'v', { write: 'one' }))
    const reader = await WatchReader.begin(world, 'b')
    await world.wait(100)
    assert.deepEqual(reader.told, [])
    world.fate = (q) => (isFeed(q) && q.to === 'a' ? 'unreachable' : undefined)
    world.lose('a')
    world.find('a')
    await world.until('b has it', () => world.held('b', 'k').length > 0)
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=v'])
  })

  it('a reader that comes to others is told what is under way, and begins where it came', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const first = await WatchReader.begin(world, 'd')
    await world.drive(world.kv('a').put('before', 'v'))
    await world.wait(GATHER_MS)
    // The first replica tells at once, the others a little later: the second reader lies between.
    await world.drive(world.kv('a').put('k', 'v'))
    await world.until('the first is told', () => first.told.length === 2)
    const second = await WatchReader.begin(world, 'd')
    await world.wait(GATHER_MS)
    assert.deepEqual(first.told, ['put before=v', 'put k=v'])
    assert.deepEqual(second.told, ['put k=v'], 'once')
    await world.drive(world.kv('a').put('after', 'v'))
    await world.wait(GATHER_MS)
    assert.deepEqual(first.take().at(-1), 'put after=v')
    assert.deepEqual(second.told, ['put k=v', 'put after=v'])
    await first.end(world)
    await world.drive(world.kv('a').put('more', 'v'))
    await world.wait(GATHER_MS)
    assert.deepEqual(second.told.at(-1), 'put more=v')
  })

  it('tells of sets and counters what they have become', async () => {
    const world = await StoreWorld.start(['abc'])
    const reader = await WatchReader.begin(world, 'b')
    const { counter, set } = world.kv('a')
    await world.drive(counter.add('hits', 3))
    await world.drive(world.kv('c').counter.add('hits', 4))
    await world.drive(set.add('tags', ['x', 'y']))
    await world.drive(world.kv('c').set.rm('tags', ['x']))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put hits=3', 'put hits=7', 'put tags=x,y', 'put tags=y'])
    const types = reader.events.map((event) => ('type' in event ? event.type : '-'))
    assert.deepEqual(types, ['-', 'counter', 'counter', 'set', 'set'])
    await world.drive(world.kv('b').set.rm('tags', ['y']))
    await world.drive(world.kv('b').del('hits'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['delete tags', 'delete hits'])
  })

  it('tells once that a value has run out, and nothing of one that was replaced before', async () => {
    const world = await StoreWorld.start(['abc'])
    const before = await world.drive(world.kv('a').put('early', 'v', { ttlMs: 2000 }))
    assert.equal(before.acks > 0, true)
    const reader = await WatchReader.begin(world, 'c')
    await world.drive(world.kv('a').put('short', 'v', { ttlMs: 1000 }))
    await world.drive(world.kv('b').put('kept', 'v', { ttlMs: 1000 }))
    await world.drive(world.kv('b').put('kept', 'w'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put short=v', 'put kept=v', 'put kept=w'])
    await world.wait(60_000)
    assert.deepEqual(reader.take().toSorted(), ['expire early', 'expire short'])
    const again = await WatchReader.begin(world, 'a', '', reader.events[1]?.cursor)
    await world.wait(1000)
    assert.ok(again.told.includes('expire short'), 'the mark of the value is not that of its end')
  })

  it('tells that a value has run out also where its own clock is far behind', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.skew('d', -30_000)
    const reader = await WatchReader.begin(world, 'd')
    await world.drive(world.kv('a').put('k', 'v', { ttlMs: 1000 }))
    await world.wait(20_000)
    assert.deepEqual(reader.take(), ['put k=v'])
    await world.wait(100_000)
    assert.deepEqual(reader.take(), ['expire k'])
    await reader.end(world)
  })

  it('a disk that answers late is not waited for long, and nothing is told before it begins', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const { promise, resolve } = Promise.withResolvers<void>()
    world.fate = (q) => (isFeed(q) && q.to === 'c' ? promise : undefined)
    const reader = WatchReader.start(world, 'd')
    await world.wait(500)
    await world.drive(world.kv('b').put('k', 'v'))
    await world.wait(400)
    assert.deepEqual(reader.events, [])
    await world.wait(200)
    assert.deepEqual(
      reader.events.map(({ kind }) => kind),
      ['begin', 'put'],
    )
    resolve()
    await world.wait(100)
    assert.deepEqual(reader.told, ['put k=v'])
  })

  it('is not asked of a node that has stopped, or with a prefix that is no key', async () => {
    const world = await StoreWorld.start(['abc'])
    const wrong = world.kv('a').watch('x'.repeat(2000))[Symbol.asyncIterator]()
    assert.equal((await errorOf(wrong.next())).code, 'TOO_LARGE')
    const reader = await WatchReader.begin(world, 'a')
    await world.drive(world.kv('a').stop())
    await world.until('it ends', () => reader.hasEnded)
    assert.equal(reader.error, null)
    const late = world.kv('a').watch('')[Symbol.asyncIterator]()
    assert.equal((await errorOf(late.next())).code, 'STOPPED')
  })

  it('ends at once when its signal has aborted, and leaves nothing behind', async () => {
    const world = await StoreWorld.start(['abc'])
    const reader = await WatchReader.begin(world, 'a')
    assert.deepEqual(
      [world.kv('a').watching.watches.readers, world.kv('a').watching.watches.streams],
      [1, 1],
    )
    await reader.end(world)
    assert.deepEqual(
      [world.kv('a').watching.watches.readers, world.kv('a').watching.watches.streams],
      [0, 0],
    )
    const other = await WatchReader.begin(world, 'b')
    const answered: string[] = []
    world.onAnswer = (q) => void (isFeed(q) && answered.push(`${q.from} ${q.to}`))
    await other.end(world)
    await world.wait(10)
    // Each answers twice: what waited, and that nobody waits for it.
    assert.deepEqual(answered.toSorted(), ['b a', 'b a', 'b c', 'b c'])
    const ended = { signal: AbortSignal.abort() }
    for await (const _ of world.kv('a').watch('', ended)) assert.fail('it tells something')
  })

  it('says NO_QUORUM when nobody who stores answers', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.fate = (q) => (isFeed(q) ? 'unreachable' : undefined)
    const reader = WatchReader.start(world, 'd')
    await world.until('it fails', () => reader.hasEnded)
    assert.equal((await errorOf(Promise.reject(reader.error as Error))).code, 'NO_QUORUM')
    assert.equal(world.kv('d').watching.watches.streams, 0)
  })
})

describe('a watch that goes on from a cursor', () => {
  it('misses nothing and tells nothing again, at the same node or another', async () => {
    for (const other of ['a', 'b', 'd', 'e']) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd', edges: 'e' })
      const first = await WatchReader.begin(world, 'a')
      await world.drive(world.kv('a').put('k1', 'seen'))
      await world.until('it is told', () => first.told.length === 1)
      const { cursor } = first
      await first.end(world)
      await world.drive(world.kv('b').put('k2', 'missed'))
      const second = await WatchReader.begin(world, other, '', cursor)
      await world.wait(GATHER_MS)
      assert.deepEqual(second.take(), ['put k2=missed'], other)
      await world.drive(world.kv('c').del('k1'))
      await world.drive(world.kv('b').put('k3', 'live'))
      await world.wait(GATHER_MS)
      assert.deepEqual(second.take(), ['delete k1', 'put k3=live'])
    }
  })

  it('goes on from any event, also in the midst of many', async () => {
    const world = await StoreWorld.start(['abc'])
    const first = await WatchReader.begin(world, 'a')
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    await world.drive(Promise.all(keys.map((key) => world.kv('a').put(key, 'v'))))
    await world.wait(GATHER_MS)
    assert.equal(first.told.length, 40)
    for (const at of [0, 1, 17, 40]) {
      const cursor = first.events[at]?.cursor ?? ''
      const again = await WatchReader.begin(world, 'b', '', cursor)
      await world.wait(GATHER_MS)
      const seen = new Set(first.told.slice(0, at))
      for (const each of first.told.slice(at)) assert.ok(again.told.includes(each), `${at} ${each}`)
      // Copies at other replicas of what was told last are known by their marks.
      const twice = again.told.filter((each) => seen.has(each))
      assert.ok(twice.length <= Math.max(0, at - 8), `${twice.length} told again`)
      await again.end(world)
    }
  })

  it('does not go back behind what its reader saw elsewhere', async () => {
    const world = await StoreWorld.start(['abc'])
    const first = await WatchReader.begin(world, 'a')
    world.fate = missing('c')
    await world.drive(world.kv('a').put('k', 'old'))
    const old = world.record('a', 'k')
    await world.drive(world.kv('a').put('k', 'new'))
    await world.wait(GATHER_MS)
    const { cursor } = first
    await first.end(world)
    const second = await WatchReader.begin(world, 'b', '', cursor)
    const { encodeRecord } = await import('../../src/store/record.ts')
    const { encodeWrite } = await import('../../src/store/messages.ts')
    const header = { topology: world.latest.number, partition: 0, cfg: 2 }
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    const body = encodeWrite(header, 0, 'k', encodeRecord(old))
    const { id } = world.node('c').member
    await world.drive(
      world.node('b').mesh.request(id, REQUEST_KINDS.KV_WRITE, body, { timeoutMs: 1000 }),
    )
    await world.wait(GATHER_MS + 50)
    assert.deepEqual(second.told, [])
  })

  it('finds a disk that could not be asked when it began', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const first = await WatchReader.begin(world, 'd')
    const { cursor } = first
    await first.end(world)
    world.fate = missing('b', 'c')
    await world.drive(world.kv('a').put('k', 'v', { write: 'one' }))
    world.fate = (q) => (isFeed(q) && q.to === 'a' ? 'unreachable' : missing()(q))
    const second = await WatchReader.begin(world, 'd', '', cursor)
    await world.wait(3000)
    assert.deepEqual(second.told, [])
    // Nothing of it is in the cursor yet, but where to go on there.
    const third = await WatchReader.begin(world, 'd', '', second.cursor)
    // Nor does repair bring it to the others.
    world.fate = missing('b', 'c')
    await world.wait(6000)
    assert.deepEqual(second.told, ['put k=v'])
    assert.deepEqual(third.told, ['put k=v'])
  })

  it('waits for disks that its node has still to meet, but not for ever', async () => {
    const world = await StoreWorld.start(['abc'])
    const first = await WatchReader.begin(world, 'a')
    await world.drive(world.kv('a').put('k', '1'))
    await world.wait(GATHER_MS)
    const { cursor } = first
    for (const [isMet, told] of [
      [true, []],
      [false, ['gap forgotten']],
    ] as const) {
      world.crash('a', { power: false })
      for (const name of 'bc') world.lose(name)
      await world.boot('a')
      const reader = WatchReader.start(world, 'a', '', cursor)
      await world.wait(1500)
      assert.equal(reader.events.length, 0, 'nothing is said of those who may come')
      if (isMet) for (const name of 'bc') world.find(name)
      await world.wait(600)
      assert.equal(reader.events[0]?.kind, 'begin')
      assert.deepEqual(reader.told, told)
      await reader.end(world)
    }
  })

  it('gives no cursor that is larger than what it takes', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.crash('c')
    const places = Array.from({ length: CURSOR_RUNS_MAX }, (_, i) => {
      return [i + 1, { seq: 1, standing: 'proven' }] as const
    })
    const after = cursorText({ runs: new Map(places), marks: [], enough: 0 })
    const reader = await WatchReader.begin(world, 'd', '', after)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.wait(100)
    assert.deepEqual(reader.told, ['gap forgotten', 'put k=v'])
    assert.equal(cursorOf(reader.cursor).runs.size, CURSOR_RUNS_MAX)
  })

  it('refuses what is no cursor', async () => {
    const world = await StoreWorld.start(['abc'])
    const { cursor } = await WatchReader.begin(world, 'a')
    for (const wrong of ['', 'x', 'garbage', `${cursor}A`, cursor.slice(1), NOTHING]) {
      const watch = world.kv('a').watch('', { after: wrong })[Symbol.asyncIterator]()
      assert.equal((await errorOf(watch.next())).code, 'USAGE', wrong)
    }
  })
})

describe('a gap of a watch', () => {
  it('is told where a single disk forgets what changed, and what comes after it is told', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    await world.drive(world.kv('a').put('k', '1'))
    await world.wait(GATHER_MS)
    world.crash('a', { power: false })
    await world.boot('a')
    await world.drive(world.kv('a').put('k', '2'))
    await world.wait(6000)
    assert.deepEqual(reader.take(), ['put k=1', 'gap forgotten', 'put k=2'])
    await world.drive(world.kv('a').put('k', '3'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=3'])
  })

  it('is none where another replica has told all the while', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    for (const [i, name] of ['a', 'b'].entries()) {
      world.crash(name, { power: false })
      await world.drive(world.kv('c').put(`down${i}`, 'v'))
      await world.boot(name)
      await world.wait(6000)
      await world.drive(world.kv(name).put(`up${i}`, 'v'))
    }
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put down0=v', 'put up0=v', 'put down1=v', 'put up1=v'])
    // The last one that has told since the beginning goes as well, and nobody could vouch for the others.
    world.fate = (q) => (q.kind === REQUEST_KINDS.KV_FEED_ROOTS ? 'lost' : undefined)
    for (const name of ['a', 'b']) {
      world.crash(name, { power: false })
      await world.boot(name)
      await world.wait(6000)
    }
    assert.deepEqual(reader.take(), [])
    world.crash('c', { power: false })
    await world.boot('c')
    await world.wait(6000)
    assert.deepEqual(reader.take(), ['gap forgotten'])
    await world.drive(world.kv('c').put('k', 'v'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=v'])
  })

  it('is told first by a watch that goes on where nobody remembers', async () => {
    for (const set of ['a', 'abc']) {
      const world = await StoreWorld.start([set])
      const first = await WatchReader.begin(world, 'a')
      const { cursor } = first
      await first.end(world)
      for (const name of set) world.crash(name, { power: false })
      for (const name of set) await world.boot(name)
      const second = await WatchReader.begin(world, set.slice(-1), '', cursor)
      await world.wait(100)
      assert.deepEqual(second.told, ['gap forgotten'])
    }
  })

  it('comes when a partition that could not be watched from the beginning is found', async () => {
    const world = await StoreWorld.start(['a', 'b'], { nodes: 'd' })
    world.fate = (q) => (isFeed(q) && q.to === 'b' ? 'unreachable' : undefined)
    const reader = await WatchReader.begin(world, 'd')
    assert.deepEqual(reader.told, [])
    world.fate = () => undefined
    await world.wait(6000)
    assert.deepEqual(reader.told, ['gap forgotten'])
  })

  it('comes when all replicas of a partition are others', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    const reader = await WatchReader.begin(world, 'd')
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await world.wait(GATHER_MS)
    world.move(['abd'])
    await world.tell()
    await world.until('d has it', () => world.held('d', 'k').length > 0)
    world.finish()
    await world.tell()
    await world.wait(100)
    assert.deepEqual(reader.take(), ['put k=v'], 'what moves is no news')
    world.move(['def'])
    await world.tell()
    await world.until('f has it', () => world.held('f', 'k').length > 0)
    world.finish()
    await world.tell()
    await world.wait(100)
    // Two: e and f say a little later from when on they tell, and d alone is not enough.
    assert.deepEqual(reader.take(), ['gap forgotten', 'gap forgotten'])
    await world.drive(world.kv('f').put('k2', 'v'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k2=v'])
  })
})

describe('a member that has come since a watch began', () => {
  it('is followed, and tells what it alone has taken', async () => {
    const world = await StoreWorld.start(['ab'], { nodes: 'cd' })
    const members = world.latest.members
    const without = members.filter(({ name }) => name !== 'c')
    world.latest = { ...world.latest, number: world.latest.number + 2, members: without }
    await world.tell()
    const reader = await WatchReader.begin(world, 'd')
    world.latest = { ...world.latest, members }
    world.move(['abc'])
    await world.tell()
    world.finish()
    await world.tell()
    await world.wait(100)
    world.fate = missing('a', 'b')
    await world.drive(world.kv('c').put('k', 'v', { write: 'one' }))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=v'])
  })
})

describe('a disk that nobody watches', () => {
  it('remembers nothing, and forgets all ten minutes after the last', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', 'v'))
    assert.equal(world.kv('a').watching.remembered, null)
    const reader = await WatchReader.begin(world, 'a')
    await world.drive(world.kv('a').put('k', 'w'))
    assert.equal(world.kv('a').watching.remembered, 1)
    await reader.end(world)
    await world.wait(590_000)
    assert.equal(world.kv('a').watching.remembered, 1)
    await world.wait(30_000)
    assert.equal(world.kv('a').watching.remembered, null)
  })

  it('is asked once in ten seconds by who watches it, and by nobody else', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await WatchReader.begin(world, 'd', 'quiet/')
    world.asked.length = 0
    await world.wait(60_000)
    const asked = world.asked.filter(isFeed)
    assert.ok(asked.length >= 15 && asked.length <= 21, `${asked.length}`)
    assert.ok(asked.every(({ from }) => from === 'd'))
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await world.wait(20_000)
    const last = world.asked.filter(isFeed).at(-1)
    assert.equal(last && decodeFeedQuestion(last.body).after, 1, 'what it passed over is behind it')
  })
})

describe('after a gap', () => {
  it('what was told before it is told again when it comes: a list may not have shown it', async () => {
    const world = await StoreWorld.start(['abc', 'a'], { nodes: 'd' })
    // Of the first partition: of the second the only replica will be restarted.
    const key = Array.from({ length: 50 }, (_, i) => `k${i}`).find(
      (each) => placeOf(world.latest, each).partition === 0,
    )
    assert.ok(key !== undefined)
    const reader = await WatchReader.begin(world, 'd')
    world.fate = missing('a', 'b')
    await world.drive(world.kv('c').put(key, 'v', { write: 'one' }))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), [`put ${key}=v`])
    world.crash('a', { power: false })
    await world.boot('a')
    await world.wait(6000)
    assert.deepEqual(reader.take(), ['gap forgotten'])
    world.fate = () => undefined
    await world.drive(world.kv('d').get(key, { read: 'all' }))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), [`put ${key}=v`])
  })
  it('also of a watch that goes on, and one that goes on from the gap', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const isCut = (q: Question): boolean => isFeed(q) && q.to === 'c'
    // At first only the third can be watched, then only the others.
    world.fate = (q) => (isFeed(q) && !isCut(q) ? 'unreachable' : missing('a', 'b')(q))
    const first = await WatchReader.begin(world, 'd')
    await world.drive(world.kv('c').put('k', 'v', { write: 'one' }))
    await world.wait(GATHER_MS)
    assert.deepEqual(first.take(), ['put k=v'])
    const { cursor } = first
    await first.end(world)
    world.fate = (q) => (isCut(q) ? 'unreachable' : missing('a', 'b')(q))
    const second = await WatchReader.begin(world, 'd', '', cursor)
    await world.wait(50)
    assert.deepEqual(second.take(), ['gap forgotten'])
    const third = await WatchReader.begin(world, 'd', '', second.cursor)
    world.fate = (q) => (isCut(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('d').get('k', { read: 'all' }))
    await world.wait(GATHER_MS + 50)
    assert.deepEqual(second.take(), ['put k=v'])
    assert.deepEqual(third.take(), ['put k=v'])
  })
})
