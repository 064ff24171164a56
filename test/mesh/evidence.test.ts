import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { utf8, utf8ToText } from '../../src/base/bytes.ts'
import { decodeRefusal } from '../../src/mesh/hello.ts'
import { ECHO, kinds, pair, startEcho, TIMEOUT } from './echo.ts'
import { RawPeer } from './raw-peer.ts'
import { type Machine, World } from './world.ts'

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
      for (let i = 0; i < 20; i++) {
        await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT).catch(() => undefined)
        await world.kernel.sleep(500)
      }
      assert.deepEqual(kinds(a.evidence), ['connected', 'reset', 'refused'])
    })
  })

  it('does not call a machine that is silent refused', async () => {
    const world = new World('silent')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      await world.kernel.sleep(2000)
      b.machine.host.powered = false
      for (const connection of a.network.connections) {
        connection.reset(connection.socketOf(a.network), 'reset')
      }
      await world.kernel.sleep(30_000)
      assert.deepEqual(kinds(a.evidence), ['connected', 'reset'])
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
      // And a copy of the directory, which has started as often as the original.
      const copy = await oldPeer.dial(a.machine)
      copy.link.send(oldPeer.hello({ boot: 2, run: 77 }))
      await world.until(() => copy.closed !== null, 'refused as well')
      assert.match(
        decodeRefusal(copy.frames[0] as Uint8Array).message,
        /two processes speak as its start 2/,
      )
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
