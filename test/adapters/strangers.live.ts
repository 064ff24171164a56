/** What somebody gets who is no peer, or not the one it says, and what it can cost. */
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { Upgrader } from '@libp2p/interface'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls'
import { HandshakeStream, provePeers } from '../../src/adapters/libp2p-handshake.ts'
import { secureAsClient, serverTls } from '../../src/adapters/libp2p-network-key.ts'
import { STRANGERS_MAX } from '../../src/adapters/libp2p-strangers.ts'
import { dial, refusal, type TestPeer } from '../contract/network.contract.ts'
import { type Loopback, loopbackConfig, onLoopback, until } from './loopback.ts'
import { addressOf, rawPeer } from './raw-peer.ts'

const SOON_MS = 1500
const KEY = loopbackConfig(1).networkKey

/** What libp2p keeps to itself. */
interface Internal {
  readonly components: NoiseComponents
}

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

/** Anybody can have one; that of a public authority would do no better. */
const CERTIFICATE = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiwJIMfoVzQ0PzYwK
LjLoj5l/4KvvKPumiAviaPjU/HShRANCAAQNNgHRCrMdkfI7VVx9JQYcfbG+UjLc
MbFei9w0SKoGCI+/4g/9DaW9i+DU3rOzh5bSuFGmE8inhrwVPMjLEbjS
-----END PRIVATE KEY-----`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBcDCCARWgAwIBAgIUMNaGMHOgfjiFCw+w9dx1Qn0bsqUwCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjEyMTM4MDNaGA8yMTI2MTAyODIxMzgwM1ow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABA02AdEKsx2R
8jtVXH0lBhx9sb5SMtwxsV6L3DRIqgYIj7/iD/0Npb2L4NTes7OHltK4UaYTyKeG
vBU8yMsRuNKjUzBRMB0GA1UdDgQWBBT5mXbPQWHFR41NmvPfMNw5H9QolzAfBgNV
HSMEGDAWgBT5mXbPQWHFR41NmvPfMNw5H9QolzAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQCRSsP4kGyOyKy6U0deCT2g79WkkoFzqKZc/FmqXc05
GAIhAIxgpaecHUpuLKL7X8emOQHxyC4hgfr1TR2X2AsGv06i
-----END CERTIFICATE-----`,
}

/** It knows the network's key. */
async function knowing(world: Loopback, peer: TestPeer): Promise<TLSSocket> {
  const plain = await stranger(world, peer)
  plain.pause()
  return secureAsClient(plain, KEY, AbortSignal.timeout(5000))
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
    const mute = (await knowing(world, peer)).resume()
    await until('both closed', () => silent.closed && mute.closed, SOON_MS)
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
    for (let i = 0; i < STRANGERS_MAX; i++) (await knowing(world, peer)).resume()
    await dial(await world.start(), peer)
    assert.deepEqual(
      ears.flatMap(({ closed }) => closed),
      [],
    )
  })

  test('without the key crowd out nobody who has it', async (world) => {
    const peer = await world.start()
    const mute = (await knowing(world, peer)).resume()
    const all = Array.from({ length: 2 * STRANGERS_MAX }, () => stranger(world, peer))
    const sockets = await Promise.all(all)
    await until('a crowd', () => sockets.some(({ closed }) => closed), SOON_MS)
    assert.equal(mute.closed, false)
  })

  test('are no peers for a certificate in the place of the key', async (world) => {
    const server = createServer(CERTIFICATE, (socket) => socket.on('error', () => undefined))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    world.after(() => server.close())
    const peer = await world.start()
    const dialling = dial(peer, await world.start(), 'request', {
      addresses: [addressOf(server)],
      timeoutMs: 2500,
      fresh: true,
    })
    assert.equal(await refusal(dialling), 'denied')
    const plain = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(plain, 'connect')
    await assert.rejects(secureAsClient(plain, KEY, AbortSignal.timeout(5000)), {
      name: 'NetworkKeyError',
    })
    plain.destroy()
  })

  test('who know the key and name no muxer, or speak at length, are not waited for', async (world) => {
    const peer = await world.start()
    const long = (await knowing(world, peer)).resume()
    long.write(message(2000, 7).subarray(0, 2))
    const socket = await knowing(world, peer)
    const { components } = (await rawPeer(world, 900)).libp2p as unknown as Internal
    const { peerId, privateKey, logger } = components
    const upgrader = { getStreamMuxers: () => new Map() } as unknown as Upgrader
    const proof = { direction: 'outbound', remotePeer: undefined } as const
    const signal = AbortSignal.timeout(5000)
    const naming = { peerId, privateKey, logger, upgrader }
    await assert.rejects(provePeers(socket, naming, { ...proof, signal }))
    socket.resume()
    await until('both closed', () => long.closed && socket.closed, SOON_MS)
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
