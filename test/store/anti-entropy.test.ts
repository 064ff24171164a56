/** Replicas become equal whatever they missed, and former ones let go of nothing that only they had. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { Database } from '../../src/disk/database.ts'
import { SYNC_BYTES, SYNC_ENTRIES } from '../../src/store/limits.ts'
import {
  databaseKey,
  partitionEnd,
  partitionPrefix,
  placeOf,
  userKey,
} from '../../src/store/place.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { decodeDigestQuestion, DIGESTS_MAX } from '../../src/store/sync/compare-messages.ts'
import { decodePullQuestion, decodeRecords } from '../../src/store/sync/sync-messages.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { contextOf, recordOf, writeOf } from './arbitrary.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')
/** Less than it takes until a partition is compared although nothing calls for it. */
const SOON_MS = 4000

function ofKind(world: StoreWorld, kind: number): Question[] {
  return world.asked.filter((question) => question.kind === kind)
}

function databaseOf(world: StoreWorld, name: string): Database {
  const { database } = world.node(name)
  assert.ok(database !== null)
  return database
}

/** Puts records on a disk before its store starts. */
async function plant(
  world: StoreWorld,
  name: string,
  keys: Iterable<string>,
  valueBytes = 1,
): Promise<void> {
  const write = { ...writeOf({ actor: 'planted', n: 1 }), kind: 'bytes' } as const
  const sibling = { ...write, value: new Uint8Array(valueBytes) }
  const value = encodeRecord(recordOf(contextOf(new Map([['planted', 1]])), [sibling]))
  const writes = [...keys].map((key) => ({ key: databaseKey(0, key), value }))
  await world.drive(databaseOf(world, name).commit(writes))
  world.crash(name, { power: false })
  await world.boot(name)
}

/** Two replicas that have these, of which a does the work once it is let. */
async function planted(
  a: Iterable<string>,
  b: Iterable<string>,
  valueBytes = 1,
): Promise<StoreWorld> {
  const world = await StoreWorld.start(['ab'])
  world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
  await plant(world, 'a', a, valueBytes)
  await plant(world, 'b', b, valueBytes)
  await world.wait(20)
  world.asked.length = 0
  world.fate = (q) => (isSync(q) && q.from === 'b' ? 'unreachable' : undefined)
  return world
}

async function keysOf(world: StoreWorld, name: string, partition = 0): Promise<string[]> {
  const keys: string[] = []
  const range = { from: partitionPrefix(partition), to: partitionEnd(partition) }
  const read = async (): Promise<void> => {
    for await (const [stored] of databaseOf(world, name).scan(range)) keys.push(userKey(stored))
  }
  await world.drive(read())
  return keys
}

const numbered = (from: number, to: number, step = 1): string[] => {
  const count = Math.ceil((to - from) / step)
  return Array.from({ length: count }, (_, i) => `k${100_000 + from + i * step}`)
}

describe('repair between replicas', () => {
  it('comes soon after a write that missed one', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(50)
    world.fate = (q) => (isWrite(q) && q.to === 'c' ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.until('c has it', () => world.held('c', 'k').length > 0, SOON_MS)
  })

  it('comes when a member is alive again', async () => {
    const world = await StoreWorld.start(Array.from({ length: 16 }, () => 'abc'))
    await world.wait(50)
    world.lose('c')
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
    for (const key of keys) await world.drive(world.kv('a').put(key, 'v'))
    await world.wait(50)
    assert.deepEqual(world.held('c', 'k0'), [])
    world.find('c')
    await world.wait(SOON_MS)
    for (const key of keys) assert.deepEqual(world.held('c', key), ['v'])
  })

  it('comes when a coordinator has died that had told some, and not by chance', async () => {
    const world = await StoreWorld.start(['abc', 'def'])
    const keys = Array.from({ length: 64 }, (_, i) => `k${i}`)
    const key = keys.find((each) => placeOf(world.latest, each).partition === 0) ?? ''
    await world.wait(50)
    world.fate = (q) => (isWrite(q) && q.to === 'c' ? 'lost' : undefined)
    await world.drive(world.kv('a').put(key, 'v'))
    assert.deepEqual([world.held('b', key), world.held('c', key)], [['v'], []])
    world.asked.length = 0
    world.crash('a')
    await world.wait(SOON_MS)
    assert.deepEqual(world.held('c', key), ['v'])
    const asking = world.asked.filter((q) => isSync(q)).map(({ from, to }) => from + to)
    assert.ok(
      asking.every((pair) => pair === 'bc' || pair === 'cb'),
      asking.join(),
    )
  })

  it('goes both ways', async () => {
    const world = await StoreWorld.start(['abc'])
    world.lose('c')
    await world.drive(world.kv('a').put('theirs', 'v'))
    await world.drive(world.kv('c').put('mine', 'v'))
    await world.wait(60_000)
    world.find('c')
    await world.wait(SOON_MS)
    assert.deepEqual(world.held('c', 'theirs'), ['v'])
    for (const name of ['a', 'b']) assert.deepEqual(world.held(name, 'mine'), ['v'])
    for (const name of ['a', 'b', 'c']) assert.equal(world.kv(name).syncBacklog, 0)
  })

  it('comes in time though nothing calls for it', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.wait(50)
    // Who knows that c missed it cannot say so, for good.
    const isOfA = (q: Question): boolean => q.from === 'a' || q.to === 'a'
    world.fate = (q) =>
      (isWrite(q) && q.to === 'c') || (isSync(q) && isOfA(q)) ? 'lost' : undefined
    await world.drive(world.kv('a').put('k', 'v', { write: 'quorum' }))
    await world.wait(SOON_MS)
    assert.deepEqual([world.held('b', 'k'), world.held('c', 'k')], [['v'], []])
    await world.wait(120_000)
    assert.deepEqual(world.held('c', 'k'), ['v'])
  })

  it('costs an idle cluster a few requests and no keys', async () => {
    const world = await StoreWorld.start(['abc', 'abc'])
    for (let i = 0; i < 10; i++)
      await world.drive(world.kv('a').put(`k${i}`, 'v', { write: 'all' }))
    await world.wait(1000)
    world.asked.length = 0
    await world.wait(100_000)
    const digests = ofKind(world, REQUEST_KINDS.KV_SYNC_DIGEST).length
    assert.ok(digests >= 15 && digests <= 60, `${digests} digests of three nodes in 100 s`)
    assert.equal(world.asked.length, digests)
  })

  it('is tried again until it succeeds', async () => {
    const world = await StoreWorld.start(['ac'])
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.wait(20_000)
    assert.equal(world.kv('a').syncBacklog, 1)
    world.fate = () => undefined
    await world.until('c has it', () => world.held('c', 'k').length > 0, SOON_MS)
  })

  it('with one peer does not wait for another with whom it fails', async () => {
    const world = await StoreWorld.start(['abcd'])
    await world.wait(20)
    for (const bad of ['b', 'c', 'd']) {
      world.fate = (q) => {
        if (isWrite(q)) return 'unreachable'
        return isSync(q) && (q.to === bad || q.from !== 'a') ? 'unreachable' : undefined
      }
      await world.drive(world.kv('a').put(bad, 'v'))
      const others = ['b', 'c', 'd'].filter((name) => name !== bad)
      const isDone = () => others.every((name) => world.held(name, bad).length > 0)
      await world.until(`all but ${bad} have it`, isDone, SOON_MS)
      await world.until('one is left', () => world.kv('a').syncBacklog === 1, SOON_MS)
      world.fate = () => undefined
      await world.until(`${bad} has it`, () => world.held(bad, bad).length > 0, SOON_MS)
    }
  })

  it('asks for at most so many partitions at once', async () => {
    const world = await StoreWorld.start(Array.from({ length: 1024 }, () => 'ab'))
    await world.wait(1000)
    world.asked.length = 0
    world.roll.set(world.node('b').member, 'alive')
    assert.equal(world.kv('a').syncBacklog, 1024)
    await world.wait(SOON_MS)
    assert.equal(world.kv('a').syncBacklog, 0)
    const asked = ofKind(world, REQUEST_KINDS.KV_SYNC_DIGEST).map(
      ({ body }) => decodeDigestQuestion(body).partitions,
    )
    assert.deepEqual(
      asked.map(({ length }) => length),
      [DIGESTS_MAX, DIGESTS_MAX],
    )
    assert.equal(new Set(asked.flat()).size, 1024)
  })

  it('is refused to edges', async () => {
    const world = await StoreWorld.start(['a'], { edges: 'e' })
    const { mesh } = world.node('e')
    for (const kind of [
      REQUEST_KINDS.KV_SYNC_DIGEST,
      REQUEST_KINDS.KV_SYNC_SUMS,
      REQUEST_KINDS.KV_SYNC_KEYS,
      REQUEST_KINDS.KV_SYNC_PULL,
      REQUEST_KINDS.KV_SYNC_PUSH,
    ] as const) {
      const body = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0])
      const asked = mesh.request(world.node('a').member.id, kind, body, { timeoutMs: 100 })
      await assert.rejects(world.drive(asked), /DENIED|edge/)
    }
  })

  it('is not forgotten for what a peer misses while it is compared', async () => {
    const world = await StoreWorld.start(['ac'])
    await world.wait(20)
    const { promise, resolve } = Promise.withResolvers<void>()
    let pushing = false
    world.fate = (q) => {
      if (isWrite(q) && q.to === 'c') return 'unreachable'
      if (isSync(q) && q.from === 'c') return 'unreachable'
      if (q.kind !== REQUEST_KINDS.KV_SYNC_PUSH) return undefined
      pushing = true
      return promise
    }
    await world.drive(world.kv('a').put('k1', 'v'))
    await world.until('a pushes k1', () => pushing)
    await world.drive(world.kv('a').put('k2', 'v'))
    resolve()
    // Less than it takes until a partition is compared for no reason.
    await world.wait(3000)
    assert.deepEqual([world.held('c', 'k1'), world.held('c', 'k2')], [['v'], ['v']])
  })

  it('sees what is being committed while it begins', async () => {
    for (let i = 0; i < 12; i++) {
      const world = await StoreWorld.start(['ac'], { seed: `commit ${i}` })
      await world.drive(world.kv('a').put('x', 'v', { write: 'all' }))
      world.fate = (q) => (isWrite(q) && q.to === 'c' ? 'unreachable' : undefined)
      world.roll.set(world.node('a').member, 'alive')
      await world.wait(5 + 0.2 * i)
      await world.drive(world.kv('a').put('k', 'v'))
      await world.wait(SOON_MS)
      assert.deepEqual(world.held('c', 'k'), ['v'], `${i}`)
    }
  })

  it('counts what is to be compared here, and nothing else', async () => {
    const world = await StoreWorld.start(['abc', 'bcd', 'a', 'bcd'])
    world.move(['abc', 'bcd', 'a', 'abc'])
    await world.tell()
    await world.wait(1000)
    world.crash('a')
    await world.boot('a')
    await world.wait(1000)
    assert.equal(world.kv('a').trees?.counted, 3)
    assert.equal(world.kv('b').trees?.counted, 3)
  })

  it('ends with the store: nothing is sent and no timer is left', async () => {
    const world = await StoreWorld.start(['abc'])
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'lost' : undefined)
    await world.drive(world.kv('a').put('k', 'v'))
    await world.wait(5000)
    for (const name of ['a', 'b', 'c']) await world.drive(world.kv(name).stop())
    await world.wait(60_000)
    assert.equal(world.clock.pending, 0)
  })
})

describe('a replica that is refused', () => {
  const toldBy = (world: StoreWorld, name: string) =>
    world.node(name).lines.filter(({ event }) => event === 'store.sync-refused')

  it('asks ever more seldom and says so once, and asks at once when something has changed', async () => {
    for (const change of ['member', 'topology'] as const) {
      const world = await StoreWorld.start(['ab'], { nodes: 'c' })
      const denied = new AtollError('DENIED', 'no')
      world.fate = (q) => {
        if (isWrite(q)) return 'unreachable'
        return isSync(q) ? (q.from === 'a' ? denied : 'unreachable') : undefined
      }
      await world.drive(world.kv('a').put('k', 'v'))
      const asked = async (ms: number): Promise<number> => {
        world.asked.length = 0
        await world.wait(ms)
        return world.asked.filter((q) => isSync(q) && q.from === 'a').length
      }
      assert.ok((await asked(60_000)) <= 7)
      const seldom = await asked(1_800_000)
      assert.ok(seldom >= 29 && seldom <= 31, `once a minute, ${seldom}`)
      assert.equal(toldBy(world, 'a').length, 1)
      world.fate = (q) => (isSync(q) && q.from === 'b' ? 'unreachable' : undefined)
      if (change === 'member') {
        world.lose('c')
        world.find('c')
      } else {
        world.move(['abc'])
        await world.tell(['a'])
      }
      await world.until(`${change} has changed`, () => world.held('b', 'k').length > 0, 2000)
      // Another refusal is told of again, and begins with short pauses.
      world.fate = (q) => {
        return isWrite(q)
          ? 'unreachable'
          : isSync(q)
            ? q.from === 'a'
              ? denied
              : 'unreachable'
            : undefined
      }
      await world.drive(world.kv('a').put('k', 'w'))
      assert.ok((await asked(10_000)) >= 3)
      assert.equal(
        toldBy(world, 'a').filter(({ fields }) => fields['disk'] === world.idsOf('b')[0]).length,
        2,
      )
    }
  })
})

describe('a record that cannot be joined', () => {
  const refused = (world: StoreWorld, name: string) =>
    world.node(name).lines.filter(({ event }) => event === 'store.record-refused')

  it('does not hold up the others, and is told of', async () => {
    const world = await StoreWorld.start(['ab'])
    await world.wait(50)
    // Two disks with two large values each: together they are over the limit.
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'lost' : undefined)
    for (const name of ['a', 'a', 'b', 'b']) {
      const options = { context: NOTHING, write: 'one' } as const
      await world.drive(world.kv(name).put('large', new Uint8Array(1_000_000), options))
    }
    for (const key of ['1', 'z']) await world.drive(world.kv('a').put(key, 'v', { write: 'one' }))
    world.fate = () => undefined
    await world.wait(30_000)
    for (const key of ['1', 'z']) assert.deepEqual(world.held('b', key), ['v'])
    assert.equal(world.record('b', 'large').siblings.length, 2)
    const lines = [...refused(world, 'a'), ...refused(world, 'b')]
    assert.ok(lines.length > 0)
    assert.match(JSON.stringify(lines[0]), /large.*cannot be joined.*atoll kv get large/)
    assert.ok(lines.length < 30, 'once a round, not all the time')
  })

  it('is none that is damaged: nobody else hears of it', async () => {
    const world = await StoreWorld.start(['ab'])
    const value = new Uint8Array([9, 9])
    await world.drive(databaseOf(world, 'b').commit([{ key: databaseKey(0, 'm'), value }]))
    world.crash('b', { power: false })
    await world.boot('b')
    world.fate = (q) => (isWrite(q) ? 'unreachable' : undefined)
    for (const key of ['1', 'z']) await world.drive(world.kv('a').put(key, 'v'))
    await world.wait(SOON_MS)
    for (const key of ['1', 'z']) assert.deepEqual(world.held('b', key), ['v'])
    assert.deepEqual(world.held('a', 'm'), [], 'damage does not spread')
    assert.deepEqual([...refused(world, 'a'), ...refused(world, 'b')], [])
  })

  it('is no write of a wild clock: that spreads like any other', async () => {
    const world = await StoreWorld.start(['abc'])
    world.crash('a', { power: false })
    world.skew('a', 3 * 24 * 60 * 60 * 1000)
    await world.boot('a')
    await assert.rejects(world.drive(world.kv('a').put('wild', 'v')), /a day ahead/)
    world.fate = (q) => (isWrite(q) && q.to === 'b' ? 'unreachable' : undefined)
    await world.drive(world.kv('c').put('good', 'v'))
    world.fate = () => undefined
    await world.wait(60_000)
    for (const name of ['a', 'b', 'c']) {
      assert.deepEqual(world.held(name, 'good'), ['v'])
      assert.deepEqual(world.held(name, 'wild'), world.held('a', 'wild'))
    }
  })
})

describe('reconciliation', () => {
  const even = numbered(0, 3 * SYNC_ENTRIES, 2)
  const all = numbered(0, 3 * SYNC_ENTRIES)
  const few = [all[1] ?? '', all[700] ?? '', all.at(-1) ?? '']
  const cases: Record<string, [a: readonly string[], b: readonly string[]]> = {
    'mine denser': [all, even],
    'theirs denser': [even, all],
    'theirs much denser': [numbered(0, 3 * SYNC_ENTRIES, 4), all],
    'mine many, theirs few': [all, few],
    'theirs many, mine few': [few, all],
    'mine empty': [[], all],
    'theirs empty': [all, []],
    'one after the other': [all.slice(0, 800), all.slice(800)],
    'one before the other': [all.slice(800), all.slice(0, 800)],
    'exactly a page': [all.slice(0, SYNC_ENTRIES), all.slice(SYNC_ENTRIES, 2 * SYNC_ENTRIES)],
    'the last one only': [all, all.slice(0, -1)],
  }
  for (const [name, [mine, theirs]] of Object.entries(cases)) {
    it(`makes both equal over several pages: ${name}`, async () => {
      const world = await planted(mine, theirs)
      await world.wait(SOON_MS)
      const union = [...new Set([...mine, ...theirs])].sort()
      assert.deepEqual(await keysOf(world, 'a'), union)
      assert.deepEqual(await keysOf(world, 'b'), union)
      const moved = (kind: number, keysIn: (body: Uint8Array) => readonly string[]) =>
        ofKind(world, kind)
          .filter(({ from }) => from === 'a')
          .flatMap(({ body }) => keysIn(body))
      const pulled = moved(REQUEST_KINDS.KV_SYNC_PULL, (body) =>
        decodePullQuestion(body).keys.map(({ key }) => key),
      )
      const pushed = moved(REQUEST_KINDS.KV_SYNC_PUSH, (body) =>
        decodeRecords(body).records.map(([key]) => key),
      )
      assert.deepEqual(
        pulled.sort(),
        union.filter((key) => !mine.includes(key)),
      )
      assert.deepEqual(
        pushed.sort(),
        union.filter((key) => !theirs.includes(key)),
      )
    })
  }

  it('moves large records in small steps, both ways', async () => {
    const world = await planted(numbered(0, 20), numbered(20, 40), SYNC_BYTES / 4)
    await world.wait(SOON_MS)
    for (const name of ['a', 'b']) assert.deepEqual(await keysOf(world, name), numbered(0, 40))
    const pushes = ofKind(world, REQUEST_KINDS.KV_SYNC_PUSH)
    const pulls = ofKind(world, REQUEST_KINDS.KV_SYNC_PULL)
    assert.ok(pushes.length >= 5 && pulls.length >= 5, `${pushes.length} ${pulls.length}`)
    for (const { body } of pushes) assert.ok(body.length < SYNC_BYTES * 1.5)
  })

  it('gives records that differ on both sides to both', async () => {
    const world = await StoreWorld.start(['ab'])
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    for (const name of ['a', 'b']) {
      const options = { context: NOTHING, write: 'one' } as const
      await world.drive(world.kv(name).put('k', name, options))
    }
    world.fate = (q) => (isSync(q) && q.from === 'b' ? 'unreachable' : undefined)
    world.roll.set(world.node('b').member, 'alive')
    await world.wait(SOON_MS)
    for (const name of ['a', 'b']) assert.deepEqual(world.held(name, 'k'), ['a', 'b'])
    assert.deepEqual(world.record('a', 'k'), world.record('b', 'k'))
  })

  it('goes on when a key is gone that the other side named', async () => {
    const world = await planted([], numbered(0, 5))
    const { promise, resolve } = Promise.withResolvers<void>()
    let pulls = 0
    world.fate = (q) => {
      if (isSync(q) && q.from === 'b') return 'unreachable'
      return q.kind === REQUEST_KINDS.KV_SYNC_PULL && pulls++ === 0 ? promise : undefined
    }
    await world.until('a pulls', () => pulls === 1, SOON_MS)
    const [, ...gone] = numbered(0, 5)
    const writes = gone.map((key) => ({ key: databaseKey(0, key), value: null }))
    await world.drive(databaseOf(world, 'b').commit(writes))
    resolve()
    await world.wait(SOON_MS)
    assert.deepEqual(await keysOf(world, 'a'), numbered(0, 1))
    assert.equal(world.kv('a').syncBacklog, 0)
  })
})

describe('farewell', () => {
  /** a has left, and has alone what it took in while nobody heard of it. */
  async function left(): Promise<StoreWorld> {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    await world.drive(world.kv('a').put('all', 'v', { write: 'all' }))
    world.move(['def'])
    await world.tell()
    await world.wait(2000)
    world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
    const { partial } = await world.drive(world.kv('a').put('only', 'v'))
    assert.equal(partial, true)
    world.finish()
    return world
  }

  it('offers all before it deletes, and then deletes all', async () => {
    const world = await left()
    world.fate = () => undefined
    await world.tell()
    await world.until('a has dropped it', () => world.held('a', 'only').length === 0)
    for (const name of ['d', 'e', 'f']) {
      assert.deepEqual(world.held(name, 'only'), ['v'], 'all have it, with no round')
    }
    await world.wait(SOON_MS)
    for (const name of ['a', 'b', 'c']) assert.deepEqual(await keysOf(world, name), [])
    const dropped = world.node('a').lines.filter(({ event }) => event === 'store.partition-dropped')
    assert.equal(dropped.length, 1)
  })

  it('keeps all while fewer than a majority takes it', async () => {
    const world = await left()
    world.fate = (q) => (isSync(q) && q.to !== 'd' ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(60_000)
    assert.deepEqual(world.held('a', 'only'), ['v'])
    for (const name of ['e', 'f']) world.lose(name)
    world.fate = () => undefined
    await world.wait(60_000)
    assert.deepEqual(world.held('a', 'only'), ['v'], 'nobody is asked in vain')
    world.find('e')
    await world.until('a has dropped it', () => world.held('a', 'only').length === 0)
    for (const name of ['d', 'e']) assert.deepEqual(world.held(name, 'only'), ['v'])
  })

  it('keeps what a majority cannot join', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'b' })
    world.move(['b'])
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await world.tell()
    // Two large values each: together they are over the limit.
    for (const name of ['a', 'b']) {
      const large = [1, 2].map((n) => ({ ...writeOf({ actor: name, n }), kind: 'bytes' as const }))
      const siblings = large.map((each) => ({ ...each, value: new Uint8Array(1_000_000) }))
      const value = encodeRecord(recordOf(contextOf(new Map([[name, 2]])), siblings))
      await world.drive(databaseOf(world, name).commit([{ key: databaseKey(0, 'k'), value }]))
      world.crash(name, { power: false })
      await world.boot(name)
    }
    world.finish()
    world.fate = () => undefined
    await world.tell()
    await world.wait(60_000)
    for (const name of ['a', 'b']) assert.equal(world.record(name, 'k').siblings.length, 2)
  })

  it('that is refused is said ever more seldom, and at once when something has changed', async () => {
    const world = await left()
    world.fate = (q) => (isSync(q) && q.from === 'a' ? new AtollError('DENIED', 'no') : undefined)
    await world.tell()
    const asked = async (ms: number): Promise<number> => {
      world.asked.length = 0
      await world.wait(ms)
      return world.asked.filter((q) => isSync(q) && q.from === 'a').length
    }
    // Three replicas are asked each time.
    assert.ok((await asked(600_000)) <= 3 * 11)
    assert.ok((await asked(3_600_000)) <= 3 * 7, 'once in ten minutes')
    const { lines } = world.node('a')
    const told = lines.filter(({ event }) => event === 'store.farewell-refused')
    assert.equal(told.length, 1)
    world.fate = () => undefined
    world.lose('d')
    world.find('d')
    await world.wait(100)
    assert.deepEqual(world.held('a', 'only'), [])
  })

  it('takes nothing in', async () => {
    const world = await left()
    world.fate = () => undefined
    await world.tell('def')
    for (const key of numbered(0, 10))
      await world.drive(world.kv('d').put(key, 'v', { write: 'all' }))
    world.asked.length = 0
    await world.tell('a')
    await world.until('a has dropped it', () => world.held('a', 'only').length === 0)
    const pulls = ofKind(world, REQUEST_KINDS.KV_SYNC_PULL).filter(({ from }) => from === 'a')
    assert.deepEqual(pulls, [])
  })

  it('is said after a restart, and in batches', async () => {
    const world = await StoreWorld.start(['a'], { nodes: 'b' })
    const keys = numbered(0, 600)
    await plant(world, 'a', keys)
    world.move(['b'])
    await world.tell()
    await world.wait(2000)
    world.finish()
    world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
    await world.tell()
    await world.wait(2000)
    world.crash('a')
    world.fate = () => undefined
    await world.boot('a')
    await world.wait(SOON_MS)
    assert.deepEqual(await keysOf(world, 'a'), [])
    assert.deepEqual(await keysOf(world, 'b'), keys)
  })

  it('is broken off when the partition comes back', async () => {
    const world = await left()
    const { promise, resolve } = Promise.withResolvers<void>()
    let isPushing = false
    world.fate = (q) => {
      if (q.kind !== REQUEST_KINDS.KV_SYNC_PUSH || q.from !== 'a') return undefined
      isPushing = true
      return promise
    }
    await world.tell()
    await world.until('a offers', () => isPushing)
    world.move(['abc'])
    await world.tell('a')
    resolve()
    await world.wait(SOON_MS)
    assert.deepEqual(world.held('a', 'only'), ['v'])
    const events = world.node('a').lines.map(({ event }) => event)
    assert.ok(!events.includes('store.partition-dropped'), 'not even for a while')
  })

  it('takes what is offered only for partitions that are held here', async () => {
    const world = await StoreWorld.start(['ab', 'a'])
    const { mesh } = world.node('a')
    const b = world.node('b').member.id
    const push = (partition: number) => {
      const body = new Uint8Array([2, partition, 2, 0, 0])
      return mesh.request(b, REQUEST_KINDS.KV_SYNC_PUSH, body, { timeoutMs: 100 })
    }
    await world.drive(push(0))
    for (const partition of [1, 2]) {
      await assert.rejects(world.drive(push(partition)), (error) => {
        return error instanceof AtollError && error.code === 'DENIED'
      })
    }
  })
})
