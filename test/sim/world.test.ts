import assert from 'node:assert/strict'
import type { Timer } from '../../src/seams/clock.ts'
import type { Seams } from '../../src/seams/seams.ts'
import { Faults, FAULT_KINDS, swarm } from './faults.ts'
import { noDisk } from './no-disk.ts'
import { SimRandom } from './sim-random.ts'
import { ProcessDied, World } from './world.ts'

interface Sleeper {
  readonly seams: Seams
  readonly starts: number
  leak: Timer | null
}

function makeWorld(hosts: number): World<Sleeper> {
  return new World<Sleeper>({
    seed: 'world',
    hosts,
    disk: () => noDisk,
    program: {
      start: async (seams, { starts }) => ({ seams, starts, leak: null }),
      stop: async () => undefined,
    },
  })
}

describe('sim world', () => {
  it('ends calls into a process that dies, and refuses calls into none', async () => {
    const world = makeWorld(1)
    await world.run(async () => {
      await assert.rejects(
        world.call(0, async () => 1),
        ProcessDied,
      )
      await world.start(0)
      assert.equal(await world.call(0, async (node) => node?.starts), 0)
      const never = world.call(0, () => new Promise(() => undefined))
      world.crash(0)
      await assert.rejects(never, ProcessDied)
      assert.equal(world.host(0).node, null)
      await world.start(0)
      assert.equal(await world.call(0, async (node) => node?.starts), 1)
    })
  })

  it('starts the monotonic clock and chance anew with every process', async () => {
    const world = makeWorld(1)
    await world.run(async () => {
      const first = await world.start(0)
      const draw = first.seams.random.float()
      await world.sleep(5000)
      assert.equal(Math.round(first.seams.clock.monotonicMs()), 5000)
      world.crash(0)
      const second = await world.start(0)
      assert.equal(second.seams.clock.monotonicMs(), 0)
      assert.notEqual(second.seams.random.float(), draw)
    })
  })

  it('waits with calls for a process that is paused', async () => {
    const world = makeWorld(1)
    await world.run(async () => {
      await world.start(0)
      world.pause(0)
      let answered = false
      const call = world.call(0, async () => {
        answered = true
      })
      await world.sleep(1000)
      assert.equal(answered, false)
      world.resume(0)
      await call
    })
  })

  it('notices a timer that a stopped program left behind', async () => {
    const world = makeWorld(1)
    await world.run(async () => {
      const node = await world.start(0)
      await world.stop(0)
      const again = await world.start(0)
      assert.notEqual(again, node)
      again.leak = again.seams.clock.after(1000, () => undefined)
      await assert.rejects(world.stop(0), /left 1 timers/)
    })
  })

  it('fails a condition that does not come true in time', async () => {
    const world = makeWorld(1)
    await assert.rejects(
      world.run(() => world.until('pigs fly', 1000, () => false)),
      /not within 1000 ms: pigs fly/,
    )
  })

  it('partitions, one way too, and heals', async () => {
    const world = makeWorld(4)
    const passes = (a: number, b: number): boolean =>
      world.fabric.passes(world.host(a).machine, world.host(b).machine)
    world.partition([0, 1, 2], [2, 3])
    assert.deepEqual(
      [passes(0, 1), passes(0, 3), passes(0, 2), passes(2, 3)],
      [true, false, true, true],
    )
    world.heal()
    world.cutOneWay(0, 1)
    assert.deepEqual([passes(0, 1), passes(1, 0)], [false, true])
    world.heal()
    assert.ok(passes(0, 1))
  })
})

describe('sim faults', () => {
  it('chooses a subset by seed, never an empty one', () => {
    const subsets = Array.from({ length: 200 }, (_, seed) => swarm(new SimRandom(`${seed}`)))
    assert.ok(subsets.every(({ length }) => length > 0))
    assert.equal(new Set(subsets.flat()).size, FAULT_KINDS.length)
  })

  for (const kind of FAULT_KINDS) {
    it(`${kind}: happens, and leaves nothing behind`, async () => {
      const world = makeWorld(4)
      const faults = new Faults(world, new SimRandom(kind), {
        kinds: [kind],
        gapMs: 500,
        downMax: 2,
      })
      await world.run(async () => {
        for (const { index } of world.hosts) await world.start(index)
        faults.run().catch((error: unknown) => world.kernel.fail(error))
        for (let i = 0; i < 300; i++) {
          await world.sleep(100)
          const down = world.hosts.filter((host) => !host.running).length
          assert.ok(down <= 2, `${down} are down at a time`)
        }
        await faults.stop()
        await world.sleep(1000)
        const right = world.kernel.nowMs + Date.UTC(2030, 0, 1)
        for (const host of world.hosts) {
          assert.ok(host.running)
          assert.ok(Math.abs(host.clock.wallMs() - right) < 1)
          for (const other of world.hosts) {
            const path = world.fabric.path(host.machine, other.machine)
            const clean = { cut: false, loss: 0, cloggedUntilUs: 0, extraDelayMs: 0 }
            assert.deepEqual(path, clean)
          }
        }
      })
      assert.ok((faults.counts.get(kind) ?? 0) > 5)
    })
  }
})
