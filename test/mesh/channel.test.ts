import assert from 'node:assert/strict'
import fc from 'fast-check'
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { utf8, utf8ToText } from '../../src/base/bytes.ts'
import { BODY_BYTES_MAX, PART_BYTES } from '../../src/mesh/limits.ts'
import type { RequestHandler } from '../../src/mesh/mesh.ts'
import { WireError } from '../../src/wire/codec.ts'
import { FRAME, MESSAGE } from '../../src/wire/frames.ts'
import { writeVarint } from '../../src/wire/varint.ts'
import { ECHO, is, kinds, OTHER, pair, TIMEOUT } from './echo.ts'
import { RawPeer } from './raw-peer.ts'
import { type Machine, type Running, World } from './world.ts'

/** A node, and beside it a peer of frames that the node has dialled and greeted. */
async function besideRaw(world: World): Promise<[Running, RawPeer]> {
  const [m, n] = world.machines('m', 'n') as [Machine, Machine]
  const a = await world.start(m)
  const raw = await new RawPeer(world, n).start()
  a.mesh.learnAddresses(n.peer, [world.addressOf(n)])
  return [a, raw]
}

async function greet(world: World, raw: RawPeer, index = 0): Promise<void> {
  await world.until(() => (raw.accepted[index]?.frames.length ?? 0) > 0, 'the hello of the node')
  raw.accepted[index]?.link.send(raw.hello())
}

function answer(id: number, ...body: readonly number[]): Uint8Array {
  const head = new Uint8Array(12)
  head[0] = MESSAGE.ANSWER
  const at = writeVarint(head, writeVarint(head, 1, id), body.length)
  return Uint8Array.of(FRAME.BATCH, ...head.subarray(0, at), ...body)
}

describe('channel', () => {
  it('sends the requests of one turn in one frame', async () => {
    const world = new World('batch')
    await world.run(async () => {
      const [a, raw] = await besideRaw(world)
      const calls = [1, 2, 3].map((i) =>
        a.mesh.request(raw.machine.peer, ECHO, utf8(`${i}`), TIMEOUT),
      )
      await greet(world, raw)
      const [link] = raw.accepted
      await world.until(() => (link?.frames.length ?? 0) > 1, 'requests')
      assert.deepEqual(link?.tags, [FRAME.HELLO, FRAME.BATCH])
      for (const [i, call] of calls.entries()) {
        link?.link.send(answer(i + 1, 65 + i))
        assert.deepEqual([...(await call)], [65 + i])
      }
      const more = [4, 5, 6].map((i) =>
        a.mesh.request(raw.machine.peer, ECHO, utf8(`${i}`), TIMEOUT),
      )
      await world.until(() => (link?.frames.length ?? 0) > 2, 'more requests')
      await world.kernel.sleep(10)
      assert.deepEqual(link?.tags, [FRAME.HELLO, FRAME.BATCH, FRAME.BATCH], 'on an open link too')
      for (const i of [6, 5, 4]) link?.link.send(answer(i, i))
      assert.deepEqual(
        (await Promise.all(more)).map(([i]) => i),
        [4, 5, 6],
      )
    })
  })

  it('carries bodies of every size around every bound', async () => {
    const world = new World('sizes')
    await world.run(async () => {
      const [a, b] = await pair(world)
      const around = [0, 127, 128, 16_383, 16_384, PART_BYTES, PART_BYTES * 2, BODY_BYTES_MAX]
      const sizes = around.flatMap((size) => [size - 20, size - 1, size, size + 1])
      const inRange = sizes.filter((size) => size >= 0 && size <= BODY_BYTES_MAX)
      const small = inRange.filter((size) => size < 1_000_000)
      for (const batch of [small, [...small].reverse(), inRange.slice(-3)]) {
        const bodies = batch.map((size) => world.random.bytes(Math.min(size, 99)))
        const sent = bodies.map((head, i) => Buffer.alloc(batch[i] ?? 0, head))
        const calls = sent.map((body) =>
          a.mesh.request(b.machine.peer, ECHO, body, { timeoutMs: 9e3 }),
        )
        const got = await Promise.all(calls)
        for (const [i, body] of got.entries()) assert.ok(sent[i]?.equals(body), `${body.length}`)
      }
      const over = a.mesh.request(b.machine.peer, ECHO, new Uint8Array(BODY_BYTES_MAX + 1), TIMEOUT)
      await assert.rejects(over, is('TOO_LARGE', 'not-applied'))
    })
  })

  it('lets small requests pass between the parts of large ones', async () => {
    const world = new World('between')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      world.fabric.options = { ...world.fabric.options, bytesPerMs: 10_000, tailChance: 0 }
      const done: string[] = []
      const large = new Uint8Array(4_000_000)
      const options = { timeoutMs: 60_000 }
      const calls = [large, large, large].map(async (body) => {
        await a.mesh.request(b.machine.peer, ECHO, body, options)
        done.push('large')
      })
      await world.kernel.sleep(1)
      calls.push(
        a.mesh.request(b.machine.peer, ECHO, utf8('x'), options).then(() => {
          done.push('small')
        }),
      )
      await Promise.all(calls)
      assert.deepEqual(done, ['small', 'large', 'large', 'large'])
    })
  })

  it('times out: unknown when it was sent, not applied when it never left', async () => {
    const world = new World('times out')
    await world.run(async () => {
      const [a, b] = await pair(world, { [OTHER]: () => new Promise(() => undefined) })
      const startMs = world.kernel.nowMs
      const sent = a.mesh.request(b.machine.peer, OTHER, utf8('x'), TIMEOUT)
      await assert.rejects(sent, is('TIMEOUT', 'unknown'))
      const tookMs = world.kernel.nowMs - startMs
      assert.ok(tookMs >= 1000 && tookMs < 1025, `${tookMs}`)
      world.kernel.pause(b.process)
      const stuck = a.mesh.request(b.machine.peer, ECHO, utf8('x'), {
        ...TIMEOUT,
        trafficClass: 'bulk',
      })
      await assert.rejects(stuck, is('TIMEOUT', 'not-applied'))
    })
  })

  it('takes a late answer, a repeated one and one to nothing for nothing', async () => {
    const world = new World('late')
    await world.run(async () => {
      const [a, raw] = await besideRaw(world)
      const send = (text: string, timeoutMs: number): Promise<Uint8Array> =>
        a.mesh.request(raw.machine.peer, ECHO, utf8(text), { timeoutMs })
      const late = send('late', 100)
      await greet(world, raw)
      await assert.rejects(late, is('TIMEOUT', 'unknown'))
      const next = send('next', 1000)
      await world.kernel.sleep(10)
      const link = raw.accepted[0]?.link
      link?.send(answer(1, 1))
      link?.send(answer(77, 2))
      link?.send(answer(2, 3))
      link?.send(answer(2, 4))
      assert.deepEqual([...(await next)], [3])
      await world.kernel.sleep(10)
      assert.equal(raw.accepted[0]?.closed, null)
    })
  })

  it('cancels: before it is sent it never is, after it the outcome is unknown', async () => {
    const world = new World('cancels')
    await world.run(async () => {
      let served = 0
      const [a, b] = await pair(world, {
        [OTHER]: () => {
          served++
          return new Promise(() => undefined)
        },
      })
      const controller = new AbortController()
      const { signal } = controller
      const options = { ...TIMEOUT, signal }
      const early = a.mesh.request(b.machine.peer, OTHER, utf8('x'), options)
      const beside = a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      controller.abort()
      await assert.rejects(early, is('CANCELLED', 'not-applied'))
      const never = a.mesh.request(b.machine.peer, OTHER, utf8('x'), options)
      await assert.rejects(never, is('CANCELLED', 'not-applied'))
      await beside
      assert.equal(served, 0)
      const second = new AbortController()
      const late = a.mesh.request(b.machine.peer, OTHER, utf8('x'), {
        ...TIMEOUT,
        signal: second.signal,
      })
      await world.until(() => served === 1, 'the request arrives')
      second.abort()
      await assert.rejects(late, is('CANCELLED', 'unknown'))
      assert.equal(served, 1)
    })
  })

  it('gives a large request up in mid-way, and the next one is whole', async () => {
    const world = new World('mid-way')
    await world.run(async () => {
      const [a, b] = await pair(world)
      await a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      world.fabric.options = { ...world.fabric.options, bytesPerMs: 1000 }
      const controller = new AbortController()
      const options = { timeoutMs: 60_000, signal: controller.signal }
      const given = a.mesh.request(b.machine.peer, ECHO, new Uint8Array(4_000_000), options)
      await world.kernel.sleep(5)
      controller.abort()
      await assert.rejects(given, is('CANCELLED', 'unknown'))
      const body = world.random.bytes(100_000)
      const got = await a.mesh.request(b.machine.peer, ECHO, body, { timeoutMs: 60_000 })
      assert.ok(Buffer.from(got).equals(body))
    })
  })

  it('brings the errors of handlers over, and calls defects INTERNAL', async () => {
    const world = new World('errors')
    const thrown: readonly unknown[] = [
      new AtollError('CONFLICT', 'it is taken', { outcome: 'applied', hint: 'look' }),
      new Error('a defect'),
      new WireError('bad body'),
      new AtollError('STOPPED', 'the database is closed', { outcome: 'unknown' }),
    ]
    await world.run(async () => {
      const handler: RequestHandler = (_from, body) => {
        const error = thrown[Number(utf8ToText(body)?.slice(1))]
        if (body[0] === 0x73) throw error
        return Promise.reject(error as Error)
      }
      const [a, b] = await pair(world, { [OTHER]: handler })
      for (const how of ['s', 'a']) {
        const call = (i: number): Promise<Uint8Array> =>
          a.mesh.request(b.machine.peer, OTHER, utf8(`${how}${i}`), TIMEOUT)
        await assert.rejects(call(0), (error) => {
          assert.ok(is('CONFLICT', 'applied', /^it is taken$/)(error))
          return isAtollError(error) && error.hint === 'look'
        })
        await assert.rejects(call(1), is('INTERNAL', 'unknown', /a defect/))
        await assert.rejects(call(2), is('USAGE', 'not-applied', /bad body/))
        await assert.rejects(call(3), is('UNREACHABLE', 'unknown', /database is closed/))
      }
      const unknown = a.mesh.request(b.machine.peer, 4242, utf8('x'), TIMEOUT)
      await assert.rejects(unknown, is('UNSUPPORTED', 'not-applied', /4242/))
      assert.equal(b.log.filter(({ event }) => event === 'mesh.handler-failed').length, 4)
      const huge: RequestHandler = () => new Uint8Array(BODY_BYTES_MAX + 1)
      b.mesh.handle(OTHER, huge)
      const over = a.mesh.request(b.machine.peer, OTHER, utf8('x'), TIMEOUT)
      await assert.rejects(over, is('TOO_LARGE', 'unknown'))
    })
  })

  it('serves itself without a network', async () => {
    const world = new World('self')
    await world.run(async () => {
      const [, b] = await pair(world, {
        [OTHER]: () => {
          throw new AtollError('CONFLICT', 'no')
        },
      })
      const self = b.machine.peer
      assert.deepEqual(await b.mesh.request(self, ECHO, utf8('x'), TIMEOUT), utf8('x'))
      await assert.rejects(
        b.mesh.request(self, OTHER, utf8('x'), TIMEOUT),
        is('CONFLICT', 'not-applied'),
      )
      await assert.rejects(
        b.mesh.request(self, 4242, utf8('x'), TIMEOUT),
        is('UNSUPPORTED', 'not-applied'),
      )
    })
  })

  it('drops a link whose frames make no sense, whatever they are, and lives on', async () => {
    const world = new World('garbage')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await world.start(m, { before: (mesh) => mesh.handle(ECHO, (_f, body) => body) })
      const raw = await new RawPeer(world, n).start()
      const request = fc
        .tuple(
          fc.nat(3),
          fc.maxSafeNat(),
          fc.nat(2000),
          fc.nat(300),
          fc.uint8Array({ maxLength: 30 }),
        )
        .map(([tag, id, kind, length, body]) => {
          const head = new Uint8Array(40)
          let at = writeVarint(head, 0, tag)
          at = writeVarint(head, at, id)
          if (tag === MESSAGE.REQUEST) at = writeVarint(head, at, kind)
          at = writeVarint(head, at, length % 2 === 0 ? body.length : length)
          return Uint8Array.of(...head.subarray(0, at), ...body)
        })
      const frame = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        fc
          .array(request, { maxLength: 4 })
          .map((all) => Buffer.concat([Uint8Array.of(FRAME.BATCH), ...all])),
        fc
          .tuple(fc.nat(2), fc.nat(5_000_000), fc.uint8Array({ maxLength: 30 }))
          .map(([first, total, rest]) => {
            const head = new Uint8Array(12)
            head[0] = FRAME.PART
            head[1] = first
            return Buffer.concat([head.subarray(0, writeVarint(head, 2, total)), rest])
          }),
        fc
          .tuple(
            fc.constantFrom(FRAME.FIN, FRAME.REFUSAL, FRAME.HELLO),
            fc.uint8Array({ maxLength: 9 }),
          )
          .map(([tag, rest]) => Uint8Array.of(tag, ...rest)),
      )
      const samples = fc.sample(fc.array(frame, { minLength: 1, maxLength: 6 }), {
        numRuns: 150,
        seed: 7,
      })
      for (const frames of samples) {
        const trafficClass = world.random.pick(['gossip', 'request', 'bulk'] as const)
        const link = await raw.greeted(m, trafficClass)
        for (const each of frames) link.link.send(each)
        await world.kernel.sleep(5)
        link.link.abort()
      }
      const last = await raw.greeted(m)
      last.link.send(Uint8Array.of(FRAME.BATCH, MESSAGE.REQUEST, 9, 0xe8, 0x07, 1, 66))
      await world.until(() => last.frames.length > 0, 'an answer')
      assert.deepEqual([...(last.frames[0] ?? [])], [FRAME.BATCH, MESSAGE.ANSWER, 9, 1, 66])
      assert.ok(a.log.some(({ event }) => event === 'mesh.refused'))
    })
  })

  it('stops: rejects what is under way, waits for handlers and sends their answers', async () => {
    const world = new World('stops')
    await world.run(async () => {
      let finish: (body: Uint8Array) => void = () => undefined
      const [a, b] = await pair(world, {
        [OTHER]: () =>
          new Promise((resolve) => {
            finish = resolve
          }),
      })
      const answered = a.mesh.request(b.machine.peer, OTHER, utf8('x'), TIMEOUT)
      await world.kernel.sleep(50)
      const stopped = b.mesh.stop()
      await world.kernel.sleep(100)
      const refused = a.mesh.request(b.machine.peer, ECHO, utf8('x'), TIMEOUT)
      await assert.rejects(refused, is('UNREACHABLE', 'not-applied', /is stopping/))
      finish(utf8('done'))
      assert.equal(utf8ToText(await answered), 'done')
      await stopped
      await world.kernel.sleep(50)
      assert.deepEqual(kinds(a.evidence), ['connected'], 'a farewell is no reset')
      assert.equal(b.process.pendingTimers, 0, 'no timer is left')
      await assert.rejects(
        b.mesh.request(a.machine.peer, ECHO, utf8('x'), TIMEOUT),
        is('STOPPED', 'not-applied'),
      )
      b.mesh.sendGossip(a.machine.peer, utf8('x'), 'probe')
      b.mesh.connect(a.machine.peer)
      assert.equal(b.process.pendingTimers, 0)
    })
  })

  it('stops although a handler never ends, with unknown outcome for what it had sent', async () => {
    const world = new World('stubborn')
    await world.run(async () => {
      const [a, b] = await pair(world, { [OTHER]: () => new Promise(() => undefined) })
      const call = a.mesh.request(b.machine.peer, OTHER, utf8('x'), { timeoutMs: 60_000 })
      const back = world.kernel.sleep(100).then(() => b.mesh.stop())
      await assert.rejects(call, is('UNREACHABLE', 'unknown'))
      await back
      const c = await world.start(world.machine('c'), {
        before: (mesh) => mesh.handle(OTHER, () => new Promise(() => undefined)),
      })
      world.introduce(a, c)
      const sent = a.mesh.request(c.machine.peer, OTHER, utf8('x'), { timeoutMs: 60_000 })
      await world.kernel.sleep(100)
      const unsent = a.mesh.request(c.machine.peer, OTHER, utf8('y'), { timeoutMs: 60_000 })
      const results = Promise.allSettled([sent, unsent])
      await a.mesh.stop()
      const [one, two] = await results
      assert.ok(one.status === 'rejected' && is('STOPPED', 'unknown')(one.reason))
      assert.ok(two.status === 'rejected' && is('STOPPED', 'unknown')(two.reason))
      assert.equal(a.process.pendingTimers, 0)
      await a.mesh.stop()
    })
  })

  it('refuses time-outs that make no sense', async () => {
    const world = new World('usage')
    await world.run(async () => {
      const [a, b] = await pair(world)
      for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const call = a.mesh.request(b.machine.peer, ECHO, utf8('x'), { timeoutMs })
        await assert.rejects(call, is('USAGE', 'not-applied'))
      }
    })
  })
})
