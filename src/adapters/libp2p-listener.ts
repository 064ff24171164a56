/**
 * Where a private network is listened for.
 *
 * A socket first proves that it knows the network's key, then which peer it is. Until it has done
 * either its time is bounded, and the number of those like it (libp2p-strangers.ts). The two are
 * counted apart: no crowd without the key takes the place of anybody who has it.
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
import { Strangers } from './libp2p-strangers.ts'
import { SOCKET_OPTIONS, TlsConnection } from './libp2p-tls-connection.ts'

export interface PrivateListenerOptions {
  readonly networkKey: Uint8Array
  /** For each of a socket's two handshakes. */
  readonly handshakeMs: number
}

export class PrivateListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #components: NoiseComponents
  readonly #upgrader: Upgrader
  readonly #server: Server
  /** Every socket that has not closed. */
  readonly #sockets = new Set<Socket>()
  readonly #keyless = new Strangers()
  /** They know the key and have not proven which peer they are. */
  readonly #nameless = new Strangers()
  readonly #closing = new AbortController()
  #listening: Multiaddr | null = null

  constructor(options: PrivateListenerOptions, components: NoiseComponents, upgrader: Upgrader) {
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
    if (this.#closing.signal.aborted) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    this.#keyless.add(socket)
  }

  /** It knows the network's key. */
  async #secured(socket: TLSSocket): Promise<void> {
    // Its end is seen by whoever reads; an error without a listener would end the process.
    socket.on('error', () => undefined)
    this.#keyless.delete(socket)
    this.#nameless.add(socket)
    const signal = this.#upgrader.createInboundAbortSignal(this.#closing.signal)
    try {
      const proof = { direction: 'inbound', remotePeer: undefined, signal } as const
      const proven = await provePeers(socket, this.#components, proof)
      this.#nameless.delete(socket)
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
