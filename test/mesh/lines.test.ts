import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { FRAME } from '../../src/wire/frames.ts'
import { ECHO, kinds, pair, startEcho, TIMEOUT } from './echo.ts'
import { RawPeer } from './raw-peer.ts'
import { type Machine, type Running, World } from './world.ts'

/** Open links of a class, on both sides together. */
function linksBetween(a: Running, trafficClass: string): number {
  let links = 0
  for (const connection of a.network.connections) {
    for (const side of connection.sides) {
      for (const link of side.links.values()) if (link.trafficClass === trafficClass) links++
    }
  }
  return links
}

describe('lines', () => {
  it('resolve dials from both sides to one link, and lose nothing meanwhile', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const world = new World(`both ${seed}`)
      await world.run(async () => {
        const [a, b] = await pair(world)
        const calls: Promise<unknown>[] = []
        for (let i = 0; i < 20; i++) {
          const body = utf8(`${i}`)
          calls.push(a.mesh.request(b.machine.peer, ECHO, body, TIMEOUT))
          await world.kernel.sleep(world.random.between(0, 0.7))
          calls.push(b.mesh.request(a.machine.peer, ECHO, body, TIMEOUT))
          // Large ones are under way in parts when a link retires.
          if (i % 5 !== 0) continue
          calls.push(a.mesh.request(b.machine.peer, ECHO, new Uint8Array(300_000), TIMEOUT))
          calls.push(b.mesh.request(a.machine.peer, ECHO, new Uint8Array(300_000), TIMEOUT))
        }
        await Promise.all(calls)
        await world.kernel.sleep(1000)
        assert.equal(linksBetween(a, 'request'), 2, `seed ${seed}: one link, two ends`)
        assert.deepEqual([kinds(a.evidence), kinds(b.evidence)], [['connected'], ['connected']])
        await a.mesh.stop()
        await b.mesh.stop()
      })
    }
  })

  it('survive a FIN for a link whose rival is already dead on the other side', async () => {
    const world = new World('fin')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await startEcho(world, m)
      const raw = await new RawPeer(world, n).start()
      a.mesh.learnAddresses(n.peer, [world.addressOf(n)])
      const link = await raw.greeted(m)
      link.link.send(Uint8Array.of(FRAME.FIN, 0))
      await world.until(() => link.closed !== null, 'the link retires')
      assert.deepEqual(link.tags, [FRAME.FIN])
      assert.deepEqual(kinds(a.evidence), ['connected'])
      a.mesh.request(n.peer, ECHO, utf8('x'), TIMEOUT).catch(() => undefined)
      await world.until(() => raw.accepted.length === 1, 'the next request dials')
    })
  })

  it('serve nothing that comes after a FIN', async () => {
    const world = new World('after fin')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      let served = 0
      await world.start(m, { before: (mesh) => mesh.handle(ECHO, (_f, body) => (served++, body)) })
      const raw = await new RawPeer(world, n).start()
      for (const why of [0, 1]) {
        const link = await raw.greeted(m)
        link.link.send(Uint8Array.of(FRAME.FIN, why))
        link.link.send(Uint8Array.of(FRAME.BATCH, 1, 9, 0xe8, 0x07, 0))
        await world.until(() => link.closed !== null, 'closed')
        assert.deepEqual(link.tags, [FRAME.FIN])
      }
      assert.equal(served, 0)
    })
  })

  it('use the newer of two links that the same side dialled', async () => {
    const world = new World('newer')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      await startEcho(world, m)
      const raw = await new RawPeer(world, n).start()
      const first = await raw.greeted(m)
      const second = await raw.greeted(m)
      await world.until(() => first.closed !== null, 'the older one is dropped')
      second.link.send(Uint8Array.of(FRAME.BATCH, 1, 9, 0xe8, 0x07, 0))
      await world.until(() => second.frames.length > 0, 'an answer')
    })
  })

  it('retry for ever, ever more seldom, while somebody wants to talk', async () => {
    const world = new World('back-off')
    await world.run(async () => {
      const [a, b] = await pair(world)
      world.kill(b)
      const dials: number[] = []
      const dial = a.network.dial.bind(a.network)
      a.network.dial = (...args) => {
        dials.push(world.kernel.nowMs)
        return dial(...args)
      }
      const target = b.machine.peer
      const startMs = world.kernel.nowMs
      let fast = 0
      while (world.kernel.nowMs < startMs + 120_000) {
        const before = world.kernel.nowMs
        const call = a.mesh.request(target, ECHO, utf8('x'), TIMEOUT)
        await assert.rejects(
          call,
          (e) => isAtollError(e, 'UNREACHABLE') && e.outcome === 'not-applied',
        )
        if (world.kernel.nowMs - before < 1) fast++
        await world.kernel.sleep(50)
      }
      assert.ok(dials.length >= 15 && dials.length < 40, `${dials.length} dials in two minutes`)
      assert.ok(fast > 1000, 'requests fail at once while the back-off lasts')
      const gaps = dials.map((at, i) => at - (dials[i - 1] ?? at))
      assert.ok(Math.max(...gaps) <= 10_100, 'never more seldom than every ten seconds')
      const again = await startEcho(world, b.machine)
      await world.until(() => again.evidence.length > 0, 'it is dialled when it is back', 15_000)
      await a.mesh.request(target, ECHO, utf8('x'), TIMEOUT)
    })
  })

  it('find a peer that came back elsewhere through others', async () => {
    const world = new World('moved')
    await world.run(async () => {
      const [m, n, o] = world.machines('m', 'n', 'o') as [Machine, Machine, Machine]
      const a = await startEcho(world, m)
      const b = await startEcho(world, n)
      const c = await startEcho(world, o)
      world.introduce(a, b, c)
      for (const [one, other] of [
        [a, c],
        [b, c],
        [a, b],
      ] as const) {
        await one.mesh.request(other.machine.peer, ECHO, utf8('x'), TIMEOUT)
      }
      world.kill(b)
      world.fabric.readdress(n.host)
      const again = await startEcho(world, n)
      // It knows one of them, who knows where it is now.
      again.mesh.learnAddresses(o.peer, [world.addressOf(o)])
      await again.mesh.request(o.peer, ECHO, utf8('x'), TIMEOUT)
      let answered = false
      for (let i = 0; i < 600 && !answered; i++) {
        answered = await a.mesh.request(n.peer, ECHO, utf8('x'), TIMEOUT).then(
          () => true,
          () => false,
        )
        await world.kernel.sleep(100)
      }
      assert.ok(answered)
    })
  })

  it('forget a peer with all that is under way', async () => {
    const world = new World('forget')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await startEcho(world, m)
      const b = await world.start(n, {
        before: (mesh) => mesh.handle(ECHO, () => new Promise(() => undefined)),
      })
      world.introduce(a, b)
      const call = a.mesh.request(n.peer, ECHO, utf8('x'), { timeoutMs: 60_000 })
      await world.kernel.sleep(50)
      a.mesh.forget(n.peer)
      a.mesh.forget(n.peer)
      await assert.rejects(call, (e) => isAtollError(e, 'UNREACHABLE') && e.outcome === 'unknown')
      await world.kernel.sleep(10)
      assert.equal(linksBetween(b, 'request'), 0)
      assert.deepEqual(kinds(a.evidence), ['connected'])
    })
  })

  it('are remembered for peers in use, and not for every peer that ever called', async () => {
    const world = new World('many')
    await world.run(async () => {
      const [m] = world.machines('m') as [Machine]
      const a = await startEcho(world, m)
      for (let i = 0; i < 1100; i++) {
        const { peer } = world.machine(`n${i}`)
        a.mesh.request(peer, ECHO, utf8('x'), { timeoutMs: 10 }).catch(() => undefined)
        if (i % 100 === 0) await world.kernel.sleep(100)
      }
      assert.ok(a.mesh.peerCount < 200, `${a.mesh.peerCount} peers are remembered`)
      await a.mesh.stop()
      assert.equal(a.process.pendingTimers, 0)
    })
  }).timeout(20_000)
})
