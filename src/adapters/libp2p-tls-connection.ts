/** A secured socket as libp2p's upgrader wants a connection: messages in and out, and its end. */
import { type AbortOptions, type MultiaddrConnection, TimeoutError } from '@libp2p/interface'
import { AbstractMultiaddrConnection, type AbstractMultiaddrConnectionInit } from '@libp2p/utils'
import { once } from 'node:events'
import type { TLSSocket } from 'node:tls'
import type { Uint8ArrayList } from 'uint8arraylist'

/** What a socket of the network is opened with, at both ends. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true } as const
/** Yamux asks every half minute whether anybody is there; who has answered nothing for so long is
 * gone without a word. */
export const SILENCE_MS = 2 * 60_000
/** Streams hold back once anything waits. What they do not hold, as answers to pings, is little by
 * rights: who asks for more than it reads goes. */
export const WAITING_BYTES_MAX = 16 * 1024 * 1024

export interface TlsConnectionInit extends AbstractMultiaddrConnectionInit {
  /** After its handshakes, paused. */
  readonly socket: TLSSocket
  readonly silenceMs?: number
}

export class TlsConnection extends AbstractMultiaddrConnection implements MultiaddrConnection {
  readonly #socket: TLSSocket
  /** What is written says nothing of the other side, so that the socket's own time-out will not do. */
  readonly #silence: ReturnType<typeof setTimeout>

  /** Throws when the socket has gone: nobody would be told of its end. */
  constructor({ socket, silenceMs = SILENCE_MS, ...init }: TlsConnectionInit) {
    super({ ...init, maxWriteBufferLength: WAITING_BYTES_MAX })
    if (socket.destroyed) throw new Error('gone before it was a connection')
    this.#socket = socket
    this.#silence = setTimeout(() => this.abort(new TimeoutError('silent for too long')), silenceMs)
    this.#silence.unref()
    socket.on('data', (bytes) => {
      this.#silence.refresh()
      this.onData(bytes)
    })
    socket.on('drain', () => this.safeDispatchEvent('drain'))
    socket.on('error', (error) => this.abort(error))
    // Who says no more has gone, and reads nothing: what waits for it would wait for ever.
    socket.once('end', () => socket.destroy())
    socket.once('close', () => {
      clearTimeout(this.#silence)
      this.onTransportClosed()
    })
    socket.resume()
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

  async sendClose({ signal }: AbortOptions = {}): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = once(this.#socket, 'close', signal === undefined ? {} : { signal })
    this.#socket.destroySoon()
    try {
      await closed
    } finally {
      // The other side may read nothing.
      this.#socket.destroy()
    }
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
