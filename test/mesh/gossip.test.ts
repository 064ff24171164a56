import assert from 'node:assert/strict'
import { utf8, utf8ToText } from '../../src/base/bytes.ts'
import { pair, startEcho } from './echo.ts'
import { World } from './world.ts'

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
    })
  })
})
