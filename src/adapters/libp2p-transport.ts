/**
 * libp2p's transport of a private network: TCP, TLS 1.3 by the network's key, and a Noise handshake
 * in it for who is who.
 *
 * libp2p's own parts (tcp, pnet, tls) say the same with two ciphers, one of them in JavaScript, over
 * streams of JavaScript; here the bytes of a connection stay outside of JavaScript until they are
 * plain (README).
 */
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import {
  type Connection,
  type CreateListenerOptions,
  type DialTransportOptions,
  type Listener,
  type PeerId,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { getNetConfig } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TCP } from '@multiformats/multiaddr-matcher'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { provePeers } from './libp2p-handshake.ts'
import { PrivateListener, type PrivateListenerOptions } from './libp2p-listener.ts'
import { secureAsClient } from './libp2p-network-key.ts'
import { SOCKET_OPTIONS, TlsConnection } from './libp2p-tls-connection.ts'

export function privateTcp(
  options: PrivateListenerOptions,
): (components: NoiseComponents) => Transport {
  return (components) => new PrivateTransport(options, components)
}

class PrivateTransport implements Transport {
  readonly [transportSymbol] = true
  readonly [Symbol.toStringTag] = 'atoll-private-tcp'
  readonly #options: PrivateListenerOptions
  readonly #components: NoiseComponents

  constructor(options: PrivateListenerOptions, components: NoiseComponents) {
    this.#options = options
    this.#components = components
  }

  async dial(address: Multiaddr, options: DialTransportOptions): Promise<Connection> {
    const { signal } = options
    signal.throwIfAborted()
    const { host, port } = getNetConfig(address)
    const socket = connect({ host, port: port ?? 0, ...SOCKET_OPTIONS })
    // Its end is seen by whoever waits; an error that nobody listens to would end the process.
    socket.on('error', () => undefined)
    try {
      await once(socket, 'connect', { signal })
      return await this.#upgrade(socket, address, options)
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  async #upgrade(
    plain: Socket,
    remoteAddr: Multiaddr,
    { signal, upgrader }: DialTransportOptions,
  ): Promise<Connection> {
    const socket = await secureAsClient(plain, this.#options.networkKey, signal)
    const proof = { direction: 'outbound', remotePeer: peerOf(remoteAddr), signal } as const
    const proven = await provePeers(socket, this.#components, proof)
    const log = this.#components.logger.forComponent('atoll:transport:outbound')
    const connection = new TlsConnection({ socket, remoteAddr, direction: 'outbound', log })
    return upgrader.upgradeOutbound(connection, { ...proven, signal })
  }

  createListener({ upgrader }: CreateListenerOptions): Listener {
    return new PrivateListener(this.#options, this.#components, upgrader)
  }

  readonly listenFilter = (addresses: Multiaddr[]): Multiaddr[] =>
    addresses.filter((address) => TCP.exactMatch(address))

  readonly dialFilter = this.listenFilter
}

function peerOf(address: Multiaddr): PeerId | undefined {
  const part = address.getComponents().findLast(({ name }) => name === 'p2p')
  return part?.value === undefined ? undefined : peerIdFromString(part.value)
}
