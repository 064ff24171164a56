/** What misbehaves on purpose: bare libp2p peers, listeners that are no peers, a path that freezes. */
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { createNodeLibp2p, type AtollLibp2p } from '../../src/adapters/libp2p-node.ts'
import { NETWORK_TIMES, protocolOf } from '../../src/adapters/libp2p-network.ts'
import type { NetworkConfig, TrafficClass } from '../../src/seams/network.ts'
import type { TestPeer } from '../contract/network.contract.ts'
import { type Loopback, loopbackConfig } from './loopback.ts'

/** A peer of the private network that speaks libp2p and does as the test wants above it. */
export class RawPeer {
  readonly libp2p: AtollLibp2p

  constructor(libp2p: AtollLibp2p) {
    this.libp2p = libp2p
  }

  get id(): string {
    return this.libp2p.peerId.toString()
  }

  /** A connection of its own each time. */
  connect(to: TestPeer): Promise<Connection> {
    const [address = ''] = to.network.addresses()
    const target = multiaddr(`${address}/p2p/${to.network.self}`)
    return this.libp2p.dial(target, { force: true })
  }

  async open(
    to: TestPeer,
    trafficClass: TrafficClass = 'request',
    over?: Connection,
  ): Promise<Stream> {
    const connection = over ?? (await this.connect(to))
    return connection.newStream(protocolOf(trafficClass))
  }
}

export async function rawPeer(
  world: Loopback,
  number: number,
  change: Partial<NetworkConfig> = {},
): Promise<RawPeer> {
  const libp2p = await createNodeLibp2p(
    loopbackConfig(number, 1, change),
    null,
    NETWORK_TIMES.handshakeMs,
  )
  await libp2p.start()
  world.after(() => libp2p.stop())
  return new RawPeer(libp2p)
}

export function addressOf(server: Server): string {
  return `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`
}

/** A listener that does with its sockets as told. */
export async function listener(
  world: Loopback,
  onSocket: (socket: Socket) => void,
): Promise<Server> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  world.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return server
}

/** A path to a peer that can be frozen: what is under way then stays under way for ever. */
export class Path {
  readonly address: string
  readonly #pairs: (readonly [Socket, Socket])[]

  private constructor(server: Server, pairs: (readonly [Socket, Socket])[]) {
    this.address = addressOf(server)
    this.#pairs = pairs
  }

  static async to(world: Loopback, peer: TestPeer): Promise<Path> {
    const [, , , , port = ''] = (peer.network.addresses()[0] ?? '').split('/')
    const pairs: (readonly [Socket, Socket])[] = []
    const server = await listener(world, (near) => {
      const far = connect(Number(port), '127.0.0.1')
      far.on('error', () => near.destroy())
      near.on('close', () => far.destroy())
      far.on('close', () => near.destroy())
      near.pipe(far)
      far.pipe(near)
      pairs.push([near, far])
    })
    return new Path(server, pairs)
  }

  get connections(): number {
    return this.#pairs.length
  }

  freeze(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far)
      far.unpipe(near)
      near.pause()
      far.pause()
    }
  }
}
