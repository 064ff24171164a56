/**
 * Where a private network is listened for.
 *
 * Until a socket has proven that it knows the network's key and who it is, it is a stranger's, and
 * of those no more than so many are kept: a new one takes the place of the oldest, so that who opens
 * sockets and says nothing keeps nobody out whose handshake takes its usual milliseconds.
 */
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import {
  type Listener,
  type ListenerEvents,
  TypedEventEmitter,
  type Upgrader,
} from '@libp2p/interface'
import { getNetConfig, getThinWaistAddresses, ipPortToMultiaddr } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { provePeers } from './libp2p-handshake.ts'
import { serverTls } from './libp2p-network-key.ts'
import { SOCKET_OPTIONS, TlsConnection } from './libp2p-tls-connection.ts'
import type { PrivateTcpOptions } from './libp2p-transport.ts'

export const STRANGERS_MAX = 200

export class PrivateListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #components: NoiseComponents
  readonly #upgrader: Upgrader
  readonly #server: Server
  /** Every socket that has not closed. */
  readonly #sockets = new Set<Socket>()
  /** Those that have proven nothing, by where they come from; the oldest first. */
  readonly #strangers = new Map<string, Socket>()
  readonly #closing = new AbortController()
  #listening: Multiaddr | null = null

  constructor(options: PrivateTcpOptions, components: NoiseComponents, upgrader: Upgrader) {
    super()
    this.#components = components
    this.#upgrader = upgrader
    const tls = { ...serverTls(options.networkKey), handshakeTimeout: options.handshakeMs }
    this.#server = createServer({ ...tls, ...SOCKET_OPTIONS })
    this.#server.on('connection', (socket) => this.#greet(socket))
    this.#server.on('secureConnection', (socket) => void this.#secured(socket))
    // Whoever it is does not know the key, or takes too long.
    this.#server.on('tlsClientError', (_, socket) => socket.destroy())
    this.#server.on('error', (detail) => this.safeDispatchEvent('error', { detail }))
    this.#server.on('close', () => this.safeDispatchEvent('close'))
  }

  async listen(address: Multiaddr): Promise<void> {
    const { type, host, port } = getNetConfig(address)
    this.#listening = address
    this.#server.listen({ host, port, ipv6Only: type === 'ip6' })
    await once(this.#server, 'listening')
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    const address = this.#server.address()
    if (this.#listening === null || address === null || typeof address === 'string') return []
    return getThinWaistAddresses(this.#listening, address.port)
  }

  updateAnnounceAddrs(): void {
    // Nothing of an address is known here alone.
  }

  async close(): Promise<void> {
    this.#closing.abort()
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #greet(socket: Socket): void {
    const from = endpointOf(socket)
    if (from === null || this.#closing.signal.aborted) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    this.#strangers.set(from, socket)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (this.#strangers.get(from) === socket) this.#strangers.delete(from)
    })
    this.#bound()
  }

  #bound(): void {
    const [oldest] = this.#strangers
    if (this.#strangers.size <= STRANGERS_MAX || oldest === undefined) return
    const [from, socket] = oldest
    // At once: it tells of its end a turn later, and many may come in one.
    this.#strangers.delete(from)
    socket.destroy()
  }

  /** It knows the network's key. */
  async #secured(socket: TLSSocket): Promise<void> {
    // Its end is seen by whoever reads; an error without a listener would end the process.
    socket.on('error', () => undefined)
    const from = endpointOf(socket)
    const signal = this.#upgrader.createInboundAbortSignal(this.#closing.signal)
    try {
      if (from === null) throw new Error('gone before its handshake')
      const proof = { direction: 'inbound', remotePeer: undefined, signal } as const
      const proven = await provePeers(socket, this.#components, proof)
      this.#strangers.delete(from)
      const { remoteAddress = '', remotePort = 0 } = socket
      const remoteAddr = ipPortToMultiaddr(remoteAddress, remotePort)
      const log = this.#components.logger.forComponent('atoll:transport:inbound')
      const connection = new TlsConnection({ socket, remoteAddr, direction: 'inbound', log })
      await this.#upgrader.upgradeInbound(connection, { ...proven, signal })
    } catch {
      socket.destroy()
    } finally {
      signal.clear()
    }
  }
}

/** Null: it has gone. */
function endpointOf({ remoteAddress, remotePort }: Socket): string | null {
  return remoteAddress === undefined ? null : `${remoteAddress} ${remotePort}`
}
