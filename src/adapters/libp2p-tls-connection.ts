/** A secured socket as libp2p's upgrader wants a connection: messages in and out, and its end. */
import { type MultiaddrConnection, TimeoutError } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type AbstractMultiaddrConnectionInit } from '@libp2p/utils'
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { Uint8ArrayList } from 'uint8arraylist'

/** What a socket of the network is opened with, at both ends. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true } as const
/** Members say something every second; an end that is silent for so long is gone without a word. */
const SILENCE_MS = 2 * 60_000

export interface TlsConnectionInit extends AbstractMultiaddrConnectionInit {
  /** After its handshakes, paused. */
  readonly socket: TLSSocket
}

export class TlsConnection extends AbstractMultiaddrConnection implements MultiaddrConnection {
  readonly #socket: TLSSocket

  constructor({ socket, ...init }: TlsConnectionInit) {
    super(init)
    this.#socket = socket
    socket.on('data', (bytes) => this.onData(bytes))
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.on('error', (error) => this.abort(error))
    socket.once('end', () => this.onTransportClosed())
    socket.once('close', () => this.onTransportClosed())
    socket.setTimeout(SILENCE_MS, () => this.abort(new TimeoutError('silent for too long')))
    if (socket.destroyed) this.onTransportClosed()
    else socket.resume()
  }

  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    let sentBytes = 0
    let canSendMore = true
    for (const piece of data) {
      canSendMore = this.#socket.write(piece)
      sentBytes += piece.byteLength
      if (!canSendMore) break
    }
    return { sentBytes, canSendMore }
  }

  async sendClose(): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = once(this.#socket, 'close')
    this.#socket.destroySoon()
    await closed
  }

  sendReset(): void {
    this.#socket.destroy()
  }

  sendPause(): void {
    this.#socket.pause()
  }

  sendResume(): void {
    this.#socket.resume()
  }
}
