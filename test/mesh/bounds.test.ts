import assert from 'node:assert/strict'
import { isAtollError } from '../../src/base/errors.ts'
import { utf8 } from '../../src/base/bytes.ts'
import {
  BODY_BYTES_MAX,
  IN_FLIGHT_MAX,
  PEERS_MAX,
  QUEUED_BYTES_MAX,
} from '../../src/mesh/limits.ts'
import { FRAME, MESSAGE } from '../../src/wire/frames.ts'
import { ECHO, is, OTHER, pair, startEcho, TIMEOUT } from './echo.ts'
import { RawPeer } from './raw-peer.ts'
import { type Machine, World } from './world.ts'

describe('bounds', () => {
  it('rejects what is over its bounds with BUSY, and takes more when there is room', async () => {
    const world = new World('busy')
    await world.run(async () => {
      const [a, b] = await pair(world, { [OTHER]: () => new Promise(() => undefined) })
      const send = (body: Uint8Array, kind = ECHO): Promise<Uint8Array> =>
        a.mesh.request(b.machine.peer, kind, body, { timeoutMs: 2000 })
      const calls = Array.from({ length: IN_FLIGHT_MAX }, () => send(utf8('x')))
      await assert.rejects(send(utf8('y')), is('BUSY', 'not-applied'))
      await Promise.all(calls)
      const big = new Uint8Array(QUEUED_BYTES_MAX / 4 - 100_000)
      const some = [big, big, big, big].map((body) => send(body))
      await assert.rejects(send(big), is('BUSY', 'not-applied'))
      await Promise.all(some)
      // What the other side serves is bounded as well: 4096 that never end, and one more.
      const stuck = Array.from({ length: IN_FLIGHT_MAX }, () => send(utf8('x'), OTHER))
      await Promise.allSettled(stuck)
      await assert.rejects(send(utf8('x'), OTHER), is('BUSY', 'not-applied', /has too many/))
      const c = await world.start(world.machine('c'))
      world.introduce(b, c)
      await c.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
    })
  })

  it('holds back from a peer that does not read, and fills its bound, not the link', async () => {
    const world = new World('holds back')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      world.kernel.pause(b.process)
      const body = new Uint8Array(60_000)
      const codes = new Map<string, number>()
      const calls: Promise<unknown>[] = []
      for (let i = 0; i < 500; i++) {
        const call = a.mesh.request(b.machine.peer, ECHO, body, { timeoutMs: 60_000 })
        const counted = call.then(
          () => 'ok',
          (error: unknown) => (isAtollError(error) ? error.code : 'other'),
        )
        calls.push(counted.then((code) => codes.set(code, (codes.get(code) ?? 0) + 1)))
        if (i % 20 === 0) await world.kernel.sleep(1)
      }
      world.kernel.resume(b.process)
      await Promise.all(calls)
      const [ok = 0, busy = 0] = [codes.get('ok'), codes.get('BUSY')]
      assert.equal(ok + busy, 500, JSON.stringify([...codes]))
      const mebibytes = (ok * 60_000) / 2 ** 20
      assert.ok(mebibytes > 15 && mebibytes < 19, `${mebibytes} MiB were taken`)
    })
  })

  it('bounds the bytes that it serves, and those of answers that nobody reads', async () => {
    const world = new World('bytes')
    await world.run(async () => {
      const [a, b] = await pair(world, { [OTHER]: () => new Promise(() => undefined) })
      const body = new Uint8Array(BODY_BYTES_MAX)
      const codes: string[] = []
      for (let i = 0; i < 17; i++) {
        a.mesh.request(b.machine.peer, OTHER, body, { timeoutMs: 60_000 }).catch((error) => {
          codes.push(isAtollError(error) ? error.code : 'other')
        })
        await world.kernel.sleep(100)
      }
      assert.deepEqual(codes, ['BUSY'], 'sixteen of 4 MiB and no more')

      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const megabyte = new Uint8Array(2 ** 20)
      await startEcho(world, m, { [OTHER]: () => megabyte })
      const raw = await new RawPeer(world, n).start()
      const link = await raw.greeted(m)
      world.kernel.pause(raw.network.process)
      for (let i = 0; i < 60; i++) {
        link.link.send(Uint8Array.of(FRAME.BATCH, MESSAGE.REQUEST, i, 0xe9, 0x07, 0))
      }
      await world.kernel.sleep(100)
      for (let i = 60; i < 70; i++) {
        link.link.send(Uint8Array.of(FRAME.BATCH, MESSAGE.REQUEST, i, 0xe9, 0x07, 0))
      }
      await world.kernel.sleep(100)
      world.kernel.resume(raw.network.process)
      await world.until(() => link.closed !== null, 'the link is dropped')
      assert.ok(link.frames.length < 40)
    })
  })

  it('remembers a bounded number of peers', async () => {
    const world = new World('peers')
    await world.run(async () => {
      const [a] = await pair(world)
      const send = (i: number): Promise<Uint8Array> =>
        a.mesh.request(`peer ${i}`, ECHO, utf8('x'), TIMEOUT)
      const calls = Array.from({ length: PEERS_MAX }, (_, i) => send(i))
      await assert.rejects(send(PEERS_MAX), is('BUSY', 'not-applied', /too many peers/))
      await Promise.allSettled(calls)
    })
  })
})
