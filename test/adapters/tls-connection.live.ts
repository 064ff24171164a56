/** A connection over a secured socket: what it bears, and when it ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { multiaddr } from '@multiformats/multiaddr'
import { secureAsClient, serverTls } from '../../src/adapters/libp2p-network-key.ts'
import { TlsConnection, WAITING_BYTES_MAX } from '../../src/adapters/libp2p-tls-connection.ts'
import { type Loopback, LOOPBACK, loopbackConfig, onLoopback, until } from './loopback.ts'
import { rawPeer } from './raw-peer.ts'

const KEY = loopbackConfig(1).networkKey
const PIECE = new Uint8Array(64 * 1024).fill(7)
const MORE_THAN_THE_KERNEL_TAKES = new Uint8Array(2 * WAITING_BYTES_MAX)
const SOON_MS = 2000

interface Pair {
  readonly connection: TlsConnection
  readonly near: TLSSocket
  /** The other end, which reads nothing before it is told to. */
  readonly far: TLSSocket
}

async function pair(world: Loopback, silenceMs?: number): Promise<Pair> {
  const [near, far] = await sockets(world)
  const log = (await rawPeer(world, 800)).libp2p.logger.forComponent('test')
  const init = { socket: near, direction: 'inbound', remoteAddr: multiaddr(LOOPBACK), log } as const
  const connection = new TlsConnection({ ...init, ...(silenceMs !== undefined && { silenceMs }) })
  return { connection, near, far }
}

async function sockets(world: Loopback): Promise<readonly [TLSSocket, TLSSocket]> {
  const server = createServer(serverTls(KEY))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const plain = connect((server.address() as { port: number }).port, '127.0.0.1')
  const far = await secureAsClient(plain, KEY, AbortSignal.timeout(5000))
  const [near] = await accepted
  near.pause()
  near.on('error', () => undefined)
  world.after(() => {
    for (const socket of [near, far]) socket.destroy()
    server.close()
  })
  return [near, far]
}

function test(what: string, body: (world: Loopback) => Promise<void>): void {
  it(what, () => onLoopback(body))
}

describe('tls connection', () => {
  test('ends when the other side is silent, whatever is said to it', async (world) => {
    const { connection, near } = await pair(world, 200)
    const speaking = async (): Promise<boolean> => {
      if (connection.status === 'open') connection.send(Uint8Array.of(1))
      return near.closed
    }
    await until('given up', speaking, SOON_MS)
    assert.equal(connection.status, 'aborted')
  })

  test('lasts while the other side speaks', async (world) => {
    const { connection, far } = await pair(world, 200)
    const endMs = performance.now() + 600
    await until('three times as long', () => {
      far.write(Uint8Array.of(1))
      return performance.now() > endMs
    })
    assert.equal(connection.status, 'open')
  })

  test('holds back while the other side does not read, and goes on when it does', async (world) => {
    const { connection, far } = await pair(world)
    let sent = 0
    while (connection.send(PIECE)) sent += PIECE.length
    assert.ok(sent < WAITING_BYTES_MAX)
    let drains = 0
    connection.addEventListener('drain', () => {
      drains++
    })
    far.resume()
    await until('told to go on', () => drains > 0, SOON_MS)
    await until('all has left', () => connection.writeBufferLength === 0, SOON_MS)
  })

  test('bounds what waits for a side that does not read', async (world) => {
    const { connection, near } = await pair(world)
    let waiting = 0
    while (connection.status === 'open') {
      connection.send(PIECE)
      waiting = Math.max(waiting, connection.writeBufferLength)
      assert.ok(waiting < 2 * WAITING_BYTES_MAX)
    }
    assert.ok(waiting >= WAITING_BYTES_MAX)
    await until('gone', () => near.closed, SOON_MS)
  })

  test('ends with the other side, although something waits for it', async (world) => {
    const { connection, near, far } = await pair(world)
    near.write(MORE_THAN_THE_KERNEL_TAKES)
    far.end()
    await until('gone', () => near.closed, SOON_MS)
    assert.equal(connection.status, 'closed')
  })

  test('flushes what it was given before it closes', async (world) => {
    const { connection, near, far } = await pair(world)
    near.write(MORE_THAN_THE_KERNEL_TAKES)
    let read = 0
    far.on('data', (bytes) => {
      read += bytes.length
    })
    const [ended] = await Promise.all([once(far, 'end'), connection.close()])
    assert.deepEqual([ended, read], [[], MORE_THAN_THE_KERNEL_TAKES.length])
  })

  test('waits for a side that does not read only as long as told', async (world) => {
    const { connection, near } = await pair(world)
    near.write(MORE_THAN_THE_KERNEL_TAKES)
    let isGivenUp = false
    connection.close({ signal: AbortSignal.timeout(200) }).catch(() => {
      isGivenUp = true
    })
    await until('given up', () => isGivenUp, SOON_MS)
    await until('gone', () => near.closed, SOON_MS)
  })

  test('is none over a socket that has gone', async (world) => {
    const { near } = await pair(world)
    near.destroy()
    const log = (await rawPeer(world, 801)).libp2p.logger.forComponent('test')
    const init = { direction: 'inbound', remoteAddr: multiaddr(LOOPBACK), log } as const
    assert.throws(() => new TlsConnection({ ...init, socket: near }), /gone/)
  })
})
