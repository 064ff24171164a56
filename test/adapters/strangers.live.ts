/** What somebody gets who is no peer, or not the one it says, and what it can cost. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls'
import { HandshakeStream } from '../../src/adapters/libp2p-handshake.ts'
import { STRANGERS_MAX } from '../../src/adapters/libp2p-listener.ts'
import { secureAsClient, serverTls } from '../../src/adapters/libp2p-network-key.ts'
import { dial, refusal, type TestPeer } from '../contract/network.contract.ts'
import { type Loopback, loopbackConfig, onLoopback, until } from './loopback.ts'
import { addressOf, rawPeer } from './raw-peer.ts'

const SOON_MS = 1500
const KEY = loopbackConfig(1).networkKey

function test(what: string, body: (world: Loopback) => Promise<void>): void {
  it(what, () => onLoopback(body))
}

function portOf(peer: TestPeer): number {
  return Number((peer.network.addresses()[0] ?? '').split('/')[4])
}

async function stranger(world: Loopback, peer: TestPeer): Promise<Socket> {
  const socket = connect(portOf(peer), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  world.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** Somebody who knows the network's key, and passes on what two peers say over TLS of its own. */
async function betweenTwo(world: Loopback, peer: TestPeer): Promise<string> {
  const server = createServer(serverTls(KEY), (near) => void passOn(near))
  const passOn = async (near: TLSSocket): Promise<void> => {
    near.on('error', () => undefined)
    const plain = connect(portOf(peer), '127.0.0.1')
    const far = await secureAsClient(plain, KEY, AbortSignal.timeout(5000))
    far.on('close', () => near.destroy())
    near.pipe(far)
    far.pipe(near)
    world.after(() => far.destroy())
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  world.after(() => server.close())
  return addressOf(server)
}

describe('strangers', () => {
  test('are turned away at their first message without the key', async (world) => {
    const peer = await world.start()
    const garbage = await stranger(world, peer)
    garbage.write('GET / HTTP/1.1\r\n\r\n')
    await once(garbage, 'close')
    for (const options of [{}, { pskCallback: () => ({ psk: Buffer.alloc(32), identity: 'x' }) }]) {
      const ciphers = 'TLS_AES_128_GCM_SHA256'
      const socket = connectTls({ port: portOf(peer), host: '127.0.0.1', ciphers, ...options })
      const [error] = (await once(socket, 'error').catch((reason: unknown) => [reason])) as [Error]
      assert.match(String(error), /alert/)
    }
  })

  test('who know the key and say no more, or nothing at all, are not waited for', async (world) => {
    const peer = await world.startWith(700, {}, { handshakeMs: 200 })
    const silent = await stranger(world, peer)
    const plain = await stranger(world, peer)
    const knowing = await secureAsClient(plain, KEY, AbortSignal.timeout(5000))
    knowing.resume()
    await until('both closed', () => silent.closed && knowing.closed, SOON_MS)
  })

  test('are bounded, and the oldest makes room', async (world) => {
    const peer = await world.start()
    const first = await stranger(world, peer)
    for (let i = 1; i < STRANGERS_MAX; i++) await stranger(world, peer)
    assert.equal(first.closed, false)
    const second = await world.start()
    await dial(second, peer)
    await until('the oldest is gone', () => first.closed, SOON_MS)
    await stranger(world, peer)
  })

  test('are bounded when they come all at once', async (world) => {
    const peer = await world.start()
    const all = Array.from({ length: 3 * STRANGERS_MAX }, () => stranger(world, peer))
    const sockets = await Promise.all(all)
    const closed = (): number => sockets.filter((socket) => socket.closed).length
    await until('no more are left', () => closed() >= 2 * STRANGERS_MAX, SOON_MS)
  })

  test('are bounded, and peers are none', async (world) => {
    const peer = await world.start()
    const ears = await Promise.all(
      Array.from({ length: 3 }, async () => dial(await world.start(), peer)),
    )
    for (let i = 0; i < STRANGERS_MAX; i++) await stranger(world, peer)
    await dial(await world.start(), peer)
    assert.deepEqual(
      ears.flatMap(({ closed }) => closed),
      [],
    )
  })

  test('cannot pass on the handshake of two peers, not even with the key', async (world) => {
    const [a, b] = [await world.start(), await world.start()]
    const address = await betweenTwo(world, b)
    const dialling = dial(a, b, 'request', { addresses: [address], timeoutMs: 5000 })
    assert.equal(await refusal(dialling), 'denied')
    assert.equal(b.accepted.length, 0)
  })
})

/** A message of Noise as it travels. */
function message(size: number, fill: number): Buffer {
  const bytes = Buffer.alloc(2 + size, fill)
  bytes.writeUInt16BE(size)
  return bytes
}

describe('handshake', () => {
  test('takes its messages in any pieces, and leaves what comes after', async (world) => {
    const [near, far] = duplexPair()
    const log = (await rawPeer(world, 800)).libp2p.logger.forComponent('test')
    const stream = new HandshakeStream(near, { direction: 'inbound', log })
    let got = Buffer.alloc(0)
    stream.addEventListener('message', ({ data }) => {
      got = Buffer.concat([got, data.subarray()])
    })
    const messages = Buffer.concat([message(300, 1), message(0, 0)])
    const said = Buffer.concat([messages, Buffer.from('after')])
    let at = 0
    for (const end of [1, 2, 150, 302, 303, said.length]) {
      far.write(said.subarray(at, end))
      at = end
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('both arrived', () => got.length === messages.length, SOON_MS)
    assert.deepEqual(got, messages)
    let rest = ''
    near.on('data', (bytes: Buffer) => {
      rest += String(bytes)
    })
    near.resume()
    await until('what came after', () => rest === 'after', SOON_MS)
  })
})
