/** Keys in order over all partitions, in pages. */
import assert from 'node:assert/strict'
import { compareKeys } from '../../src/base/bytes.ts'
import type { KvPage } from '../../src/store/api.ts'
import { PAGE_BYTES, SCAN_ENTRIES_MAX } from '../../src/store/limits.ts'
import { databaseKey, placeOf } from '../../src/store/place.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { errorOf } from './error-of.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

const isScan = ({ kind }: Question): boolean => kind === REQUEST_KINDS.KV_SCAN
const SETS = ['ab', 'bc', 'ca', 'abc', 'a', 'b', 'c', 'bca']

/** All pages, one after the other. */
async function listed(world: StoreWorld, name: string, prefix = '', limit = 100) {
  const keys: string[] = []
  let after: string | null = ''
  for (let pages = 0; after !== null; pages++) {
    assert.ok(pages < 200, 'it comes to an end')
    const page: KvPage = await world.drive(world.kv(name).ls(prefix, { after, limit }))
    assert.equal(page.partial, false)
    assert.ok(page.entries.length <= limit)
    keys.push(...page.entries.map(({ key }) => key))
    after = page.next
  }
  return keys
}

async function putAll(world: StoreWorld, keys: Iterable<string>, more = {}): Promise<void> {
  const puts = [...keys].map((key) => world.kv('a').put(key, `of ${key}`, more))
  await world.drive(Promise.all(puts))
}

/** The next scan of that disk waits until this is called. */
function heldUp(world: StoreWorld, name: string): () => void {
  const { database } = world.node(name)
  assert.ok(database !== null)
  const scan = database.scan.bind(database)
  const gate = Promise.withResolvers<void>()
  const later = async function* (range: Parameters<typeof scan>[0]) {
    await gate.promise
    yield* scan(range)
  }
  Object.assign(database, {
    scan: (range: Parameters<typeof scan>[0]) => {
      Object.assign(database, { scan })
      return later(range)
    },
  })
  return () => gate.resolve()
}

describe('scans', () => {
  it('give every key once, in the order of its bytes, whatever the page and whoever asks', async () => {
    const world = await StoreWorld.start(SETS, { nodes: 'd', edges: 'e' })
    // UTF-16 has the last two the other way round.
    const odd = ['\0', ' ', '/', '0', 'é', '\u{ffee}', '\u{1f600}']
    const keys = [...odd, ...Array.from({ length: 60 }, (_, i) => `k/${i}`)].sort(compareKeys)
    await putAll(world, keys, { write: 'all' })
    for (const name of ['a', 'd', 'e']) assert.deepEqual(await listed(world, name), keys, name)
    for (const limit of [1, 7, 9, keys.length]) {
      assert.deepEqual(await listed(world, 'b', '', limit), keys, `pages of ${limit}`)
    }
    const page = await world.drive(world.kv('c').ls('', { limit: keys.length }))
    assert.equal(page.next, null, 'no empty page at the end')
    assert.equal(page.entries.at(-1)?.value, 'of \u{1f600}')
  })

  it('give what begins with a prefix, and nothing beside it', async () => {
    const world = await StoreWorld.start(SETS)
    await putAll(world, ['a', 'ab', 'ab/1', 'ab/2', 'ab0', 'ac', 'b', 'ab/\u{10ffff}'], {})
    assert.deepEqual(await listed(world, 'a', 'ab/'), ['ab/1', 'ab/2', 'ab/\u{10ffff}'])
    assert.deepEqual(await listed(world, 'a', 'ab', 2), [
      'ab',
      'ab/1',
      'ab/2',
      'ab/\u{10ffff}',
      'ab0',
    ])
    assert.deepEqual(await listed(world, 'a', 'zz'), [])
    const from = async (after: string) => {
      const page = await world.drive(world.kv('b').ls('ab/', { after }))
      return page.entries.map(({ key }) => key)
    }
    assert.deepEqual(await from('a'), ['ab/1', 'ab/2', 'ab/\u{10ffff}'], 'before the prefix')
    assert.deepEqual(await from('ab/1'), ['ab/2', 'ab/\u{10ffff}'])
    assert.deepEqual(await from('ab/1\0'), ['ab/2', 'ab/\u{10ffff}'])
    assert.deepEqual(await from('ac'), [])
  })

  it('resume after a key that is gone, and see what came behind it', async () => {
    const world = await StoreWorld.start(SETS)
    await putAll(world, ['1', '3', '5', '7'])
    const page = await world.drive(world.kv('a').ls('', { limit: 2 }))
    assert.equal(page.next, '3')
    await world.drive(world.kv('a').del('3', { write: 'all' }))
    await putAll(world, ['2', '6'], { write: 'all' })
    const rest = await world.drive(world.kv('a').ls('', { after: page.next ?? '' }))
    assert.deepEqual(
      rest.entries.map(({ key }) => key),
      ['5', '6', '7'],
    )
  })

  it('leave out what is deleted, over pages of it', async () => {
    const world = await StoreWorld.start(SETS)
    const keys = Array.from({ length: 30 }, (_, i) => `k${i + 10}`)
    await putAll(world, keys, { write: 'all' })
    for (const key of keys.slice(5, 25)) await world.drive(world.kv('b').del(key, { write: 'all' }))
    assert.deepEqual(await listed(world, 'c', '', 4), [...keys.slice(0, 5), ...keys.slice(25)])
  })

  it('hold as many entries and bytes as a page takes', async () => {
    const world = await StoreWorld.start(['ab'])
    const keys = Array.from({ length: SCAN_ENTRIES_MAX + 1 }, (_, i) => `k${10_000 + i}`)
    await putAll(world, ['k'], { write: 'all' })
    const value = encodeRecord(world.record('a', 'k'))
    await world.drive(world.kv('a').del('k', { write: 'all' }))
    for (const name of ['a', 'b']) {
      const copies = keys.map((key) => ({ key: databaseKey(0, key), value }))
      await world.drive(world.node(name).database?.commit(copies) ?? Promise.resolve())
    }
    const page = await world.drive(world.kv('a').ls('k1', { limit: SCAN_ENTRIES_MAX }))
    assert.equal(page.entries.length, SCAN_ENTRIES_MAX)
    assert.equal(page.next, keys[SCAN_ENTRIES_MAX - 1])

    const large = new Uint8Array(PAGE_BYTES / 4)
    for (let i = 0; i < 9; i++) {
      await world.drive(world.kv('a').put(`large${i}`, large, { write: 'all' }))
    }
    const first = await world.drive(world.kv('b').ls('large'))
    assert.ok(first.entries.length >= 4 && first.entries.length < 9, `${first.entries.length}`)
    assert.equal((await listed(world, 'b', 'large')).length, 9)
  })

  it('join what replicas hold: the newest is shown, and the deleted stays away', async () => {
    const world = await StoreWorld.start(['abc'])
    await putAll(world, ['k', 'gone'], { write: 'all' })
    world.fate = (q) => ((isWrite(q) && q.to === 'c') || isSync(q) ? 'lost' : undefined)
    await world.drive(world.kv('a').put('k', 'new'))
    await world.drive(world.kv('a').del('gone'))
    for (const name of ['a', 'b', 'c']) {
      const { entries } = await world.drive(world.kv(name).ls(''))
      assert.deepEqual(entries, [{ key: 'k', value: 'new', siblingCount: 1 }], name)
    }
  })

  it('cut where one replica has more to come, so that none of its keys is left out', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => ((isWrite(q) && q.to !== 'c') || isSync(q) ? 'lost' : undefined)
    // c alone has the large ones, of which a page takes a few, b alone one that comes after them.
    const dense = Array.from({ length: 20 }, (_, i) => `d${i + 10}`)
    const large = new Uint8Array(PAGE_BYTES / 4)
    const puts = dense.map((key) => world.kv('c').put(key, large, { write: 'one' }))
    await world.drive(Promise.all(puts))
    world.fate = (q) => ((isWrite(q) && q.to !== 'b') || isSync(q) ? 'lost' : undefined)
    await world.drive(world.kv('b').put('e', 'v', { write: 'one' }))
    world.lose('a')
    assert.deepEqual(await listed(world, 'b'), [...dense, 'e'], 'b gives, c confirms')
    assert.deepEqual(await listed(world, 'c'), [...dense, 'e'], 'c gives, b confirms')
  })

  it('say that they are partial when a set has no majority, and refuse when nobody answers', async () => {
    const world = await StoreWorld.start(['abc', 'bcd'], { edges: 'e' })
    await putAll(world, ['1', '2', '3', '4', '5', '6'], { write: 'all' })
    world.lose('d')
    assert.equal((await world.drive(world.kv('a').ls(''))).partial, false)
    world.fate = (q) => (isScan(q) && q.to === 'c' ? 'lost' : undefined)
    const page = await world.drive(world.kv('a').ls('', { deadlineMs: 300 }))
    assert.deepEqual([page.partial, page.entries.length], [true, 6])
    world.fate = (q) => (isScan(q) ? 'unreachable' : undefined)
    const error = await errorOf(world.drive(world.kv('e').ls('')))
    assert.deepEqual([error.code, error.outcome], ['NO_QUORUM', 'not-applied'])
  })

  it('say so as well when a majority of the set that data moves from is missing', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    world.move(['def'])
    await world.tell()
    assert.equal((await world.drive(world.kv('d').ls(''))).partial, false)
    world.lose('a')
    world.lose('b')
    assert.equal((await world.drive(world.kv('d').ls(''))).partial, true)
  })

  it('end when their caller gives up', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => (isScan(q) ? 'lost' : undefined)
    const aborter = new AbortController()
    const { signal } = aborter
    const scan = errorOf(world.kv('a').ls('', { signal, deadlineMs: 60_000 }))
    await world.wait(20)
    aborter.abort()
    await world.wait(1)
    assert.equal((await scan).code, 'CANCELLED')
    const late = await errorOf(world.drive(world.kv('a').ls('', { signal })))
    assert.equal(late.code, 'CANCELLED')
  })

  it('do without the answer of a member that has a damaged record, and say so', async () => {
    const world = await StoreWorld.start(['abc'])
    await putAll(world, ['k'], { write: 'all' })
    const { partition } = placeOf(world.latest, 'k')
    const value = new Uint8Array([9, 9])
    const damage = async (name: string) => {
      const commit = world
        .node(name)
        .database?.commit([{ key: databaseKey(partition, 'k'), value }])
      await world.drive(commit ?? Promise.resolve())
      // Its hash tree knows only what it was told, until it is counted anew.
      world.crash(name)
      await world.boot(name)
    }
    world.fate = (q) => (isSync(q) ? 'lost' : undefined)
    await damage('c')
    for (const name of ['a', 'c']) {
      const page = await world.drive(world.kv(name).ls(''))
      assert.deepEqual([page.entries.length, page.partial], [1, false], 'a and b are a majority')
    }
    await damage('b')
    assert.equal((await world.drive(world.kv('a').ls(''))).partial, true)
  })

  it('follow a newer topology: whoever knew where the data was is told where it is', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'bc' })
    await putAll(world, ['k'])
    // The edge has heard of a alone.
    const { members } = world.latest
    world.latest = { ...world.latest, members: members.slice(0, 1) }
    await world.boot('e', 'edge')
    world.latest = { ...world.latest, members }
    for (const change of [() => world.move(['bc']), () => world.finish()]) {
      change()
      await world.tell(['a', 'b', 'c'])
      await world.wait(3000)
    }
    assert.deepEqual(world.held('a', 'k'), [], 'it has moved')
    assert.deepEqual(await listed(world, 'e'), ['k'])
    assert.equal(world.node('e').topology.current()?.number, world.latest.number)
  })

  it('are answered by the newest topology that either side knows', async () => {
    for (const knowing of ['a', 'bc']) {
      const world = await StoreWorld.start(['b'], { nodes: 'ac' })
      await putAll(world, ['k'])
      world.move(['c'])
      await world.tell(knowing)
      assert.deepEqual(await listed(world, 'a'), ['k'], `${knowing} knew`)
    }
  })

  it('miss nothing that moves away while it is read', async () => {
    for (const asking of ['e', 'a']) {
      const world = await StoreWorld.start(['a'], { nodes: 'b', edges: 'e' })
      await putAll(world, ['k'])
      const gate = heldUp(world, 'a')
      const listing = world.kv(asking).ls('', { deadlineMs: 20_000 })
      await world.wait(5)
      for (const change of [() => world.move(['b']), () => world.finish()]) {
        change()
        await world.tell(['a', 'b'])
        await world.wait(3000)
      }
      assert.deepEqual(world.held('a', 'k'), [], 'it has moved')
      gate()
      const { entries, partial } = await world.drive(listing)
      assert.deepEqual([entries.map(({ key }) => key), partial], [['k'], false], asking)
    }
  })

  it('go on when something moves elsewhere', async () => {
    const world = await StoreWorld.start(['a', 'b'], { nodes: 'c', edges: 'e' })
    await putAll(world, ['k', 'l', 'm'])
    const gate = heldUp(world, 'a')
    world.asked.length = 0
    const listing = world.kv('e').ls('', { deadlineMs: 20_000 })
    await world.wait(5)
    world.move(['a', 'bc'])
    await world.tell(['a'])
    gate()
    const { entries } = await world.drive(listing)
    assert.deepEqual(
      entries.map(({ key }) => key),
      ['k', 'l', 'm'],
    )
    assert.equal(world.asked.filter((q) => isScan(q) && q.to === 'a').length, 1)
  })
})
