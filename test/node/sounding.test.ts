/** Sounding peers on simulated meshes: who answers, clocks, bounds, and nonsense from outside. */
import assert from 'node:assert/strict'
import { PEERS_MAX, REACHES_MAX, Sounder } from '../../src/node/doctor/sounding.ts'
import { VERSION } from '../../src/base/version.ts'
import { WireWriter } from '../../src/wire/codec.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { type Machine, type Running, World } from '../mesh/world.ts'

const STRANGER = '12D3KooWstranger'

type Trials = Running['network']['tryAddresses']

async function start(world: World, machine: Machine) {
  let sounder: Sounder | null = null
  const running: Running = await world.start(machine, {
    before: (mesh) => {
      // The mesh runs on the clock of its process; any that ticks with the world will do here.
      const clock = {
        monotonicMs: () => world.kernel.nowMs,
        wallMs: () => Math.floor(machine.hostClock.wallMs()),
        after: () => assert.fail('no timer is needed'),
        soon: () => assert.fail('no timer is needed'),
      }
      const tries: Trials = (...given) => running.network.tryAddresses(...given)
      const isKnown = (peer: string): boolean => peer !== STRANGER
      sounder = new Sounder({ mesh, network: { tryAddresses: tries }, clock, isKnown })
    },
  })
  return { running, sounder: sounder as unknown as Sounder, peer: machine.peer }
}

describe('sounding', () => {
  it('says who answers, how soon, with which clock and version', async () => {
    const world = new World('sounding')
    await world.run(async () => {
      const [a, b] = await Promise.all(
        world.machines('a', 'b').map((machine) => start(world, machine)),
      )
      assert.ok(a && b)
      world.introduce(a.running, b.running)
      b.running.machine.hostClock.jump(-5000)
      const hosts = [a.running.machine.host, b.running.machine.host] as const
      world.fabric.path(hosts[0], hosts[1]).extraDelayMs = 20
      // It is dialled first, which takes several times as long as an answer.
      const dialled = await a.sounder.sound(b.peer, 1000)
      const sounding = await a.sounder.sound(b.peer, 1000)
      assert.ok(sounding.answered)
      assert.deepEqual([sounding.version, sounding.trial], [VERSION, 'open'])
      assert.ok(sounding.rttMs > 0 && sounding.rttMs < 100, `${sounding.rttMs}`)
      assert.ok(Math.abs(sounding.offsetMs + 5000) <= sounding.rttMs / 2 + 1)
      const { rttMs } = sounding
      assert.ok(
        dialled.answered && dialled.rttMs < rttMs * 1.5,
        `${dialled.answered && dialled.rttMs}`,
      )
      const startMs = world.kernel.nowMs
      const nobody = await a.sounder.sound('12D3KooWnobody', 1000)
      assert.equal(nobody.answered, false)
      assert.ok(world.kernel.nowMs - startMs <= 1100)
      for (const { running } of [a, b]) await running.mesh.stop()
    })
  })

  it('asks a member whom it reaches: by one request, in the order asked', async () => {
    const world = new World('reach')
    await world.run(async () => {
      const [a, b, c] = await Promise.all(
        world.machines('a', 'b', 'c').map((machine) => start(world, machine)),
      )
      assert.ok(a && b && c)
      world.introduce(a.running, b.running, c.running)
      world.kill(c.running)
      const before = b.running.mesh.peerCount
      const [stranger] = await a.sounder.reachOf(b.peer, [STRANGER], 3000)
      assert.deepEqual([stranger?.answered, stranger?.why], [false, 'NOT_FOUND'])
      assert.ok(b.running.mesh.peerCount <= before + 1, 'it was not even tried')
      const reached = await a.sounder.reachOf(b.peer, [a.peer, c.peer], 3000)
      assert.deepEqual(
        reached.map(({ peer, answered }) => [peer, answered]),
        [
          [a.peer, true],
          [c.peer, false],
        ],
      )
      assert.notEqual(reached[1]?.why, '')
      for (const { running } of [a, b]) await running.mesh.stop()
    })
  })

  it('serves few such requests at a time, of few peers each', async () => {
    const world = new World('bounds')
    await world.run(async () => {
      const [a, b, c] = await Promise.all(
        world.machines('a', 'b', 'c').map((machine) => start(world, machine)),
      )
      assert.ok(a && b && c)
      world.introduce(a.running, b.running, c.running)
      // It takes its time to find out that one is silent.
      world.kernel.pause(c.running.process)
      const asks = Array.from({ length: REACHES_MAX + 1 }, () =>
        a.sounder.reachOf(b.peer, [c.peer], 5000).then(
          () => 'answered',
          (error: { readonly code: string }) => error.code,
        ),
      )
      const ends = await Promise.all(asks)
      assert.deepEqual(ends.sort(), ['BUSY', ...ends.slice(1)])
      assert.equal(ends.filter((end) => end === 'answered').length, REACHES_MAX)
      // And then again.
      await a.sounder.reachOf(b.peer, [], 1000)
      const many = Array.from({ length: PEERS_MAX + 1 }, () => 'p')
      await assert.rejects(a.sounder.reachOf(b.peer, many, 1000))
      const options = { timeoutMs: 1000 }
      for (const body of [new Uint8Array([255, 255, 255]), new Uint8Array([1, 200])]) {
        const ask = a.running.mesh.request(b.peer, REQUEST_KINDS.DOCTOR_REACH, body, options)
        await assert.rejects(ask)
      }
      world.kernel.resume(c.running.process)
      for (const { running } of [a, b, c]) await running.mesh.stop()
    })
  })

  it('takes nonsense for no answer', async () => {
    const world = new World('nonsense')
    await world.run(async () => {
      const [first, second] = world.machines('a', 'b')
      assert.ok(first && second)
      const a = await start(world, first)
      const answers = [new Uint8Array(), new WireWriter().string('v'.repeat(65)).uint(1).finish()]
      let next = 0
      const b = await world.start(second, {
        before: (mesh) => {
          mesh.handle(REQUEST_KINDS.DOCTOR_PING, () => answers[next++] ?? new Uint8Array())
        },
      })
      world.introduce(a.running, b)
      for (const _ of answers) {
        const sounding = await a.sounder.sound(second.peer, 1000)
        assert.deepEqual(
          [sounding.answered, !sounding.answered && sounding.why],
          [false, 'INTERNAL'],
        )
      }
      await a.running.mesh.stop()
      await b.mesh.stop()
    })
  })
})
