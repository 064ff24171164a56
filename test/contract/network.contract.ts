/** What every network promises; run on libp2p and on the simulated one. */
import assert from 'node:assert/strict'
import {
  type CloseReason,
  type DialOptions,
  type FoundPeer,
  FRAME_BYTES_MAX,
  type Link,
  LINK_BUFFER_BYTES,
  type Network,
  type NetworkConfig,
  NetworkError,
  type NetworkErrorKind,
  type TrafficClass,
} from '../../src/seams/network.ts'

/** Collects what a link hears. */
export class Ear {
  readonly link: Link
  readonly frames: Uint8Array[] = []
  drains = 0
  readonly closed: CloseReason[] = []

  constructor(link: Link) {
    this.link = link
    link.open({
      onFrame: (frame) => this.frames.push(frame),
      onDrain: () => this.drains++,
      onClose: (reason) => this.closed.push(reason),
    })
  }

  get texts(): string[] {
    return this.frames.map((frame) => Buffer.from(frame).toString())
  }

  send(text: string): boolean {
    return this.link.send(Buffer.from(text))
  }
}

export interface TestPeer {
  readonly network: Network
  readonly accepted: Ear[]
}

export interface NetworkWorld {
  /** A started peer; `key` tells private networks apart. */
  start(key?: number, change?: Partial<NetworkConfig>): Promise<TestPeer>
  /** Made, not started. */
  make(change?: Partial<NetworkConfig>): TestPeer & { start(): Promise<void> }
  until(what: string, condition: () => boolean): Promise<void>
}

/** Runs the body where the network's packets travel, and stops every peer after it. */
export type WithNetworks = (body: (world: NetworkWorld) => Promise<void>) => Promise<void>

export async function dial(
  from: TestPeer,
  to: TestPeer,
  trafficClass: TrafficClass = 'request',
  options: Partial<DialOptions> = {},
): Promise<Ear> {
  const addresses = to.network.addresses()
  const all = { addresses, timeoutMs: 5000, ...options }
  return new Ear(await from.network.dial(to.network.self, trafficClass, all))
}

export async function refusal(dialling: Promise<unknown>): Promise<NetworkErrorKind> {
  const error = await dialling.then(
    () => assert.fail('the dial succeeded'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof NetworkError, String(error))
  return error.kind
}

/** Both ends of a new link. */
export async function pair(
  world: NetworkWorld,
  a: TestPeer,
  b: TestPeer,
  trafficClass: TrafficClass = 'request',
): Promise<readonly [Ear, Ear]> {
  const before = b.accepted.length
  const near = await dial(a, b, trafficClass)
  near.send('first')
  await world.until('accepted', () => b.accepted[before]?.frames.length === 1)
  const far = b.accepted[before]
  assert.ok(far !== undefined)
  far.frames.length = 0
  return [near, far]
}

const SOME_KEY = new Uint8Array(32).fill(99)

type TestOf = (what: string, body: (world: NetworkWorld) => Promise<void>) => void

export function networkContract(name: string, withNetworks: WithNetworks): void {
  const test: TestOf = (what, body) => {
    it(what, () => withNetworks(body))
  }
  describe(`network contract: ${name}`, () => {
    describe('links', () => linkTests(test))
    describe('ends', () => endTests(test))
    describe('dials', () => dialTests(test))
    describe('life', () => lifeTests(test))
  })
}

function linkTests(test: TestOf): void {
  test('carries frames whole and in order, both ways', async (world) => {
    const [near, far] = await pair(world, await world.start(), await world.start())
    const sent = Array.from({ length: 300 }, (_, i) => `${i}:${'x'.repeat((i * 37) % 1000)}`)
    for (const text of sent) near.send(text)
    for (const text of sent) far.send(`re:${text}`)
    await world.until('all', () => far.frames.length === 300 && near.frames.length === 300)
    assert.deepEqual(far.texts, sent)
    assert.deepEqual(
      near.texts,
      sent.map((text) => `re:${text}`),
    )
  })

  test('carries frames of every size up to the limit', async (world) => {
    const [near, far] = await pair(world, await world.start(), await world.start())
    const sizes = [0, 1, 127, 128, 16383, 16384, 65535, 65536, 65537, 2097152, FRAME_BYTES_MAX, 3]
    const sent = sizes.map((size, i) => new Uint8Array(size).fill(i))
    for (const frame of sent) near.link.send(frame)
    await world.until('all', () => far.frames.length === sizes.length)
    for (const [i, size] of sizes.entries()) {
      const frame = far.frames[i] ?? assert.fail()
      assert.equal(frame.length, size)
      assert.ok(frame.every((byte) => byte === i))
    }
    // A frame may go to many peers: nobody on the way may write into it.
    assert.ok(sent.every((frame, i) => frame.every((byte) => byte === i)))
  })

  test('says who is at the other end, and who dialled', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    for (const trafficClass of ['gossip', 'request', 'bulk', 'join'] as const) {
      const [near, far] = await pair(world, a, b, trafficClass)
      assert.deepEqual(
        [near.link.peer, near.link.trafficClass, near.link.inbound],
        [b.network.self, trafficClass, false],
      )
      assert.deepEqual(
        [far.link.peer, far.link.trafficClass, far.link.inbound],
        [a.network.self, trafficClass, true],
      )
    }
  })

  test('says when to hold back, and when to go on', async (world) => {
    const [near, far] = await pair(world, await world.start(), await world.start())
    const frame = new Uint8Array(64 * 1024)
    let sent = 1
    while (near.link.send(frame)) sent++
    const bytes = sent * frame.length
    assert.ok(bytes > LINK_BUFFER_BYTES && bytes < 16 * LINK_BUFFER_BYTES, `${bytes}`)
    assert.equal(near.drains, 0)
    await world.until('drained', () => near.drains === 1)
    assert.equal(near.send('go on'), true)
    await world.until('all', () => far.frames.length === sent + 1)
    assert.equal(near.drains, 1)
  })

  test('ends a link on a frame that is too large, and passes on no part of it', async (world) => {
    const [near, far] = await pair(world, await world.start(), await world.start())
    assert.equal(near.link.send(new Uint8Array(FRAME_BYTES_MAX + 1)), false)
    assert.deepEqual(near.closed, ['reset'], 'within the call: nothing of it was sent')
    await world.until('closed', () => near.closed.length > 0 && far.closed.length > 0)
    assert.deepEqual([near.closed, far.closed], [['reset'], ['reset']])
    assert.deepEqual(far.frames, [])
  })
}

function endTests(test: TestOf): void {
  test('flushes before it closes, and both sides hear of it once', async (world) => {
    const [near, far] = await pair(world, await world.start(), await world.start())
    const large = new Uint8Array(3_000_000)
    near.link.send(large)
    near.send('last words')
    near.link.close()
    assert.equal(near.send('too late'), false)
    await world.until('closed', () => near.closed.length > 0 && far.closed.length > 0)
    assert.deepEqual([near.closed, far.closed], [['closed'], ['closed']])
    assert.deepEqual([far.frames[0]?.length, far.texts[1]], [large.length, 'last words'])
    assert.equal(far.frames.length, 2)
    assert.equal(far.send('nobody is there'), false)
  })

  test('aborts at once, a reset for both sides', async (world) => {
    const [near, far] = await pair(world, await world.start(), await world.start())
    near.link.abort()
    assert.deepEqual(near.closed, ['reset'])
    assert.equal(near.send('too late'), false)
    near.link.abort()
    near.link.close()
    await world.until('closed', () => far.closed.length > 0)
    assert.deepEqual([near.closed, far.closed, far.frames], [['reset'], ['reset'], []])
  })

  test('keeps links apart: the end of one is not the end of another', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const [near, far] = await pair(world, a, b, 'bulk')
    const [kept, keptFar] = await pair(world, a, b, 'gossip')
    near.link.abort()
    await world.until('closed', () => far.closed.length > 0)
    kept.send('still here')
    await world.until('arrived', () => keptFar.frames.length === 1)
    assert.deepEqual([kept.closed, keptFar.closed], [[], []])
  })

  test('disconnects from a peer: every link, on both sides', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const ears = [...(await pair(world, a, b, 'bulk')), ...(await pair(world, a, b, 'gossip'))]
    a.network.disconnect(b.network.self)
    await world.until('closed', () => ears.every(({ closed }) => closed.length > 0))
    assert.deepEqual(
      ears.map(({ closed }) => closed),
      ears.map(() => ['reset']),
    )
    await pair(world, a, b)
  })
}

function dialTests(test: TestOf): void {
  test('says refused when nobody listens there', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const addresses = b.network.addresses()
    await b.network.stop()
    assert.equal(await refusal(dial(a, b, 'request', { addresses })), 'refused')
  })

  test('says unreachable when no address is known, or it makes no sense', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    assert.equal(await refusal(dial(a, b, 'request', { addresses: [] })), 'unreachable')
    assert.equal(await refusal(dial(a, b, 'request', { addresses: ['moon'] })), 'unreachable')
  })

  test('says denied when another peer answers', async (world) => {
    const [a, b, c] = [await world.start(), await world.start(), await world.start()]
    const addresses = c.network.addresses()
    assert.equal(await refusal(dial(a, b, 'request', { addresses })), 'denied')
    assert.equal(c.accepted.length, 0)
  })

  test('says denied when the other holds another network key', async (world) => {
    const [a, b] = [await world.start(1), await world.start(2)]
    assert.equal(await refusal(dial(a, b, 'request', { timeoutMs: 1000 })), 'denied')
    assert.equal(b.accepted.length, 0)
  })

  test('does not dial itself', async (world) => {
    const a = await world.start()
    assert.equal(await refusal(dial(a, a)), 'unreachable')
  })

  test('takes the address that leads to the peer, whatever the others do', async (world) => {
    const [a, b, c] = [await world.start(), await world.start(), await world.start()]
    const [good = ''] = b.network.addresses()
    const [other = ''] = c.network.addresses()
    const addresses = ['moon', other, `${other}/p2p/${c.network.self}`, good]
    await dial(a, b, 'request', { addresses })
  })

  test('remembers addresses, with the peer in them or without', async (world) => {
    const [a, b, c] = [await world.start(), await world.start(), await world.start()]
    a.network.learnAddresses(b.network.self, b.network.addresses())
    await dial(a, b, 'request', { addresses: [] })
    const named = c.network.addresses().map((address) => `${address}/p2p/${c.network.self}`)
    a.network.learnAddresses(c.network.self, named)
    await dial(a, c, 'request', { addresses: [] })
  })

  test('tries addresses without a word, and leaves what is open alone', async (world) => {
    const [a, b, c] = [await world.start(), await world.start(), await world.start()]
    const [here, there] = await pair(world, a, b)
    const trial = (to: TestPeer, addresses: readonly string[]): Promise<string> => {
      a.network.learnAddresses(to.network.self, addresses)
      return a.network.tryAddresses(to.network.self, 2000)
    }
    assert.equal(await a.network.tryAddresses(c.network.self, 2000), 'unreachable')
    assert.equal(await trial(c, ['moon']), 'unreachable')
    const addresses = c.network.addresses()
    assert.equal(await trial(c, addresses), 'open')
    assert.equal(await trial(b, b.network.addresses()), 'open')
    await c.network.stop()
    assert.equal(await a.network.tryAddresses(c.network.self, 2000), 'refused')
    here.send('still here')
    await world.until('arrived', () => there.frames.length === 1)
    assert.deepEqual([here.closed, there.closed, c.accepted.length], [[], [], 0])
    assert.equal(b.accepted.length, 1)
  })

  test('makes a new connection when a fresh one is asked for', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const [old] = await pair(world, a, b)
    const fresh = await dial(a, b, 'request', { fresh: true })
    fresh.send('hello')
    await world.until('arrived', () => b.accepted[1]?.frames.length === 1)
    assert.deepEqual([old.closed, fresh.closed], [[], []])
  })

  test('links two peers that dial each other at the same moment', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const ears = await Promise.all([dial(a, b), dial(b, a), dial(a, b, 'bulk'), dial(b, a, 'bulk')])
    for (const [i, ear] of ears.entries()) ear.send(`link ${i}`)
    const heard = (): string[] => [...a.accepted, ...b.accepted].flatMap(({ texts }) => texts)
    await world.until('all heard', () => heard().length === 4)
    assert.deepEqual(heard().sort(), ['link 0', 'link 1', 'link 2', 'link 3'])
  })
}

function lifeTests(test: TestOf): void {
  test('gives out addresses without the peer, or those that it is to announce', async (world) => {
    const a = await world.start()
    assert.ok(a.network.addresses().length > 0)
    for (const address of a.network.addresses()) assert.match(address, /^\/ip4\/[\d.]+\/tcp\/\d+$/)
    const announce = ['/ip4/192.0.2.7/tcp/4410']
    const b = await world.start(1, { announce })
    assert.deepEqual(b.network.addresses(), announce)
  })

  test('resets its links when it stops, and dials no more', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const [near, far] = await pair(world, a, b)
    const addresses = b.network.addresses()
    await Promise.all([b.network.stop(), b.network.stop()])
    await b.network.stop()
    await world.until('closed', () => near.closed.length > 0)
    assert.deepEqual([near.closed, far.closed], [['reset'], ['reset']])
    assert.equal(await refusal(dial(b, a)), 'stopped')
    assert.equal(await refusal(dial(a, b, 'request', { addresses })), 'refused')
  })

  test('starts once, and not after it was stopped', async (world) => {
    const a = world.make()
    await a.start()
    await assert.rejects(a.start(), { name: 'NetworkError', kind: 'stopped' })
    const b = world.make()
    await b.network.stop()
    await assert.rejects(b.start(), { name: 'NetworkError', kind: 'stopped' })
    assert.equal(await refusal(dial(b, a)), 'stopped')
  })

  test('says which address it cannot listen on', async (world) => {
    const a = await world.start()
    const [taken = ''] = a.network.addresses()
    await assert.rejects(world.make({ listen: [taken] }).start(), { code: 'ADDRESS_IN_USE' })
    await assert.rejects(world.make({ listen: ['moon'] }).start(), { code: 'CONFIG_INVALID' })
  })

  test('finds a peer through others, and the peers near a key', async (world) => {
    const [a, b, c] = [await world.start(), await world.start(), await world.start()]
    await pair(world, a, b)
    await pair(world, c, b)
    let found: readonly string[] = []
    let near: readonly FoundPeer[] = []
    for (let i = 0; i < 20 && (found.length === 0 || near.length < 2); i++) {
      found = await a.network.findPeer(c.network.self, 2000)
      near = await a.network.closestPeers(SOME_KEY, 2000)
    }
    assert.deepEqual([...found].sort(), [...c.network.addresses()].sort())
    const others = [b, c].map(({ network }) => [network.self, ...network.addresses()].join())
    const told = near.map(({ peer, addresses }) => [peer, ...addresses].join())
    assert.deepEqual(told.sort(), others.sort())
    assert.deepEqual(await a.network.findPeer(world.make().network.self, 500), [])
  })
}
