/**
 * Who is at the other end of a TLS socket that both ends of the private network share.
 *
 * The Noise XX handshake of libp2p proves both peer ids. Its prologue is the keying material that
 * TLS exports for this one connection (RFC 9266), so that a handshake passed on by somebody between
 * two connections comes to nothing. What Noise would encrypt with is thrown away: TLS encrypts. So
 * does libp2p's own WebRTC transport.
 */
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { MessageStreamDirection, PeerId, StreamMuxerFactory } from '@libp2p/interface'
import { AbstractMessageStream, type MessageStreamInit } from '@libp2p/utils'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Uint8ArrayList } from 'uint8arraylist'
import { concatBytes, utf8 } from '../base/bytes.ts'

/** RFC 9266, section 2. */
const BINDING_LABEL = 'EXPORTER-Channel-Binding'
const BINDING_BYTES = 32
const PROLOGUE = utf8('atoll/1')
/** Of the three messages of XX, those that this end reads (Noise revision 34, section 7.5). */
const MESSAGES_READ = { outbound: 1, inbound: 2 } as const
/** A Noise message comes after its length, two bytes. */
const LENGTH_BYTES = 2
/** The longest of ours, with a key and a signature of Ed25519 and the muxers, is about 250. */
const MESSAGE_BYTES_MAX = 1024

/** What the upgrader need not do any more; the handshake has also agreed on the muxer. */
export interface Proven {
  readonly skipProtection: true
  readonly skipEncryption: true
  readonly remotePeer: PeerId
  readonly muxerFactory: StreamMuxerFactory
}

export interface ProofOptions {
  readonly direction: MessageStreamDirection
  /** Undefined: whoever it is. */
  readonly remotePeer: PeerId | undefined
  readonly signal: AbortSignal
}

/** It is another peer than the one asked for, or it cannot prove to be any. */
export class ProofError extends Error {
  override readonly name = 'ProofError'
}

/** Rejects with ProofError, with the end of the socket, or with the signal's abortion. */
export async function provePeers(
  socket: TLSSocket,
  components: NoiseComponents,
  { direction, remotePeer, signal }: ProofOptions,
): Promise<Proven> {
  const log = components.logger.forComponent('atoll:handshake')
  const binding = socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0))
  const { peerId, privateKey, logger, upgrader } = components
  const init = { prologueBytes: concatBytes([PROLOGUE, binding]) }
  const handshake = noise(init)({ peerId, privateKey, logger, upgrader })
  const stream = new HandshakeStream(socket, { direction, log })
  const options = { signal, ...(remotePeer !== undefined && { remotePeer }) }
  try {
    const { remotePeer: proven, streamMuxer } = await (direction === 'outbound'
      ? handshake.secureOutbound(stream, options)
      : handshake.secureInbound(stream, options))
    // Without, the upgrader would wait for its choice, and whoever waits keeps others waiting.
    if (streamMuxer === undefined) throw new Error('it names no muxer')
    return {
      skipProtection: true,
      skipEncryption: true,
      remotePeer: proven,
      muxerFactory: streamMuxer,
    }
  } catch (cause) {
    if (signal.aborted || stream.status !== 'open') throw cause
    throw new ProofError('it did not prove to be the peer', { cause })
  } finally {
    stream.leave()
  }
}

/**
 * Carries the messages of a handshake and not a byte more: what comes after the last one is left in
 * the socket, paused.
 */
export class HandshakeStream extends AbstractMessageStream {
  readonly #socket: Duplex
  #missing: number
  #unread: Buffer = Buffer.alloc(0)
  #left = false

  constructor(socket: Duplex, init: MessageStreamInit & { direction: MessageStreamDirection }) {
    super(init)
    this.#socket = socket
    this.#missing = MESSAGES_READ[init.direction]
    socket.on('data', this.#onBytes)
    socket.on('error', this.#onEnd)
    socket.on('close', this.#onEnd)
  }

  leave(): void {
    if (this.#left) return
    this.#left = true
    this.#socket.off('data', this.#onBytes)
    this.#socket.off('error', this.#onEnd)
    this.#socket.off('close', this.#onEnd)
    this.#socket.pause()
    if (this.#unread.length > 0) this.#socket.unshift(this.#unread)
  }

  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    this.#socket.write(data.subarray())
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  // The socket belongs to whoever wants the proof.

  async close(): Promise<void> {
    this.leave()
  }

  sendReset(): void {
    this.leave()
  }

  sendPause(): void {
    this.#socket.pause()
  }

  sendResume(): void {
    this.#socket.resume()
  }

  readonly #onBytes = (bytes: Buffer): void => {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes])
    while (this.#missing > 0 && this.#unread.length >= LENGTH_BYTES) {
      const length = this.#unread.readUInt16BE(0)
      if (length > MESSAGE_BYTES_MAX) return this.abort(new ProofError('too long a message'))
      const end = LENGTH_BYTES + length
      if (this.#unread.length < end) return
      this.#missing--
      const message = this.#unread.subarray(0, end)
      this.#unread = this.#unread.subarray(end)
      this.onData(message)
    }
    if (this.#missing === 0) this.leave()
  }

  readonly #onEnd = (error?: unknown): void => {
    this.abort(
      error instanceof Error ? error : new Error('the connection ended amid the handshake'),
    )
  }
}
