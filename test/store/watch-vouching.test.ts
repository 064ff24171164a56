/** What a watch lives through: disks that have forgotten what they told, vouched for by others. */
import assert from 'node:assert/strict'
import { Continuity } from '../../src/store/watch/continuity.ts'
import { decodeRootsQuestion } from '../../src/store/watch/feed-messages.ts'
import { Holders } from '../../src/store/watch/holders.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { placeOf } from '../../src/store/place.ts'
import { Vouching } from '../../src/store/watch/vouching.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { WatchReader } from './watch-reader.ts'
import { type Fate, isSync, isWrite, type Question, StoreWorld } from './world.ts'

/** Of a disk that gathers what another tells at once. */
const GATHER_MS = 30
/** Enough to be found again, compared, and vouched for. */
const VOUCH_MS = 8000
const ONE = { write: 'one' } as const

function isFeed({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_FEED
}

function isRoots({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_FEED_ROOTS
}

/** What each disk holds stays there. */
function alone(q: Question): Fate | undefined {
  return isWrite(q) || isSync(q) ? 'lost' : undefined
}

function keyIn(world: StoreWorld, partition: number): string {
  for (let i = 0; ; i++) if (placeOf(world.latest, `k${i}`).partition === partition) return `k${i}`
}

async function restart(world: StoreWorld, name: string): Promise<void> {
  world.crash(name, { power: false })
  await world.boot(name)
}

/** Nobody asks before it has looked what has run out, so that it tells nobody. */
async function startUnheard(world: StoreWorld, name: string): Promise<void> {
  world.fate = (q) => (isFeed(q) && q.to === name ? 'unreachable' : undefined)
  await world.boot(name)
  await world.wait(500)
  world.fate = () => undefined
  await world.wait(5000)
}

describe('a watch of replicas that are restarted one after another', () => {
  it('has no gap, and misses nothing', async () => {
    for (const watcher of ['d', 'e']) {
      const world = await StoreWorld.start(['abc', 'abc', 'bca', 'cab'], { nodes: 'd', edges: 'e' })
      const reader = await WatchReader.begin(world, watcher)
      const told: string[] = []
      const put = async (name: string, key: string): Promise<void> => {
        await world.drive(world.kv(name).put(key, 'v'))
        told.push(`put ${key}=v`)
      }
      for (const [i, name] of ['a', 'b', 'c', 'a', 'b', 'c'].entries()) {
        const other = name === 'a' ? 'b' : 'a'
        world.crash(name, { power: false })
        await put(other, `down${i}`)
        await world.boot(name)
        await put(name, `up${i}`)
        await world.wait(VOUCH_MS)
        await put(other, `later${i}`)
      }
      await world.wait(GATHER_MS)
      assert.deepEqual(reader.take().toSorted(), told.toSorted())
      await reader.end(world)
      world.asked.length = 0
      await world.wait(60_000)
      assert.deepEqual(world.asked.filter(isRoots), [])
    }
  })

  it('also where replicas are replaced one after another', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'def' })
    const reader = await WatchReader.begin(world, 'd')
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    for (const set of ['abd', 'aed', 'fed']) {
      world.move([set])
      await world.tell()
      await world.wait(2000)
      world.finish()
      await world.tell()
      await world.wait(VOUCH_MS)
    }
    await world.drive(world.kv('f').put('k2', 'v'))
    await world.wait(GATHER_MS)
    assert.deepEqual(reader.take(), ['put k=v', 'put k2=v'])
  })

  it('has one where they follow each other too fast', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    for (const name of ['a', 'b', 'c']) await restart(world, name)
    await world.wait(VOUCH_MS)
    assert.deepEqual(reader.take(), ['gap forgotten'])
    // All keep from there on.
    for (const name of ['a', 'b']) await restart(world, name)
    await world.wait(200)
    assert.deepEqual(reader.take(), [])
  })

  it('has one where a disk has what nobody else has heard of, and none where they have', async () => {
    for (const isHeard of [false, true]) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      const reader = await WatchReader.begin(world, 'd')
      world.fate = (q) => (isFeed(q) && q.to === 'c' ? 'unreachable' : alone(q))
      await restart(world, 'c')
      await world.drive(world.kv('c').put('k', 'v', ONE))
      world.fate = (q) => (isHeard ? undefined : alone(q))
      await world.wait(VOUCH_MS + 12_000)
      assert.deepEqual(reader.take(), isHeard ? ['put k=v'] : [])
      for (const name of ['a', 'b']) await restart(world, name)
      await world.wait(200)
      assert.deepEqual(reader.take(), isHeard ? [] : ['gap forgotten'])
    }
  })

  it('has one where all that tell since a gap may have had from one disk what a list did not show', async () => {
    for (const areEqual of [false, true]) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      const reader = await WatchReader.begin(world, 'd')
      await world.wait(VOUCH_MS)
      world.fate = (q) => (isRoots(q) ? 'lost' : undefined)
      for (const name of ['a', 'b']) await restart(world, name)
      world.fate = (q) => (isFeed(q) && q.to === 'c' ? 'unreachable' : alone(q))
      await restart(world, 'c')
      await world.drive(world.kv('c').put('k', 'v', ONE))
      world.fate = alone
      await world.wait(VOUCH_MS)
      assert.deepEqual(reader.take(), ['gap forgotten'])
      world.fate = (q) => (isFeed(q) && !areEqual && q.to !== 'c' ? 'unreachable' : undefined)
      await world.until('they have it', () => world.held('b', 'k').length > 0, 60_000)
      await world.wait(VOUCH_MS)
      assert.deepEqual(reader.take(), areEqual ? ['put k=v'] : [])
      for (const name of ['a', 'b']) await restart(world, name)
      world.fate = () => undefined
      await world.wait(VOUCH_MS)
      assert.deepEqual(reader.take(), areEqual ? [] : ['gap forgotten'])
    }
  })

  it('asks each disk once for the roots of all partitions, and no more when they are the same', async () => {
    const world = await StoreWorld.start(['abc', 'bca', 'abd', 'dbc'], { nodes: 'e' })
    await WatchReader.begin(world, 'e')
    await world.wait(600_000)
    const asked = world.asked.filter(isRoots)
    assert.deepEqual(asked.map(({ to }) => to).toSorted(), ['a', 'b', 'c', 'd'])
  })

  it('has one more where the first was about another partition: a list need not show what one disk alone has', async () => {
    const world = await StoreWorld.start(['abc', 'c'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    const key = keyIn(world, 0)
    world.fate = (q) => (isFeed(q) && q.to === 'c' ? 'unreachable' : alone(q))
    await restart(world, 'c')
    await world.drive(world.kv('c').put(key, 'v', ONE))
    world.fate = alone
    await world.wait(VOUCH_MS)
    assert.deepEqual(reader.take(), ['gap forgotten'])
    for (const name of ['a', 'b']) await restart(world, name)
    await world.wait(200)
    assert.deepEqual(reader.take(), ['gap forgotten'])
  })

  it('has one where the keeper was not read as far as it vouched', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    const reader = await WatchReader.begin(world, 'd')
    world.fate = (q) => (isFeed(q) ? 'unreachable' : undefined)
    await restart(world, 'c')
    await world.wait(15_000)
    // All have it, and nobody has been heard.
    await world.drive(world.kv('c').put('k', 'v', { write: 'all' }))
    world.fate = (q) => (isFeed(q) && q.to !== 'c' ? 'unreachable' : undefined)
    await world.wait(VOUCH_MS)
    for (const name of ['a', 'b']) await restart(world, name)
    world.fate = () => undefined
    await world.wait(VOUCH_MS)
    assert.deepEqual(reader.take(), ['gap forgotten'])
  })

  it('waits for a keeper that has still to tell what has run out', async () => {
    // Its clock is behind, stays so or is set right; it finds out within half a minute.
    for (const [isSetRight, waitMs, told] of [
      [false, 12_000, ['gap forgotten']],
      [true, 12_000, ['gap forgotten']],
      [true, 45_000, ['expire k']],
    ] as const) {
      const world = await StoreWorld.start(['ab'], { nodes: 'd' })
      world.skew('a', -300_000)
      const reader = await WatchReader.begin(world, 'd')
      await world.drive(world.kv('b').put('k', 'v', { write: 'all', ttlMs: 20_000 }))
      await world.drive(world.kv('b').put('later', 'v', { write: 'all', ttlMs: 1_000_000 }))
      world.crash('b', { power: false })
      await world.wait(30_000)
      await startUnheard(world, 'b')
      assert.deepEqual(reader.take(), ['put k=v', 'put later=v'])
      if (isSetRight) world.skew('a', 0)
      await world.wait(waitMs)
      world.crash('a', { power: false })
      await startUnheard(world, 'a')
      assert.deepEqual(reader.take(), told, `${isSetRight} ${waitMs}`)
    }
  })

  it('asks another keeper where one cannot vouch', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    world.skew('a', -60_000)
    await restart(world, 'a')
    await world.drive(world.kv('b').put('k', 'v', { write: 'all', ttlMs: 1000 }))
    await world.wait(VOUCH_MS)
    const reader = await WatchReader.begin(world, 'd')
    await restart(world, 'c')
    await world.wait(20_000)
    for (const name of ['a', 'b']) await restart(world, name)
    await world.wait(200)
    assert.deepEqual(reader.take(), [], 'b has vouched for c')
  })

  it('asks for roots ever more seldom while nobody can vouch, and at once when more is in doubt', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await WatchReader.begin(world, 'd')
    await world.wait(VOUCH_MS)
    world.fate = (q) => (isFeed(q) && q.to === 'c' ? 'unreachable' : alone(q))
    await restart(world, 'c')
    await world.drive(world.kv('c').put('k', 'v', ONE))
    world.fate = alone
    world.asked.length = 0
    await world.wait(600_000)
    const asked = world.asked.filter(isRoots)
    assert.ok(asked.length > 20 && asked.length < 2 * 26, `${asked.length}`)
    assert.deepEqual(
      asked.slice(0, 2).map(({ to, body }) => [to, decodeRootsQuestion(body).partitions]),
      [
        ['c', [0]],
        ['b', [0]],
      ],
    )
    const before = asked.length
    await world.until('it asks', () => world.asked.filter(isRoots).length > before + 1, 60_000)
    await world.wait(1000)
    await restart(world, 'b')
    world.asked.length = 0
    await world.wait(5000)
    assert.ok(world.asked.filter(isRoots).some(({ to }) => to === 'b'))
  })
})

describe('a watch that goes on elsewhere', () => {
  it('does not take a disk in doubt for one that has told all', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'de' })
    const first = await WatchReader.begin(world, 'd')
    world.fate = (q) => (isFeed(q) && q.to === 'c' ? 'unreachable' : alone(q))
    await restart(world, 'c')
    await world.drive(world.kv('c').put('k', 'v', ONE))
    world.fate = alone
    await world.wait(6000)
    await world.drive(world.kv('a').put('l', 'v', ONE))
    await world.wait(GATHER_MS)
    assert.deepEqual(first.take(), ['put l=v'])
    const { cursor } = first
    await first.end(world)
    for (const name of ['a', 'b']) await restart(world, name)
    const second = await WatchReader.begin(world, 'e', '', cursor)
    await world.wait(200)
    assert.deepEqual(second.take(), ['gap forgotten'])
    // From a gap on all have told all.
    const third = await WatchReader.begin(world, 'd', '', second.cursor)
    await world.wait(200)
    assert.deepEqual(third.take(), [])
  })

  it('has a gap when all of a partition has moved meanwhile, to disks that were followed before', async () => {
    const world = await StoreWorld.start(['abc', 'def'])
    const first = await WatchReader.begin(world, 'd')
    const { cursor } = first
    await first.end(world)
    const keys = Array.from({ length: 8 }, (_, i) => `k${i}`)
    for (const key of keys) await world.drive(world.kv('a').put(key, 'v', { write: 'all' }))
    world.move(['def', 'def'])
    await world.tell()
    await world.wait(3000)
    world.finish()
    await world.tell()
    await world.wait(3000)
    for (const name of ['a', 'b', 'c']) await restart(world, name)
    const second = await WatchReader.begin(world, 'd', '', cursor)
    await world.wait(200)
    assert.ok(second.take().includes('gap forgotten'))
  })
})

describe('a cursor of what has just come to a disk', () => {
  // Where the watch began, nobody knows yet that the disk holds it.
  for (const isOnePage of [false, true]) {
    it(`says that it has not told all, ${isOnePage ? 'also in the midst of one answer' : 'although nobody here knows why'}`, async () => {
      const world = await StoreWorld.start(['abc', 'def'], { nodes: 'gh' })
      const first = await WatchReader.begin(world, 'g')
      const [missed, told] = [keyIn(world, 0), keyIn(world, 1)]
      const oldOnes = (q: Question): Fate | undefined =>
        isFeed(q) && 'abc'.includes(q.to) ? 'unreachable' : undefined
      const others = 'abcdefh'.split('')
      world.fate = oldOnes
      await world.wait(11_000)
      await world.drive(world.kv('a').put(missed, 'v', { write: 'all' }))
      world.move(['def', 'def'])
      await world.tell(others)
      await world.wait(3000)
      world.fate = isOnePage ? (q) => (isFeed(q) ? 'unreachable' : undefined) : oldOnes
      await world.wait(11_000)
      world.finish()
      await world.tell(others)
      await world.wait(100)
      await world.drive(world.kv('d').put(told, 'v', { write: 'all' }))
      world.fate = oldOnes
      await world.wait(6000)
      assert.deepEqual(first.take(), [`put ${told}=v`])
      const second = await WatchReader.begin(world, 'h', '', first.cursor)
      await world.wait(200)
      assert.deepEqual(second.take(), ['gap forgotten', `put ${told}=v`])
    })
  }
})

describe('what proves a disk', () => {
  /** Three disks that answer with these roots of their one partition. */
  async function vouching(roots: Readonly<Record<string, number | null>>) {
    const partitions = [{ cfg: 1, replicas: ['a', 'b', 'c'], prev: null, former: [] }]
    const continuity = new Continuity(new Holders({ partitions } as unknown as Topology))
    continuity.begin(new Map(['a', 'b', 'c'].map((id) => [id, 'heard'])))
    const clock = new ManualClock()
    const read = { run: 1, seq: 4 }
    const proofs = new Vouching({
      prefix: '',
      clock,
      continuity,
      at: () => read,
      ask: async (id) => ({ run: 1, upTo: 5, wallMs: 1, sweptMs: 2, roots: [roots[id] ?? null] }),
    })
    proofs.look()
    await clock.advance(1500)
    const proven = (): string => ['a', 'b', 'c'].filter((id) => continuity.proves(id, 0)).join('')
    assert.equal(proven(), '', 'what they told has not been read yet')
    return { continuity, proofs, clock, read, proven }
  }

  it('is looked at also where there is more to look at all the time, as while data moves', async () => {
    const roots: Record<string, number> = { a: 7, b: 8, c: 9 }
    const { proofs, clock, read, proven } = await vouching(roots)
    Object.assign(roots, { b: 7, c: 7 })
    read.seq = 5
    for (let i = 0; i < 8; i++) {
      proofs.look()
      await clock.advance(400)
    }
    assert.equal(proven(), 'abc')
  })

  it('is the same at as many as it takes, and nothing where two differ and one knows no root', async () => {
    for (const [roots, expected] of [
      [{ a: 7, b: 7, c: 8 }, 'ab'],
      [{ a: 7, b: 8, c: 7 }, 'ac'],
      [{ a: 7, b: 7, c: 7 }, 'abc'],
      [{ a: 7, b: 8, c: 9 }, ''],
      [{ a: 7, b: null, c: null }, ''],
    ] as const) {
      const { clock, read, proven } = await vouching(roots)
      read.seq = 5
      await clock.advance(1000)
      assert.equal(proven(), expected)
    }
  })

  it('is no answer of a disk whose standing has fallen since, nor of another run', async () => {
    for (const isRun of [false, true]) {
      const { continuity, clock, read, proven } = await vouching({ a: 7, b: 7, c: 8 })
      if (isRun) read.run = 2
      // A gap: it begins anew.
      else for (const id of ['b', 'c']) continuity.lost(id)
      assert.equal(continuity.standingOf('a'), 'heard')
      read.seq = 5
      await clock.advance(1000)
      assert.equal(proven(), '')
    }
  })
})

describe('who holds what', () => {
  const PARTITIONS = 1024
  const DISKS = 60

  class Counted extends Holders {
    looks = 0
    override of(partition: number): readonly string[] {
      this.looks++
      return super.of(partition)
    }
  }

  function topologyOf(shift: number): Topology {
    const disk = (n: number): string => `disk ${n % DISKS}`
    const partitions = Array.from({ length: PARTITIONS }, (_, p) => {
      const first = p < 10 ? shift : 0
      return {
        cfg: 2,
        replicas: [disk(p + first), disk(p + 20), disk(p + 40)],
        prev: null,
        former: [],
      }
    })
    return { partitions } as unknown as Topology
  }

  it('is looked at for the partitions that an event is about, not for all', () => {
    const holders = new Counted(topologyOf(0))
    const ids = new Set(holders.disks())
    assert.equal(ids.size, DISKS)
    const kept = new Continuity(holders)
    assert.ok(kept.isAnyAt(ids) && !kept.begin(new Map([...ids].map((id) => [id, 'heard']))))
    assert.equal(holders.looks, 0)
    let gaps = 0
    for (const id of ids) gaps += Number(kept.lost(id))
    // A disk of all: three of its partitions' holders, twice or so.
    assert.ok(holders.looks < 20 * PARTITIONS, `${holders.looks}`)
    assert.ok(gaps > 0)
  })

  it('is compared once a topology for all that ask', () => {
    const [before, after] = [new Counted(topologyOf(0)), new Counted(topologyOf(1))]
    const streams = Array.from({ length: 100 }, () => new Continuity(before))
    const changed = after.changedSince(before)
    assert.deepEqual(changed, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    const { looks } = after
    for (const stream of streams) stream.onHolders(after)
    assert.ok(after.looks - looks < 100 * 10 * 10, `${after.looks - looks}`)
    for (const id of after.disks()) {
      assert.ok(after.partitionsOf(id).every((p) => after.of(p).includes(id)))
    }
  })
})
