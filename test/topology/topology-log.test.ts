import assert from 'node:assert/strict'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { encodeTopology, hashTopology } from '../../src/topology/codec.ts'
import { TopologyLog, type TopologyLogOptions } from '../../src/topology/topology-log.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { FakeDatabase, FakeMesh, Hub, type LogLine, recordingLog } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { CLUSTER, genesisOf, membersOf } from './members.ts'

const members = membersOf(6)
const genesis = genesisOf(members, { partitions: 4 })

function chain(length: number): Topology[] {
  const all = [{ ...genesis, members }]
  for (let last = all[0]; all.length < length && last !== undefined; last = all.at(-1)) {
    all.push({ ...last, number: last.number + 1, parent: hashTopology(last) })
  }
  return all
}

const [one, two, three] = chain(3) as [Topology, Topology, Topology]

class Bench {
  readonly clock = new ManualClock()
  readonly hub = new Hub(this.clock)
  readonly database = new FakeDatabase(this.clock)
  readonly lines: LogLine[] = []

  log(index: number, more: Partial<TopologyLogOptions> = {}): TopologyLog {
    const member = members[index]
    assert.ok(member !== undefined)
    const { id: peer, storageId } = member
    const mesh = new FakeMesh(this.hub, {
      peer,
      storageId,
      boot: 1,
      role: 'member',
      run: 1,
      wireVersion: 1,
    })
    const { clock, database } = this
    const log = recordingLog(this.lines)
    return new TopologyLog({ clusterId: CLUSTER, mesh, clock, log, database, ...more })
  }

  /** A peer that knows these, one more with every answer. */
  serve(index: number, topologies: readonly Topology[]): { asked: number } {
    const member = members[index]
    assert.ok(member !== undefined)
    const seen = { asked: 0 }
    const self = {
      peer: member.id,
      storageId: member.storageId,
      boot: 1,
      run: 1,
      wireVersion: 1,
    } as const
    const mesh = new FakeMesh(this.hub, { ...self, role: 'member' })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_GET, () => {
      const topology = topologies[Math.min(seen.asked++, topologies.length - 1)]
      return topology === undefined ? new Uint8Array() : encodeTopology(topology)
    })
    return seen
  }

  async learn(log: TopologyLog, ...topologies: readonly Topology[]): Promise<void> {
    const all = Promise.all(topologies.map((each) => log.learn(each)))
    await this.clock.advance(100)
    await all
  }

  async ends(work: Promise<unknown>, withinMs = 60_000): Promise<unknown> {
    const outcome = work.then(
      () => null,
      (error: unknown) => error,
    )
    await this.clock.advance(withinMs)
    return outcome
  }
}

const idOf = (index: number) => members[index]?.id ?? ''

describe('topology log', () => {
  it('shows a topology only when it is durable, and after a restart again', async () => {
    const bench = new Bench()
    const log = bench.log(0)
    const shown: number[] = []
    log.subscribe(({ number }) => {
      assert.ok(bench.database.get('topology/current') !== undefined)
      shown.push(number)
    })
    const learned = Promise.all([log.learn(one), log.learn(two)])
    assert.equal(log.current(), null)
    await bench.clock.advance(10)
    assert.deepEqual(await learned, [true, true])
    assert.deepEqual(shown, [1, 2])
    assert.deepEqual(bench.log(0).current(), two)
    assert.equal(bench.log(0).digest, 2)
  })

  it('refuses a stored topology that it cannot read', () => {
    const bench = new Bench()
    bench.database.durable.set('topology/current', Uint8Array.of(9, 9, 9))
    assert.throws(
      () => bench.log(0),
      (error) => isAtollError(error, 'DISK_DAMAGED'),
    )
  })

  it('writes what other layers add in the same batch', async () => {
    const bench = new Bench()
    const log = bench.log(0)
    log.beforeLearn((previous, next) => [
      { key: `store/${previous?.number ?? 0}-${next.number}`, value: Uint8Array.of(1) },
    ])
    await bench.learn(log, one, three)
    const keys = bench.database.batches.map((batch) => batch.map(({ key }) => key))
    assert.deepEqual(keys, [
      ['topology/current', 'store/0-1'],
      ['topology/current', 'store/1-3'],
    ])
  })

  it('never goes back', async () => {
    const bench = new Bench()
    const log = bench.log(0)
    await bench.learn(log, one, two, three)
    assert.equal(await log.learn(two), false)
    assert.equal(await log.learn(three), false)
    assert.equal(log.current(), three)
  })

  it('keeps what it has when its disk refuses', async () => {
    const bench = new Bench()
    const log = bench.log(0)
    await bench.learn(log, one)
    bench.database.failure = new AtollError('DISK_FULL', 'no space')
    const outcome = await bench.ends(log.learn(two))
    assert.ok(isAtollError(outcome, 'DISK_FULL'))
    assert.equal(log.current(), one)
    bench.database.failure = null
    await bench.learn(log, two)
    assert.equal(log.digest, 2)
  })

  it('goes on when a listener throws', async () => {
    const bench = new Bench()
    const log = bench.log(0)
    log.subscribe(() => {
      throw new Error('not our fault')
    })
    let heard = 0
    const unsubscribe = log.subscribe(() => heard++)
    await bench.learn(log, one)
    unsubscribe()
    await bench.learn(log, two)
    assert.equal(heard, 1)
    assert.ok(bench.lines.some(({ event }) => event === 'topology.listener-threw'))
  })

  it('has room for 64 listeners', () => {
    const log = new Bench().log(0)
    for (let i = 0; i < 64; i++) log.subscribe(() => undefined)
    assert.throws(
      () => log.subscribe(() => undefined),
      (error) => isAtollError(error, 'BUSY'),
    )
  })

  it('lives in memory on an edge', async () => {
    const bench = new Bench()
    const log = bench.log(0, { database: null })
    bench.serve(1, [two])
    assert.equal(await bench.ends(log.catchUp(1, idOf(1))), null)
    assert.deepEqual(log.current(), two)
    assert.equal(bench.database.batches.length, 0)
  })

  describe('catching up', () => {
    it('is one fetch for all who wait', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      const seen = bench.serve(1, [three])
      const all = Promise.all([1, 2, 3, 3, 3].map((number) => log.catchUp(number, idOf(1))))
      assert.equal(await bench.ends(all), null)
      assert.equal(seen.asked, 1)
      await log.catchUp(2, idOf(1))
      assert.equal(seen.asked, 1)
    })

    it('asks the roots and other members when the first does not know', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      const first = bench.serve(1, [one])
      const second = bench.serve(2, [three])
      assert.equal(await bench.ends(log.catchUp(3, idOf(1))), null)
      assert.deepEqual([first.asked, second.asked], [1, 1])
    })

    it('ends with UNREACHABLE when nobody can give it, having asked five at most', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      const outcome = await bench.ends(log.catchUp(9, idOf(1)))
      assert.ok(isAtollError(outcome, 'UNREACHABLE'))
      assert.equal(bench.hub.requests.length, 5)
    })

    it('asks no stranger, unless it shows a member’s certificate', async () => {
      const stranger = membersOf(1, 'stranger')
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      await bench.ends(log.catchUp(2, stranger[0]?.id ?? ''))
      assert.ok(bench.hub.requests.every(({ to }) => to !== stranger[0]?.id))
      const open = bench.log(0, { isMember: (peer) => peer === stranger[0]?.id })
      await bench.ends(open.catchUp(2, stranger[0]?.id ?? ''))
      assert.ok(bench.hub.requests.some(({ to }) => to === stranger[0]?.id))
    })

    it('refuses what does not follow, and what is of another cluster', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      for (const wrong of [
        { ...two, parent: '00'.repeat(32) },
        { ...two, clusterId: members[0]?.storageId ?? '' },
        { ...three, clusterId: members[0]?.storageId ?? '' },
      ]) {
        bench.serve(1, [wrong])
        assert.ok(isAtollError(await bench.ends(log.catchUp(2, idOf(1))), 'UNREACHABLE'))
        assert.equal(log.current(), one)
      }
    })

    it('does not follow a peer that shows a number which nobody can give', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      const seen = bench.serve(1, [one])
      for (let turn = 0; turn < 20; turn++) {
        log.onDigest(idOf(1), 2 ** 50)
        await bench.clock.advance(100)
      }
      assert.equal(seen.asked, 1)
      await bench.clock.advance(5000)
      log.onDigest(idOf(1), 2 ** 50)
      await bench.clock.advance(100)
      assert.equal(seen.asked, 2)
      log.onDigest(idOf(1), 1)
      await bench.clock.advance(100)
      assert.equal(seen.asked, 2, 'a lower number is no news')
    })

    it('behind others’ fetches that brought less ends with an error that says so', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      bench.serve(1, chain(4).slice(1))
      // Each fetch is of the lowest number that somebody waits for, and the last joins all three.
      const lower = [2, 3, 4].map((number) => log.catchUp(number, idOf(1)))
      const outcome = await bench.ends(log.catchUp(99, idOf(1)))
      await Promise.all(lower)
      assert.ok(isAtollError(outcome, 'UNREACHABLE'), String(outcome))
    })

    it('at the word of who is no member is not tried again and again', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      const edge = membersOf(1, 'edge')[0]?.id ?? ''
      const asked = async (from: string): Promise<number> => {
        const before = bench.hub.requests.length
        assert.ok(isAtollError(await bench.ends(log.catchUp(2 ** 50, from), 100), 'UNREACHABLE'))
        return bench.hub.requests.length - before
      }
      assert.deepEqual([await asked(edge), await asked(edge), await asked(edge)], [5, 0, 0])
      assert.equal(await asked(idOf(1)), 5, 'a member is believed')
      bench.serve(1, [two])
      await bench.clock.advance(5000)
      assert.equal(await bench.ends(log.catchUp(2, edge)), null)
    })

    it('ends at stop', async () => {
      const bench = new Bench()
      const log = bench.log(0)
      await bench.learn(log, one)
      const waiting = log.catchUp(5, idOf(1)).catch((error: unknown) => error)
      const stopped = log.stop()
      await bench.clock.advance(10_000)
      await stopped
      assert.ok(isAtollError(await waiting, 'STOPPED'))
      await assert.rejects(log.catchUp(5, idOf(1)), (error) => isAtollError(error, 'STOPPED'))
      assert.equal(bench.clock.pending, 0)
    })
  })
})
