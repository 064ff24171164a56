/** Repair that nothing calls for comes to every partition in time, however much is being written. */
import assert from 'node:assert/strict'
import { decodeSumsQuestion } from '../../src/store/sync/compare-messages.ts'
import { placeOf } from '../../src/store/place.ts'
import { Looks } from '../../src/store/sync/looks.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { keysOf, partitioned } from './planted.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

const { KV_SYNC_DIGEST, KV_SYNC_SUMS } = REQUEST_KINDS

describe('looks at what nothing calls for', () => {
  it('are with each peer in turn', () => {
    const looks = new Looks()
    const shared = new Map(['b', 'c', 'd'].map((id) => [id, [1]]))
    const turns = (...ids: string[]) => ids.map(() => looks.nextPeer(shared, ids))
    assert.deepEqual(turns('d', 'c', 'b'), ['d', 'c', 'b'])
    assert.deepEqual(turns('b', 'c', 'd'), ['d', 'c', 'b'])
    assert.deepEqual(turns('b', 'd'), ['d', 'b'], 'c cannot be asked')
    assert.equal(looks.nextPeer(shared, ['b', 'c', 'd']), 'c')
    assert.equal(looks.nextPeer(shared, []), null)
  })

  it('are first into what was looked into longest ago, with that peer', () => {
    const looks = new Looks()
    const all = [0, 1, 2, 3, 4].map((partition) => ({ partition }))
    const order = (id: string) => looks.longestAgoFirst(id, all).map(({ partition }) => partition)
    looks.looked('b', 0)
    looks.looked('b', 3)
    looks.looked('b', 0)
    assert.deepEqual(order('b'), [1, 2, 4, 3, 0])
    assert.deepEqual(order('c'), [0, 1, 2, 3, 4])
  })

  it('are forgotten with what is shared', () => {
    const looks = new Looks()
    const all = [0, 1].map((partition) => ({ partition }))
    const order = () => looks.longestAgoFirst('b', all).map(({ partition }) => partition)
    looks.looked('b', 1)
    looks.looked('b', 0)
    assert.deepEqual(order(), [1, 0])
    looks.nextPeer(new Map([['b', [1]]]), ['b'])
    assert.deepEqual(order(), [0, 1])
    looks.nextPeer(new Map(), [])
    looks.looked('b', 0)
    assert.deepEqual(order(), [1, 0])
  })
})

/** Partitions that a looked into with b, by round. */
function roundsOf(asked: readonly Question[]): number[][] {
  const rounds: number[][] = []
  for (const { from, to, kind, body } of asked) {
    if (from !== 'a' || to !== 'b') continue
    if (kind === KV_SYNC_DIGEST) rounds.push([])
    const sums = kind === KV_SYNC_SUMS ? decodeSumsQuestion(body) : null
    if (sums?.turn === 'take') rounds.at(-1)?.push(sums.partition)
  }
  return rounds
}

describe('replicas where every partition is always being written', () => {
  const PARTITIONS = 32
  const TRIED = 4

  /** Writes through a are on their way to b whenever both compare roots, and there when sums are. */
  async function busyWorld(): Promise<{ world: StoreWorld; write: () => Promise<void> }> {
    const world = await StoreWorld.start(partitioned('abc', PARTITIONS))
    await world.wait(1000)
    // Who knows what b misses cannot tell anybody, for good.
    const isSilent = (q: Question): boolean => isSync(q) && (q.from === 'c' || q.to === 'c')
    world.fate = (q) => {
      return isSilent(q) || (isWrite(q) && q.to === 'b') ? 'unreachable' : undefined
    }
    for (const key of keysOf(1)) {
      await world.drive(world.kv('c').put(key, 'hidden', { write: 'quorum' }))
    }
    let arrive = Promise.withResolvers<void>()
    world.fate = (q) => {
      if (isSilent(q)) return 'unreachable'
      if (q.kind === KV_SYNC_SUMS) {
        arrive.resolve()
        return new Promise((resolve) => void world.clock.after(20, resolve))
      }
      return isWrite(q) && q.to === 'b' ? arrive.promise : undefined
    }
    const keys = partitionKeys(world)
    const write = async (): Promise<void> => {
      arrive.resolve()
      await world.wait(100)
      arrive = Promise.withResolvers()
      for (const key of keys)
        void world
          .kv('a')
          .put(key, 'v')
          .catch(() => undefined)
      await world.wait(1000)
    }
    return { world, write }
  }

  /** One in each partition. */
  function partitionKeys(world: StoreWorld): string[] {
    const keys = new Map<number, string>()
    for (const key of keysOf(1000, 10)) keys.set(placeOf(world.latest, key).partition, key)
    assert.equal(keys.size, PARTITIONS)
    return [...keys.values()]
  }

  it('are all looked into within so many rounds, and what one lacks is found', async () => {
    const { world, write } = await busyWorld()
    const [hidden = ''] = keysOf(1)
    const from = world.asked.length
    const hiddenIn = placeOf(world.latest, hidden).partition
    const rounds = PARTITIONS / TRIED
    const beganMs = world.clock.monotonicMs()
    while (world.held('b', hidden).length === 0) {
      // Two peers take rounds in turn, each after 15 s at most.
      assert.ok(world.clock.monotonicMs() - beganMs < rounds * 2 * 15_000, 'not found in time')
      await write()
    }
    const seen = roundsOf(world.asked.slice(from)).filter((each) => each.length > 0)
    for (const each of seen.slice(0, -1)) assert.equal(each.length, TRIED)
    const tried = seen.map((each) => each.slice(0, TRIED)).flat()
    assert.equal(new Set(tried).size, tried.length, 'none is looked into again before all were')
    assert.ok(tried.length <= PARTITIONS && hiddenIn < PARTITIONS)
  })
})
