/** What a peer of the private network can do to a link, and what it costs. */
import assert from 'node:assert/strict'
import { INBOUND_LINKS_MAX } from '../../src/adapters/libp2p-links.ts'
import { LINK_BUFFER_HARD_BYTES, LINK_TIMES } from '../../src/adapters/libp2p-link.ts'
import { CONNECTIONS_PER_PEER_MAX } from '../../src/adapters/libp2p-network.ts'
import { LINK_BUFFER_BYTES } from '../../src/seams/network.ts'
import { dial, Ear, type TestPeer } from '../contract/network.contract.ts'
import { type Loopback, onLoopback, until } from './loopback.ts'
import { Path, type RawPeer, rawPeer } from './raw-peer.ts'

const HASTY = { frameMs: 300, closeMs: 300 }
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

interface Rig {
  readonly world: Loopback
  readonly raw: RawPeer
  readonly peer: TestPeer
}

function test(what: string, body: (rig: Rig) => Promise<void>, times = HASTY): void {
  it(what, () =>
    onLoopback(async (world) => {
      const peer = await world.startWith(500, {}, times)
      await body({ world, peer, raw: await rawPeer(world, 501) })
    }),
  )
}

/** The end that the peer under test sees of the newest link. */
async function accepted(peer: TestPeer, count = 1): Promise<Ear> {
  await until('accepted', () => peer.accepted.length >= count)
  return peer.accepted.at(-1) ?? assert.fail()
}

describe('libp2p link', () => {
  test('ends on a length over the limit, before it sets memory aside', async ({ raw, peer }) => {
    const before = process.memoryUsage().arrayBuffers
    for (const prefix of [bytes(0xff, 0xff, 0xff, 0x7f), bytes(0x81, 0x80, 0x80, 0x02)]) {
      const stream = await raw.open(peer)
      stream.send(prefix)
      const ear = await accepted(peer)
      await until('closed', () => ear.closed.length > 0)
      assert.deepEqual([ear.closed, ear.frames], [['reset'], []])
      peer.accepted.length = 0
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 4_000_000)
  })

  test('ends on bytes that are no frames', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(new Uint8Array(100_000).fill(0xee))
    const ear = await accepted(peer)
    await until('closed', () => ear.closed.length > 0)
    assert.deepEqual([ear.closed, ear.frames], [['reset'], []])
  })

  test('does not pass on half a frame, whatever ends the link', async ({ raw, peer }) => {
    const [closing, aborting] = [await raw.open(peer), await raw.open(peer)]
    for (const stream of [closing, aborting]) stream.send(bytes(1, 7, 100, 1, 2, 3))
    await until(
      'both',
      () => peer.accepted.filter(({ frames }) => frames.length === 1).length === 2,
    )
    await closing.close()
    aborting.abort(new Error('test'))
    await until('closed', () => peer.accepted.every(({ closed }) => closed.length > 0))
    for (const ear of peer.accepted) {
      assert.deepEqual([ear.closed, ear.frames], [['reset'], [bytes(7)]])
    }
  })

  test('does not wait for ever for a frame that trickles in', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(bytes(0xff, 0x01))
    const ear = await accepted(peer)
    const startMs = performance.now()
    await until(
      'closed',
      () => {
        if (stream.status === 'open') stream.send(bytes(1))
        return ear.closed.length > 0
      },
      1500,
    )
    const tookMs = performance.now() - startMs
    assert.ok(tookMs > 250 && tookMs < 1500, `${tookMs} ms`)
    assert.deepEqual([ear.closed, ear.frames], [['reset'], []])
  })

  test('bears a link that is always amid a frame, each in time', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(bytes(4, 0, 0))
    const ear = await accepted(peer)
    const startMs = performance.now()
    let sent = 0
    while (performance.now() - startMs < 3 * HASTY.frameMs) {
      stream.send(bytes(0, 0, 4, 0, 0))
      sent++
      await until('arrived', () => ear.frames.length === sent || ear.closed.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.deepEqual(ear.closed, [])
  })

  test('delivers what came with the end of a link', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(bytes(1, 9, 0, 2, 8, 8))
    await stream.close()
    const ear = await accepted(peer)
    await until('closed', () => ear.closed.length > 0)
    assert.deepEqual([ear.closed, ear.frames], [['closed'], [bytes(9), bytes(), bytes(8, 8)]])
  })

  test('holds back for a peer that does not read, and is bounded when it is not heeded', async (rig) => {
    const { raw, peer } = rig
    const stream = await raw.open(peer)
    stream.send(bytes(1, 1))
    stream.pause()
    const ear = await accepted(peer)
    const frame = new Uint8Array(64 * 1024)
    let sent = 1
    while (ear.link.send(frame)) {
      sent++
      await new Promise(setImmediate)
    }
    assert.ok(sent * frame.length < 8 * LINK_BUFFER_BYTES, `${sent} frames`)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(ear.drains, 0)
    const most = (LINK_BUFFER_HARD_BYTES + 8 * LINK_BUFFER_BYTES) / frame.length
    for (; ear.closed.length === 0 && sent < most; sent++) ear.link.send(frame)
    assert.deepEqual(ear.closed, ['reset'])
  })

  test('goes on when a peer reads again', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(bytes(1, 1))
    stream.pause()
    const ear = await accepted(peer)
    const frame = new Uint8Array(64 * 1024)
    let sent = 1
    while (ear.link.send(frame)) sent++
    let received = 0
    stream.addEventListener('message', ({ data }) => {
      received += data.byteLength
    })
    stream.resume()
    await until('drained', () => ear.drains === 1, 1500)
    await until('all', () => received === sent * (frame.length + 3))
  })

  test('ends in time although the peer does not take its last bytes', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(bytes(1, 1))
    stream.pause()
    const ear = await accepted(peer)
    while (ear.link.send(new Uint8Array(64 * 1024)));
    ear.link.close()
    await until('closed', () => ear.closed.length > 0, 1500)
    assert.deepEqual(ear.closed, ['reset'])
  })

  test('ends in time although the peer never closes its side', async ({ raw, peer }) => {
    const stream = await raw.open(peer)
    stream.send(bytes(1, 1))
    const ear = await accepted(peer)
    await until('heard', () => ear.frames.length === 1)
    ear.link.close()
    await until(
      'closed',
      () => {
        if (stream.status === 'open') stream.send(bytes(1, 2))
        return ear.closed.length > 0
      },
      1500,
    )
    assert.deepEqual(ear.frames, [bytes(1)], 'nothing after it was closed')
  })

  test(
    'bounds memory while the path takes nothing',
    async ({ world, peer }) => {
      const sender = await world.start()
      const path = await Path.to(world, peer)
      const ear = await dial(sender, peer, 'bulk', { addresses: [path.address] })
      ear.send('hello')
      await accepted(peer)
      path.freeze()
      const before = process.memoryUsage().arrayBuffers
      let sent = 0
      while (ear.link.send(new Uint8Array(64 * 1024))) {
        sent++
        await new Promise(setImmediate)
      }
      assert.ok(sent < 1000, `${sent} frames`)
      assert.ok(process.memoryUsage().arrayBuffers - before < 64_000_000)
      assert.deepEqual(ear.closed, [])
    },
    LINK_TIMES,
  )
})

describe('libp2p bounds of a peer', () => {
  test('keeps the newest links of a class, over all connections', async ({ raw, peer }) => {
    const connections = [await raw.connect(peer), await raw.connect(peer)]
    const other = await raw.open(peer, 'gossip', connections[0])
    other.send(bytes(1, 0))
    for (let i = 0; i < INBOUND_LINKS_MAX + 2; i++) {
      const stream = await raw.open(peer, 'request', connections[i % 2])
      stream.send(bytes(1, i))
      await until('accepted', () => peer.accepted.at(-1)?.frames[0]?.[0] === i)
    }
    const [gossip, ...requests] = peer.accepted
    const open = requests.map(({ closed }) => closed.length === 0)
    assert.deepEqual(open, [false, false, ...Array.from({ length: INBOUND_LINKS_MAX }, () => true)])
    assert.deepEqual([gossip?.closed, requests[0]?.closed], [[], ['reset']])
  })

  test('keeps the newest connections', async ({ raw, peer }) => {
    const streams = []
    for (let i = 0; i < CONNECTIONS_PER_PEER_MAX + 3; i++) {
      const stream = await raw.open(peer)
      stream.send(bytes(1, i))
      streams.push(stream)
    }
    const open = (): number => raw.libp2p.getConnections().filter((c) => c.status === 'open').length
    await until('closed', () => open() === CONNECTIONS_PER_PEER_MAX, 1500)
    assert.equal(streams.at(-1)?.status, 'open')
    assert.notEqual(streams[0]?.status, 'open')
  })

  test('does not count one peer against another', async ({ world, raw, peer }) => {
    const other = await rawPeer(world, 502)
    for (const one of [raw, other]) {
      const connection = await one.connect(peer)
      for (let i = 0; i < INBOUND_LINKS_MAX; i++) {
        const stream = await one.open(peer, 'request', connection)
        stream.send(bytes(0))
      }
    }
    await until('all', () => peer.accepted.length === 2 * INBOUND_LINKS_MAX)
    assert.ok(peer.accepted.every(({ closed }) => closed.length === 0))
  })
})
