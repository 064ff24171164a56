/**
 * Watches the lengths of yamux frames that come in: the implementation waits for a whole frame, up to
 * the 4 GiB that a length can say, before it looks whether there was room for it.
 */
import type { Uint8ArrayList } from 'uint8arraylist'

/** No frame of ours is longer than a piece of a link (libp2p-send-queue.ts), 128 KiB. */
export const YAMUX_FRAME_BYTES_MAX = 1024 * 1024

const HEADER_BYTES = 12
const TYPE_AT = 1
const LENGTH_AT = 8
const DATA = 0

export class FrameGuard {
  readonly #header = new Uint8Array(HEADER_BYTES)
  readonly #view = new DataView(this.#header.buffer)
  /** Bytes of the header that are here. */
  #have = 0
  /** Bytes of a frame's data that are still to come. */
  #rest = 0

  /** False: a frame is too long, and nothing after it means anything. */
  pass(message: Uint8Array | Uint8ArrayList): boolean {
    for (const piece of message instanceof Uint8Array ? [message] : message) {
      if (!this.#passPiece(piece)) return false
    }
    return true
  }

  #passPiece(piece: Uint8Array): boolean {
    let at = 0
    while (at < piece.length) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, piece.length - at)
        this.#rest -= taken
        at += taken
        continue
      }
      const part = piece.subarray(at, at + HEADER_BYTES - this.#have)
      this.#header.set(part, this.#have)
      this.#have += part.length
      at += part.length
      if (this.#have < HEADER_BYTES) return true
      this.#have = 0
      if (this.#header[TYPE_AT] !== DATA) continue
      this.#rest = this.#view.getUint32(LENGTH_AT)
      if (this.#rest > YAMUX_FRAME_BYTES_MAX) return false
    }
    return true
  }
}
