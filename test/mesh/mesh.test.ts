import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { utf8, utf8ToText } from '../../src/base/bytes.ts'
import type { PeerEvidence } from '../../src/mesh/mesh.ts'
import { decodeRefusal } from '../../src/mesh/hello.ts'
import { FRAME } from '../../src/wire/frames.ts'
import { SimNetwork } from '../sim/sim-network.ts'
import { RawPeer } from './raw-peer.ts'
import { type Machine, type Running, World } from './world.ts'

const ECHO = 1000
const TIMEOUT = { timeoutMs: 1000 }

function startEcho(world: World, machine: Machine): Promise<Running> {
  return world.start(machine, { before: (mesh) => mesh.handle(ECHO, (_from, body) => body) })
}

/** The first has the lower peer id. */
async function pair(world: World): Promise<[Running, Running]> {
  const [first, second] = world.machines('a', 'b') as [Machine, Machine]
  const one = await startEcho(world, first)
  const two = await startEcho(world, second)
  world.introduce(one, two)
  return [one, two]
}

function kinds(evidence: readonly PeerEvidence[]): string[] {
  return evidence.map(({ kind }) => kind)
}

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
      await world.kernel.sleep(1000)
      await a.mesh.stop()
      assert.equal(a.process.pendingTimers, 0)
    })
  }).timeout(20_000)
})

describe('evidence', () => {
  it('reports a broken connection once, then that all addresses refuse', async () => {
    const world = new World('killed')
    await world.run(async () => {
      const [a, b] = await pair(world)
      for (const trafficClass of ['request', 'bulk'] as const) {
        await a.mesh.request(b.machine.peer, ECHO, utf8('x'), { ...TIMEOUT, trafficClass })
      }
      a.mesh.connect(b.machine.peer)
      await world.kernel.sleep(2000)
      const late = a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      await world.kernel.sleep(0.05)
      const killedMs = world.kernel.nowMs
      world.kill(b)
      await assert.rejects(late, (e) => isAtollError(e, 'UNREACHABLE') && e.outcome === 'unknown')
      await world.until(() => a.evidence.length >= 3, 'refused')
      assert.ok(world.kernel.nowMs - killedMs < 50, 'the kernel’s word is quick')
      await world.kernel.sleep(10_000)
      assert.deepEqual(kinds(a.evidence), ['connected', 'reset', 'refused'])
    })
  })

  it('does not call a machine that is silent refused', async () => {
    const world = new World('silent')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      await world.kernel.sleep(2000)
      for (const connection of a.network.connections) {
        connection.reset(connection.socketOf(b.network), 'reset')
      }
      b.machine.host.powered = false
      await world.kernel.sleep(30_000)
      assert.ok(!kinds(a.evidence).includes('refused'))
    })
  })

  it('reports a restart by the hello of the new process, and refuses the old one', async () => {
    const world = new World('restart')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      // The process hangs and its successor starts elsewhere: nobody resets the old connection.
      world.kernel.pause(b.process)
      const inDoubt = a.mesh.request(b.machine.peer, ECHO, utf8('x'), { timeoutMs: 60_000 })
      await world.kernel.sleep(10)
      const oldPeer = new RawPeer(world, { ...b.machine, boot: 1 })
      b.machine.host.listeners.clear()
      const again = await startEcho(world, b.machine)
      world.introduce(a, again)
      again.mesh.connect(a.machine.peer)
      await assert.rejects(
        inDoubt,
        (e) => isAtollError(e, 'UNREACHABLE') && e.outcome === 'unknown',
      )
      assert.deepEqual(kinds(a.evidence), ['connected', 'replaced', 'connected'])
      const [, replaced] = a.evidence
      assert.equal(replaced?.kind === 'replaced' && replaced.by.boot, 2)
      await world.until(() => again.evidence.length > 0, 'both know')
      await again.mesh.stop()
      await oldPeer.network.start((link) => link.abort()).catch(() => undefined)
      const stale = await oldPeer.dial(a.machine)
      stale.link.send(oldPeer.hello({ boot: 1 }))
      await world.until(() => stale.closed !== null, 'refused')
      assert.equal(decodeRefusal(stale.frames[0] as Uint8Array).code, 'CONFLICT')
      assert.deepEqual(kinds(a.evidence), ['connected', 'replaced', 'connected'])
    })
  })

  it('never gives an answer to another run of the asker', async () => {
    const world = new World('another run')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      let finish: (body: Uint8Array) => void = () => undefined
      const b = await world.start(n, {
        before: (mesh) =>
          mesh.handle(
            ECHO,
            () =>
              new Promise((resolve) => {
                finish = resolve
              }),
          ),
      })
      const a = await startEcho(world, m)
      world.introduce(a, b)
      a.mesh.request(n.peer, ECHO, utf8('old'), TIMEOUT).catch(() => undefined)
      await world.kernel.sleep(50)
      const finishOld = finish
      world.kill(a)
      const again = await startEcho(world, m)
      world.introduce(again, b)
      // Its first request has the same id as the first of the run before.
      const call = again.mesh.request(n.peer, ECHO, utf8('new'), TIMEOUT)
      await world.until(() => finish !== finishOld, 'the new request arrives')
      finishOld(utf8('answer to old'))
      await world.kernel.sleep(20)
      finish(utf8('answer to new'))
      assert.equal(utf8ToText(await call), 'answer to new')
    })
  })

  it('follows a reconnect that finds nobody', async () => {
    const world = new World('reconnect')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      const inDoubt = a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      await world.kernel.sleep(0.05)
      a.mesh.reconnect(b.machine.peer)
      await assert.rejects(
        inDoubt,
        (e) => isAtollError(e, 'UNREACHABLE') && e.outcome === 'unknown',
      )
      await world.until(() => a.evidence.length === 2, 'connected again')
      assert.deepEqual(kinds(a.evidence), ['connected', 'connected'])
      b.machine.host.listeners.clear()
      a.mesh.reconnect(b.machine.peer)
      await world.until(() => a.evidence.length === 3, 'refused')
      assert.deepEqual(kinds(a.evidence), ['connected', 'connected', 'refused'])
    })
  })

  it('does not loop with a peer that says hello and breaks', async () => {
    const world = new World('hello and break')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await startEcho(world, m)
      const raw = new RawPeer(world, n)
      let accepted = 0
      await raw.network.start((link) => {
        accepted++
        link.open({
          onFrame: () => {
            link.send(raw.hello())
            raw.network.schedule(() => link.abort(), 2000)
          },
          onDrain: () => undefined,
          onClose: () => undefined,
        })
      })
      a.mesh.learnAddresses(n.peer, [world.addressOf(n)])
      a.mesh.connect(n.peer)
      await world.kernel.sleep(60_000)
      assert.ok(accepted > 3 && accepted < 30, `${accepted} links in a minute`)
    })
  })
})

describe('gossip', () => {
  it('sends probes before rumours, and drops the oldest rumours first', async () => {
    const world = new World('order')
    await world.run(async () => {
      const [a, b] = await pair(world)
      const { peer } = b.machine
      for (let i = 0; i < 60; i++) a.mesh.sendGossip(peer, utf8(`r${i}`), 'rumour')
      for (let i = 0; i < 10; i++) a.mesh.sendGossip(peer, utf8(`p${i}`), 'probe')
      await world.until(() => b.gossip.length > 0, 'gossip')
      const texts = b.gossip.map(({ message }) => utf8ToText(message))
      const probes = Array.from({ length: 10 }, (_, i) => `p${i}`)
      const rumours = Array.from({ length: 54 }, (_, i) => `r${i + 6}`)
      assert.deepEqual(texts, [...probes, ...rumours])
      assert.equal(b.gossip[0]?.from.peer, a.machine.peer)
    })
  })

  it('keeps the newest probes when there are only probes', async () => {
    const world = new World('probes')
    await world.run(async () => {
      const [a, b] = await pair(world)
      for (let i = 0; i < 70; i++) a.mesh.sendGossip(b.machine.peer, utf8(`p${i}`), 'probe')
      await world.until(() => b.gossip.length > 0, 'gossip')
      const texts = b.gossip.map(({ message }) => utf8ToText(message))
      assert.deepEqual(
        texts,
        Array.from({ length: 64 }, (_, i) => `p${i + 6}`),
      )
    })
  })

  it('holds a bounded number of bytes for a peer that does not read, and never waits', async () => {
    const world = new World('bytes')
    await world.run(async () => {
      const [a, b] = await pair(world)
      a.mesh.connect(b.machine.peer)
      await world.until(() => a.evidence.length > 0, 'connected')
      world.kernel.pause(b.process)
      for (let i = 0; i < 200; i++) {
        a.mesh.sendGossip(b.machine.peer, new Uint8Array(60_000).fill(i), 'rumour')
        await world.kernel.sleep(1)
      }
      a.mesh.sendGossip(b.machine.peer, new Uint8Array(300_000), 'probe')
      a.mesh.sendGossip(b.machine.peer, utf8('p'), 'probe')
      world.kernel.resume(b.process)
      await world.kernel.sleep(500)
      assert.ok(b.gossip.length < 60, `${b.gossip.length} of 200 arrive late`)
      assert.equal(b.gossip.filter(({ message }) => message[0] === 199).length, 1)
      assert.equal(b.gossip.filter(({ message }) => message.length === 1).length, 1)
      const tooLarge = a.log.filter(({ event }) => event === 'mesh.datagram-too-large')
      assert.equal(tooLarge.length, 1)
    })
  })

  it('drops what waits for a peer that cannot be reached', async () => {
    const world = new World('stale')
    await world.run(async () => {
      const [a, b] = await pair(world)
      world.kill(b)
      a.mesh.sendGossip(b.machine.peer, utf8('old'), 'probe')
      await world.kernel.sleep(20)
      const again = await startEcho(world, b.machine)
      world.introduce(a, again)
      a.mesh.sendGossip(b.machine.peer, utf8('new'), 'probe')
      await world.until(() => again.gossip.length > 0, 'gossip')
      assert.deepEqual(
        again.gossip.map(({ message }) => utf8ToText(message)),
        ['new'],
      )
    })
  })

  it('survives a listener that throws', async () => {
    const world = new World('throws')
    await world.run(async () => {
      const [a, b] = await pair(world)
      b.mesh.onGossip(() => {
        throw new Error('a defect')
      })
      a.mesh.sendGossip(b.machine.peer, utf8('x'), 'probe')
      await world.until(() => b.log.some(({ event }) => event === 'mesh.listener-failed'), 'a line')
      assert.ok(a.network instanceof SimNetwork)
    })
  })
})
