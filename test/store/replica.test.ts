/** One replica: it says that it has a write when its disk does, and shows nothing else. */
import assert from 'node:assert/strict'
import { encodeWrite } from '../../src/store/messages.ts'
import { databaseKey } from '../../src/store/place.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { contextOf, recordOf, writeOf } from './arbitrary.ts'
import { isSync, isWrite, StoreWorld } from './world.ts'

const HEADER = { topology: 2, partition: 0, cfg: 2 }
const SLOW_MS = 50

function bytesOf(n: number): Uint8Array {
  const dot = { actor: 'elsewhere', n }
  const known = contextOf(new Map([['elsewhere', n]]))
  return encodeRecord(recordOf(known, [{ ...writeOf(dot), kind: 'text' }]))
}

/** b has a slow disk, and no repair interferes. */
async function slow(): Promise<StoreWorld> {
  const world = await StoreWorld.start(['ab'])
  await world.wait(50)
  world.fate = (q) => (isSync(q) ? 'unreachable' : undefined)
  Object.assign(world.disk('b'), { syncMs: () => SLOW_MS })
  return world
}

function send(world: StoreWorld, record: Uint8Array): { done: boolean; answer: Promise<unknown> } {
  const body = encodeWrite(HEADER, 0, 'k', record)
  const { id } = world.node('b').member
  const answer = world.node('a').mesh.request(id, REQUEST_KINDS.KV_WRITE, body, { timeoutMs: 9000 })
  const sent = { done: false, answer }
  answer.then(
    () => void (sent.done = true),
    () => undefined,
  )
  return sent
}

describe('a replica', () => {
  it('says that it has a write when its disk does, also what it was sent before', async () => {
    const world = await slow()
    const first = send(world, bytesOf(1))
    await world.wait(5)
    const again = send(world, bytesOf(1))
    await world.wait(10)
    assert.deepEqual([first.done, again.done], [false, false])
    assert.deepEqual(world.held('b', 'k'), [], 'nothing is shown yet')
    await world.drive(Promise.all([first.answer, again.answer]))
    assert.equal(world.held('b', 'k').length, 1)
    // What is there already is not written again.
    const { syncs } = world.disk('b')
    await world.drive(send(world, bytesOf(1)).answer)
    assert.equal(world.disk('b').syncs, syncs)
  })

  it('has lost nothing of it after a power loss', async () => {
    for (let i = 0; i < 20; i++) {
      const world = await slow()
      const sent = Array.from({ length: 5 }, (_, n) => send(world, bytesOf(n + 1)))
      await world.wait(SLOW_MS + 7 * i)
      const highest = sent.findLastIndex(({ done }) => done) + 1
      world.crash('b')
      await world.boot('b')
      const kept = world.record('b', 'k').known.vector.get('elsewhere') ?? 0
      assert.ok(kept >= highest, `${kept} of ${highest}`)
    }
  })

  it('joins with what is not durable yet', async () => {
    const world = await slow()
    const dotted = (actor: string) => {
      const known = contextOf(new Map([[actor, 1]]))
      return encodeRecord(recordOf(known, [writeOf({ actor, n: 1 })]))
    }
    const both = [send(world, dotted('x')), send(world, dotted('y'))]
    await world.drive(Promise.all(both.map(({ answer }) => answer)))
    assert.equal(world.held('b', 'k').length, 2)
  })

  it('does not acknowledge what a full disk refused, and serves what it had', async () => {
    const world = await slow()
    await world.drive(send(world, bytesOf(1)).answer)
    world.disk('b').faults.capacityBytes = 0
    await assert.rejects(world.drive(send(world, bytesOf(2)).answer), /space/)
    world.disk('b').faults.capacityBytes = Number.POSITIVE_INFINITY
    assert.equal(world.record('b', 'k').known.vector.get('elsewhere'), 1)
  })

  it('refuses what is no record, and keeps what it has', async () => {
    const world = await slow()
    await world.drive(send(world, bytesOf(1)).answer)
    await assert.rejects(world.drive(send(world, new Uint8Array([9])).answer), /malformed/)
    assert.equal(world.record('b', 'k').known.vector.get('elsewhere'), 1)
    assert.ok(world.asked.filter(isWrite).length === 2)
    assert.ok(world.node('b').database?.get(databaseKey(0, 'k')) !== undefined)
  })
})
