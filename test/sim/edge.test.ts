/**
 * An edge that was away while every member was replaced: of all that it knew only a peer is left that
 * is in no cluster, and whose Kademlia answers. The first call finds the replicas of its key through
 * it, once; nothing else is ever looked up.
 */
import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { EDGE_CALLS, lookupsOf } from '../node/edge-calls.ts'
import { BEACON, EDGE, EdgeStage } from './edge-stage.ts'

/** So many that some key has more of them nearby than a lookup names. */
const OTHER_EDGES = 48
const THIRD = BEACON + 1
const DEADLINE_MS = 2000
/** The longest suspicion of few members, and some probes of a node that has just stood still. */
const DETECTED_MS = 40_000

describe('an edge in the simulator', () => {
  for (const seed of ['edge 1', 'edge 2', 'edge 3']) {
    it(`finds its cluster when all that it knew have left it (seed ${seed})`, async () => {
      const stage = new EdgeStage(seed)
      const { world } = stage
      await world.run(async () => {
        await stage.replaceAll('down')
        await world.start(EDGE)
        await assert.rejects(
          stage.on(EDGE, (node) => node.topology.show()),
          { code: 'NO_QUORUM' },
        )
        assert.equal(await stage.on(EDGE, lookupsOf), 0)
        const [read, register] = await Promise.all([
          stage.on(EDGE, (node) => node.kv.get('color')),
          stage.on(EDGE, (node) => node.reg.get('cfg')),
        ])
        assert.deepEqual([read?.value, read?.partial, register?.value], ['blue', false, 'v1'])
        assert.equal(await stage.on(EDGE, lookupsOf), 1)
        for (const [name, call] of EDGE_CALLS) {
          const made = stage.on(EDGE, call)
          await made.catch((error: unknown) => {
            throw new Error(name, { cause: error })
          })
        }
        await world.sleep(60_000)
        for (let i = 0; i < 50; i++) await stage.on(EDGE, (node) => node.kv.put(`k${i}`, i))
        assert.equal(await stage.on(EDGE, lookupsOf), 1)
        await stage.end()
      })
    })
  }

  it('finds it with an old topology too, once all members of that are down', async () => {
    const stage = new EdgeStage('edge of old')
    const { world } = stage
    await world.run(async () => {
      await stage.replaceAll('cut off')
      const namesOf = async (): Promise<string> => {
        const { members } = await stage.on(EDGE, (node) => node.topology.show())
        return members.map(({ name }) => name).join()
      }
      assert.equal(await namesOf(), 'n0,n1')
      world.heal()
      // It meets the beacon again, which tells it nothing of itself.
      await world.sleep(60_000)
      assert.equal(await namesOf(), 'n0,n1')
      assert.equal(await stage.on(EDGE, lookupsOf), 0)
      const read = await stage.on(EDGE, (node) => node.kv.get('color'))
      assert.deepEqual([read?.value, read?.partial], ['blue', false])
      assert.equal(await namesOf(), 'n2,n3')
      assert.equal(await stage.on(EDGE, lookupsOf), 1)
      await stage.end()
    })
  })

  for (const was of ['down', 'cut off'] as const) {
    it(`finds it where only edges are near the key (when it was ${was})`, async function () {
      this.timeout(60_000)
      const first = THIRD + 1
      const stage = new EdgeStage(`edge among edges, ${was}`, first + OTHER_EDGES)
      const { world } = stage
      await world.run(async () => {
        await stage.replaceAll(was)
        await stage.join(THIRD, 2)
        await stage.settled([2, 3, THIRD])
        const { ticket } = await stage.on(2, (node) =>
          node.ticket.create({ role: 'edge', uses: 0 }),
        )
        for (let index = first; index < first + OTHER_EDGES; index++) {
          await world.start(index)
          await stage.on(index, (node) => node.join(ticket))
        }
        const key = await stage.keyAmongEdges([2, 3, THIRD])
        await stage.on(2, (node) => node.kv.put(key, 'blue', { write: 'all' }))
        if (was === 'down') await world.start(EDGE)
        else {
          world.heal()
          await world.sleep(60_000)
        }
        const read = await stage.on(EDGE, (node) => node.kv.get(key))
        assert.deepEqual([read?.value, read?.partial], ['blue', false])
        assert.equal(await stage.on(EDGE, lookupsOf), 1)
        await stage.end()
      })
    })
  }

  for (const how of ['refuse', 'are silent'] as const) {
    it(`finds it soon when those that it believes up ${how}`, async () => {
      const stage = new EdgeStage(`edge that was stopped, they ${how}`)
      const { world } = stage
      await world.run(async () => {
        await stage.replaceAll('paused')
        if (how === 'are silent') for (const index of [0, 1]) world.powerLoss(index)
        world.resume(EDGE)
        const startMs = world.kernel.nowMs
        assert.equal((await stage.on(EDGE, (node) => node.status())).members.dead, 0)
        for (let calls = 1; ; calls++) {
          const beganMs = world.kernel.nowMs
          const call = stage.on(EDGE, (node) => node.kv.get('color', { deadlineMs: DEADLINE_MS }))
          const read = await call.catch((error: unknown) => {
            assert.ok(isAtollError(error) && error.retryable && error.outcome === 'not-applied')
            return null
          })
          const { nowMs } = world.kernel
          assert.ok(nowMs - beganMs <= DEADLINE_MS + 50, 'no call takes longer than it may')
          // Until membership has found out by itself: nothing is looked up before.
          assert.ok(nowMs - startMs <= DETECTED_MS, `not after ${calls} calls`)
          if (read?.value === 'blue') break
          await world.sleep(100)
        }
        assert.equal(await stage.on(EDGE, lookupsOf), 1)
        await stage.end()
      })
    })
  }

  it('says that it knows nobody where nobody can be found', async () => {
    const stage = new EdgeStage('edge alone')
    const { world } = stage
    await world.run(async () => {
      await stage.replaceAll('down')
      await world.stop(BEACON)
      await world.start(EDGE)
      const startMs = world.kernel.nowMs
      const calls = Array.from({ length: 20 }, () => stage.on(EDGE, (node) => node.kv.get('color')))
      const ends = await Promise.allSettled(calls)
      assert.ok(ends.every(({ status }) => status === 'rejected'))
      assert.ok(world.kernel.nowMs - startMs < 2000)
      assert.equal(await stage.on(EDGE, lookupsOf), 1)
      await stage.end()
    })
  })
})
