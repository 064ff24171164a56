/** Values whose time comes: nothing is written for it, and they go when nobody doubts it any more. */
import assert from 'node:assert/strict'
import type { Database } from '../../src/disk/database.ts'
import { ExpirySweep } from '../../src/store/collect/expiry-sweep.ts'
import { expiryRow } from '../../src/store/collect/index-rows.ts'
import { StoreCounts } from '../../src/store/counts.ts'
import { encodeWrite } from '../../src/store/messages.ts'
import { databaseKey } from '../../src/store/place.ts'
import { encodeRecord, type StoreRecord } from '../../src/store/record.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { recordingLog } from '../topology/fakes.ts'
import { ManualClock } from '../disk/manual-clock.ts'
import { contextOf, recordOf } from './arbitrary.ts'
import { isSync, StoreWorld } from './world.ts'

/** Long after what is done meanwhile, and long before a clock that is a day fast. */
const ENDS_MS = 2 * 60 * 60 * 1000
const DAY_MS = 86_400_000
const utf8 = new TextEncoder()

/** A record of values with these ends; 0: none. */
function endingAt(...ends: readonly number[]): StoreRecord {
  const siblings = ends.map((expiresAtMs, i) => ({
    dot: { actor: 'x', n: i + 1 },
    stamp: 1,
    expiresAtMs,
    kind: 'text' as const,
    value: utf8.encode(`v${i}`),
  }))
  return recordOf(contextOf(new Map([['x', ends.length]])), siblings)
}

async function give(world: StoreWorld, record: StoreRecord, names = 'abc', key = 'k') {
  const header = { topology: world.latest.number, partition: 0, cfg: 2 }
  const body = encodeWrite(header, 0, key, encodeRecord(record))
  for (const name of names) {
    const { id } = world.node(name).member
    const { mesh } = world.node(name === 'a' ? 'b' : 'a')
    await world.drive(mesh.request(id, REQUEST_KINDS.KV_WRITE, body, { timeoutMs: 1000 }))
  }
}

async function listOf(world: StoreWorld, name: string, list: string): Promise<string[]> {
  const { database } = world.node(name)
  const scan = async (): Promise<string[]> => {
    const rows: string[] = []
    for await (const [key] of database?.scan({ from: `gc/${list}/`, to: `gc/${list}0` }) ?? []) {
      rows.push(key)
    }
    return rows
  }
  return world.drive(scan())
}

describe('what expires', () => {
  it('becomes a candidate at its time, and goes a minute later, everywhere', async () => {
    const world = await StoreWorld.start(['abc'])
    const record = endingAt(world.clock.wallMs() + 20_000)
    await give(world, record)
    assert.equal((await listOf(world, 'a', 'expiry')).length, 1)
    await world.wait(19_000)
    assert.deepEqual(await listOf(world, 'a', 'dead'), [])
    await world.wait(1100)
    assert.equal((await listOf(world, 'a', 'dead')).length, 1)
    assert.deepEqual(await listOf(world, 'a', 'expiry'), [])
    assert.deepEqual(encodeRecord(world.record('a', 'k')), encodeRecord(record), 'no dot is made')
    await world.wait(55_000)
    assert.deepEqual(world.held('a', 'k'), ['v0'], 'others may see it alive')
    await world.wait(100_000)
    for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), [])
    for (const list of ['dead', 'expiry']) assert.deepEqual(await listOf(world, 'b', list), [])
    assert.equal(world.kv('b').counts.expired, 1)
  })

  it('is found again after a restart', async () => {
    const world = await StoreWorld.start(['abc'])
    await give(world, endingAt(world.clock.wallMs() + 20_000))
    for (const name of 'abc') world.crash(name)
    await world.wait(60_000)
    for (const name of 'abc') await world.boot(name)
    await world.wait(200_000)
    for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), [])
  })

  it('stays while one value of it is left', async () => {
    const world = await StoreWorld.start(['abc'])
    const nowMs = world.clock.wallMs()
    await give(world, endingAt(nowMs + 10_000, nowMs + 300_000))
    await give(world, endingAt(nowMs + 10_000, 0), 'abc', 'other')
    await world.wait(250_000)
    assert.deepEqual(world.held('a', 'k'), ['v0', 'v1'])
    assert.equal((await listOf(world, 'a', 'dead')).length, 0)
    await world.wait(250_000)
    assert.deepEqual(world.held('a', 'k'), [])
    assert.deepEqual(world.held('a', 'other'), ['v0', 'v1'])
    assert.equal(world.kv('a').counts.expired, 3)
  })

  it('goes whatever is damaged beside it, and what was deleted as well', async () => {
    const world = await StoreWorld.start(['abc'])
    const record = endingAt(world.clock.wallMs() + 20_000)
    for (const key of ['bad', 'good']) await give(world, record, 'abc', key)
    for (const key of ['bad2', 'gone']) await world.drive(world.kv('a').del(key, { write: 'all' }))
    const value = new Uint8Array([9, 9])
    const writes = ['bad', 'bad2'].map((key) => ({ key: databaseKey(0, key), value }))
    await world.drive(world.node('a').database?.commit(writes) ?? Promise.resolve())
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await world.wait(300_000)
    for (const key of ['good', 'gone']) assert.deepEqual(world.held('a', key), [])
    for (const list of ['dead', 'expiry']) assert.deepEqual(await listOf(world, 'a', list), [])
  })

  it('leaves no row when it is replaced', async () => {
    const world = await StoreWorld.start(['abc'])
    for (let i = 0; i < 5; i++) {
      await give(world, endingAt(world.clock.wallMs() + DAY_MS), 'abc', `k${i}`)
      await world.drive(world.kv('a').put(`k${i}`, 'for ever', { write: 'all' }))
    }
    assert.deepEqual(await listOf(world, 'a', 'expiry'), [])
  })

  it('comes in more than one batch', async () => {
    const world = await StoreWorld.start(['abc'])
    const record = endingAt(world.clock.wallMs() + 20_000)
    for (let i = 0; i < 300; i++) await give(world, record, 'abc', `k${i}`)
    await world.wait(300_000)
    for (const name of 'abc') assert.equal(world.kv(name).held?.records, 0)
  })

  it('is not destroyed by one fast clock, nor by two', async () => {
    for (const fast of ['a', 'b', 'ab']) {
      const world = await StoreWorld.start(['abc'])
      const record = endingAt(world.clock.wallMs() + ENDS_MS)
      await give(world, record)
      for (const name of fast) {
        world.crash(name)
        world.skew(name, DAY_MS)
        await world.boot(name)
      }
      await world.wait(300_000)
      for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), ['v0'], `${fast} fast`)
      // The clocks are set right: it is seen again, and goes when it is due.
      for (const name of fast) {
        world.crash(name)
        world.skew(name, 0)
        await world.boot(name)
      }
      await world.wait(120_000)
      for (const name of fast) {
        assert.equal((await listOf(world, name, 'dead')).length, name === 'a' ? 0 : 1)
      }
      assert.equal(await world.drive(world.kv('a').get('k')).then((read) => read?.value), 'v0')
      await world.wait(ENDS_MS + 300_000)
      for (const name of 'abc') assert.deepEqual(world.held(name, 'k'), [], `${fast} was fast`)
    }
  }).timeout(20_000)

  it('and comes back from who was not asked is not taken', async () => {
    const world = await StoreWorld.start(['abc'])
    const record = endingAt(world.clock.wallMs() + 20_000)
    await give(world, record)
    await world.wait(200_000)
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await give(world, record, 'b')
    assert.deepEqual(world.held('b', 'k'), [])
  })
})

describe('the sweep of what expires', () => {
  it('says up to which time it has told: not of what is under way, nor of what failed', async () => {
    const clock = new ManualClock()
    const [firstMs, laterMs] = [clock.wallMs() - 10, clock.wallMs() + 60_000]
    const rows = [firstMs, laterMs].map((atMs) => expiryRow({ atMs, partition: 0, key: 'k' }).key)
    const commits: PromiseWithResolvers<void>[] = []
    const database: Pick<Database, 'latest' | 'commit' | 'scan'> = {
      latest: () => encodeRecord(endingAt(firstMs, laterMs)),
      commit: () => {
        const commit = Promise.withResolvers<void>()
        commits.push(commit)
        return commit.promise
      },
      scan: async function* () {
        for (const row of rows) yield [row, new Uint8Array()]
      },
    }
    const told: number[] = []
    const sweep = new ExpirySweep({
      database: database as Database,
      clock,
      log: recordingLog([]),
      counts: new StoreCounts(),
      onDead: () => undefined,
      onExpired: ({ atMs }) => void told.push(atMs),
    })
    assert.equal(sweep.sweptMs, 0, 'nobody knows before it has looked')
    sweep.start()
    await clock.runUntil(() => commits.length === 1)
    assert.ok(sweep.sweptMs <= firstMs, 'it is under way')
    commits[0]?.reject(new Error('the disk is full'))
    await clock.runUntil(() => commits.length === 2)
    assert.ok(sweep.sweptMs <= firstMs, 'it has failed')
    assert.deepEqual(told, [])
    rows.shift()
    commits[1]?.resolve()
    await clock.runUntil(() => told.length === 1)
    await clock.runUntil(() => sweep.sweptMs > firstMs)
    assert.deepEqual([told, sweep.sweptMs], [[firstMs], laterMs])
    await sweep.stop()
  })
})
