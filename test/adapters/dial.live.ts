/** Why a dial fails, and what it does to succeed. */
import assert from 'node:assert/strict'
import { DIALS_MAX } from '../../src/adapters/libp2p-dialler.ts'
import type { TestPeer } from '../contract/network.contract.ts'
import { dial, pair, refusal } from '../contract/network.contract.ts'
import { type Loopback, onLoopback, until } from './loopback.ts'
import { addressOf, listener, Path, rawPeer } from './raw-peer.ts'

const DEAF = (): void => undefined

function test(what: string, body: (world: Loopback) => Promise<void>): void {
  it(what, () => onLoopback(body))
}

/** How the dial ends when that is at the other end of the address. */
async function refusalAt(from: TestPeer, to: TestPeer, address: string): Promise<string> {
  return refusal(dial(from, to, 'request', { addresses: [address], timeoutMs: 600 }))
}

describe('libp2p dial', () => {
  test('runs out of time when a listener never answers', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const silent = addressOf(await listener(world, DEAF))
    const startMs = performance.now()
    assert.equal(await refusalAt(a, b, silent), 'timeout')
    const tookMs = performance.now() - startMs
    assert.ok(tookMs >= 590 && tookMs < 2000, `${tookMs} ms`)
  })

  test('is denied when something answers that is no peer', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const chatty = (size: number) =>
      listener(world, (socket) => socket.write(Buffer.alloc(size, 'HTTP/1.1 400 Bad Request\r\n')))
    assert.equal(await refusalAt(a, b, addressOf(await chatty(26))), 'denied')
    assert.equal(await refusalAt(a, b, addressOf(await chatty(100_000))), 'denied')
  })

  test('is denied by a peer that does not speak our protocols', async (world) => {
    const a = await world.start()
    const raw = await rawPeer(world, 700)
    const addresses = raw.libp2p.getMultiaddrs().map(String)
    const dialling = a.network.dial(raw.id, 'request', { addresses, timeoutMs: 5000 })
    assert.equal(await refusal(dialling), 'denied')
  })

  test('says unreachable when the path breaks during the handshake', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const closing = await listener(world, (socket) => socket.end())
    assert.equal(await refusalAt(a, b, addressOf(closing)), 'unreachable')
    const breaking = await listener(world, (socket) => socket.resetAndDestroy())
    assert.equal(await refusalAt(a, b, addressOf(breaking)), 'unreachable')
  })

  test('says refused only when every address refused', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const gone = b.network.addresses()
    await b.network.stop()
    const silent = addressOf(await listener(world, DEAF))
    const addresses = [...gone, silent]
    assert.equal(await refusal(dial(a, b, 'request', { addresses, timeoutMs: 600 })), 'timeout')
  })

  test('is not held up by addresses that never answer', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const silent = await Promise.all(
      Array.from({ length: 6 }, async () => addressOf(await listener(world, DEAF))),
    )
    const startMs = performance.now()
    const addresses = [...silent, ...b.network.addresses()]
    await dial(a, b, 'request', { addresses, timeoutMs: 3000 })
    assert.ok(performance.now() - startMs < 3000)
  })

  test('ends the attempts that lost', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    let ended = 0
    const silent = await listener(world, (socket) => socket.on('close', () => ended++).resume())
    const addresses = [addressOf(silent), ...b.network.addresses()]
    const near = await dial(a, b, 'request', { addresses })
    await until('the other socket closed', () => ended === 1, 2000)
    near.send('alive')
    await until('the winner lives', () => b.accepted[0]?.frames.length === 1)
    assert.deepEqual(near.closed, [])
  })

  test('shares one connection among dials of the same moment', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const path = await Path.to(world, b)
    const addresses = [path.address]
    const classes = ['gossip', 'request', 'bulk', 'join'] as const
    const ears = await Promise.all(classes.map((one) => dial(a, b, one, { addresses })))
    assert.equal(path.connections, 1)
    // One that gives up early does not take the dial away from the others.
    const silent = addressOf(await listener(world, DEAF))
    const c = await world.start()
    const short = dial(a, c, 'request', { addresses: [silent], timeoutMs: 50 })
    const long = dial(a, c, 'request', { addresses: c.network.addresses() })
    assert.equal(await refusal(short.then((ear) => ears.push(ear) && assert.fail())), 'timeout')
    await long
  })

  test('goes round a connection that is frozen, after one dial found it so', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const path = await Path.to(world, b)
    const addresses = [path.address]
    await dial(a, b, 'request', { addresses })
    path.freeze()
    const first = dial(a, b, 'request', { addresses, timeoutMs: 300 })
    assert.equal(await refusal(first), 'timeout')
    const ear = await dial(a, b, 'request', { addresses, timeoutMs: 2000 })
    ear.send('hello')
    await until('arrived', () => b.accepted.at(-1)?.frames.length === 1)
    await dial(a, b, 'request', { addresses, timeoutMs: 5000 })
    assert.equal(path.connections, 2)
  })

  test('takes a new connection when the open one is at its end', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    await pair(world, a, b)
    b.network.disconnect(a.network.self)
    // This side has not read the end yet.
    await dial(a, b)
  })

  test('bounds the peers that are dialled at once', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const addresses = [addressOf(await listener(world, DEAF))]
    const others = Array.from({ length: DIALS_MAX }, () => world.make().network.self)
    const dials = others.map((peer) =>
      refusal(a.network.dial(peer, 'request', { addresses, timeoutMs: 1000 })),
    )
    const error = await a.network
      .dial(b.network.self, 'request', { addresses, timeoutMs: 1000 })
      .catch((reason: unknown) => reason)
    assert.match(String(error), /too many dials/)
    assert.deepEqual(new Set(await Promise.all(dials)), new Set(['timeout']))
    await dial(a, b)
  })
})
