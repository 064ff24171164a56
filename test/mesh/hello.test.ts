import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isAtollError } from '../../src/base/errors.ts'
import { AdmissionKey } from '../../src/mesh/admission-key.ts'
import { issueCertificate } from '../../src/mesh/certificate.ts'
import { decodeHello, decodeRefusal, encodeHello, examineHello } from '../../src/mesh/hello.ts'
import { HELLO_BYTES_MAX } from '../../src/mesh/limits.ts'
import { WireError } from '../../src/wire/codec.ts'
import { FRAME } from '../../src/wire/frames.ts'
import { RawPeer } from './raw-peer.ts'
import { type Machine, World } from './world.ts'

const ECHO = 1000

describe('hello', () => {
  it('carries everything there and back, however many addresses are given', () => {
    const world = new World('codec')
    const facts = world.facts(world.machine('a'))
    const addresses = ['/ip4/10.0.0.1/tcp/4001', '/dns4/a.example/tcp/1']
    const hello = decodeHello(encodeHello(facts, addresses))
    assert.deepEqual(hello, { ...facts, versions: { min: 1, max: 1 }, addresses })
    const many = Array.from({ length: 100 }, (_, i) => `/dns4/${'x'.repeat(100)}${i}/tcp/4001`)
    const frame = encodeHello(facts, many)
    assert.ok(frame.length <= HELLO_BYTES_MAX)
    assert.ok(decodeHello(frame).addresses.length >= 10)
  })

  it('is read without the runs of earlier starts, as it was told before there were such', () => {
    const world = new World('before')
    const self = { ...world.facts(world.machine('a')), past: [] }
    const frame = encodeHello(self, ['/ip4/10.0.0.1/tcp/4001'])
    assert.deepEqual(decodeHello(frame.subarray(0, -1)), decodeHello(frame))
  })

  it('throws nothing but WireError at any garbage, and AtollError when examined', () => {
    const world = new World('garbage')
    const machine = world.machine('a')
    const self = world.facts(machine)
    const good = encodeHello(self, ['/ip4/10.0.0.1/tcp/4001'])
    const damaged = fc
      .tuple(fc.nat(good.length), fc.nat(good.length), fc.uint8Array({ maxLength: 20 }))
      .map(([from, length, put]) =>
        Buffer.concat([good.subarray(0, from), put, good.subarray(from + length)]),
      )
    const garbage = fc.uint8Array({ maxLength: 6000 })
    fc.assert(
      fc.property(fc.oneof(garbage, damaged), (frame) => {
        try {
          decodeHello(frame)
        } catch (error) {
          assert.ok(error instanceof WireError)
        }
        try {
          examineHello(frame, machine.peer, self, machine.hostClock.wallMs())
        } catch (error) {
          assert.ok(isAtollError(error))
        }
      }),
      { numRuns: 500 },
    )
  })

  const facts = { role: 'member', issuedMs: 1.89e12, expiresMs: 1.9e12 } as const
  const bad: readonly (readonly [string, string, (world: World, raw: RawPeer) => Uint8Array])[] = [
    ['another cluster', 'WRONG_CLUSTER', (_w, raw) => raw.hello({ clusterId: 'a'.repeat(26) })],
    [
      'a certificate of another cluster',
      'WRONG_CLUSTER',
      (world, raw) => {
        const key = AdmissionKey.generate(world.random)
        return raw.hello({
          certificate: issueCertificate(key, { ...facts, peer: raw.network.self }),
        })
      },
    ],
    [
      'the certificate of another peer',
      'DENIED',
      (world, raw) => raw.hello({ certificate: world.facts(world.machine('other')).certificate }),
    ],
    [
      'an expired certificate',
      'DENIED',
      (world, raw) => {
        const long = { ...facts, peer: raw.network.self, expiresMs: 1.891e12 - 1e9 }
        return raw.hello({ certificate: issueCertificate(world.key, { ...long, issuedMs: 0 }) })
      },
    ],
    ['no certificate', 'DENIED', (_w, raw) => raw.hello({ certificate: new Uint8Array(0) })],
    ['a role that it has not', 'DENIED', (_w, raw) => raw.hello({ role: 'edge', storageId: '' })],
    ['no disk, as a member', 'DENIED', (_w, raw) => raw.hello({ storageId: '' })],
    [
      'only wire versions to come',
      'UNSUPPORTED',
      (world, raw) => encodeHello(world.facts(raw.machine), [], { min: 2, max: 9 }),
    ],
    ['a hello that is too large', 'DENIED', (_w, raw) => Buffer.alloc(5000, raw.hello())],
    ['a request instead', 'DENIED', () => Uint8Array.of(FRAME.BATCH, 1, 1, 1, 0)],
    ['nothing', 'DENIED', () => new Uint8Array(0)],
  ]

  for (const [what, code, hello] of bad) {
    it(`refuses ${what} with ${code}, says so and closes`, async () => {
      const world = new World(what)
      await world.run(async () => {
        const [m, n] = world.machines('m', 'n') as [Machine, Machine]
        let served = 0
        const a = await world.start(m, {
          before: (mesh) => mesh.handle(ECHO, (_f, b) => (served++, b)),
        })
        const raw = await new RawPeer(world, n).start()
        const link = await raw.dial(m)
        link.link.send(hello(world, raw))
        link.link.send(Uint8Array.of(FRAME.BATCH, 1, 1, 0xe8, 0x07, 1, 9))
        await world.until(() => link.closed !== null, 'the link is closed')
        assert.deepEqual(link.tags, [FRAME.REFUSAL])
        assert.equal(decodeRefusal(link.frames[0] as Uint8Array).code, code)
        assert.deepEqual(a.refused, [`${n.peer} ${code}`])
        assert.deepEqual([a.evidence, served], [[], 0])
        assert.equal(a.log.filter(({ event }) => event === 'mesh.refused').length, 1)
      })
    })
  }

  it('delivers nothing that comes before the hello', async () => {
    const world = new World('before')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      let served = 0
      const a = await world.start(m, {
        before: (mesh) => mesh.handle(ECHO, (_f, b) => (served++, b)),
      })
      const raw = await new RawPeer(world, n).start()
      for (const trafficClass of ['gossip', 'request', 'bulk'] as const) {
        const link = await raw.dial(m, trafficClass)
        link.link.send(Uint8Array.of(FRAME.DATAGRAMS, 1, 65))
        link.link.send(Uint8Array.of(FRAME.BATCH, 1, 1, 0xe8, 0x07, 0))
        link.link.send(raw.hello())
        await world.until(() => link.closed !== null, 'the link is closed')
      }
      assert.deepEqual([a.gossip, served, a.evidence], [[], 0, []])
    })
  })

  it('waits for a hello for five seconds and no longer', async () => {
    const world = new World('silent')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      await world.start(m)
      const raw = await new RawPeer(world, n).start()
      const link = await raw.dial(m)
      await world.kernel.sleep(4900)
      assert.equal(link.closed, null)
      await world.kernel.sleep(200)
      assert.equal(link.closed, 'reset')
    })
  })

  it('keeps a bounded number of silent links', async () => {
    const world = new World('crowd')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      await world.start(m)
      const raw = await new RawPeer(world, n).start()
      const links = []
      for (let i = 0; i < 260; i++) links.push(await raw.dial(m))
      await world.kernel.sleep(100)
      assert.equal(links.filter(({ closed }) => closed === null).length, 256)
    })
  })

  it('tells the caller why it was refused', async () => {
    const world = new World('told')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await world.start(m, { gate: () => 'DENIED' })
      const b = await world.start(n)
      world.introduce(a, b)
      await assert.rejects(
        b.mesh.request(m.peer, ECHO, new Uint8Array(1), { timeoutMs: 1000 }),
        (e) =>
          isAtollError(e, 'DENIED') && e.outcome === 'not-applied' && /not welcome/.test(e.message),
      )
      assert.deepEqual(b.refused, [`${m.peer} DENIED`])
      assert.deepEqual(b.evidence, [])
    })
  })

  it('refuses who accepted the call, too', async () => {
    const world = new World('dialler')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await world.start(m)
      const b = await world.start(n, { gate: () => 'DENIED' })
      world.introduce(a, b)
      const call = b.mesh.request(m.peer, ECHO, new Uint8Array(1), { timeoutMs: 1000 })
      await assert.rejects(call, (e) => isAtollError(e, 'DENIED'))
      await world.until(() => a.refused.length > 0, 'the other side is told')
      assert.deepEqual(a.refused, [`${n.peer} DENIED`])
    })
  })

  it('takes an edge, which has no disk', async () => {
    const world = new World('edge')
    await world.run(async () => {
      const [m, n] = world.machines('m', 'n') as [Machine, Machine]
      const a = await world.start(m, {
        before: (mesh) => mesh.handle(ECHO, (from) => Buffer.from(from.role)),
      })
      const b = await world.start(n, { role: 'edge' })
      world.introduce(a, b)
      const answer = await b.mesh.request(m.peer, ECHO, new Uint8Array(1), { timeoutMs: 1000 })
      assert.equal(Buffer.from(answer).toString(), 'edge')
    })
  })
})
