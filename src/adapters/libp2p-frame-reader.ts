/**
 * Bytes of a stream, in pieces of any size, back to frames: each comes after its length, a varint.
 *
 * A length is checked before a byte of memory is set aside for it, and memory grows with what has
 * arrived, not with what was announced: at most twice the bytes received, however small the pieces.
 */
import { FRAME_BYTES_MAX } from '../seams/network.ts'

/** A varint of a length that is accepted has at most this many bytes. */
const PREFIX_BYTES_MAX = 4
/** Set aside for a frame at first; doubled as it fills. */
const PARTIAL_BYTES_MIN = 64 * 1024

/** Takes a frame to keep; false: it wants no more. */
export type TakeFrame = (frame: Uint8Array) => boolean

export class FrameReader {
  /** Of the frame that has begun; meaningless while the prefix is being read. */
  #length = 0
  #prefixBytes = 0
  #prefixRead = false
  /** What of a frame came in earlier pieces; at most #length long. */
  #partial = new Uint8Array()
  #have = 0

  /** A frame has begun and is not complete. */
  get midFrame(): boolean {
    return this.#prefixBytes > 0
  }

  /** False: the other side does not speak this language, or announced a frame too large. */
  read(piece: Uint8Array, take: TakeFrame): boolean {
    let at = 0
    // A frame of no bytes is complete with its prefix.
    while (at < piece.length || (this.#prefixRead && this.#length === 0)) {
      if (!this.#prefixRead) {
        const byte = piece[at++] ?? 0
        if (!this.#readPrefix(byte)) return false
        continue
      }
      const missing = this.#length - this.#have
      const end = Math.min(at + missing, piece.length)
      if (end - at < missing) {
        this.#keep(piece.subarray(at, end))
        return true
      }
      const frame = this.#complete(piece.subarray(at, end))
      at = end
      if (!take(frame)) return true
    }
    return true
  }

  #readPrefix(byte: number): boolean {
    this.#length += (byte & 0x7f) * 2 ** (7 * this.#prefixBytes)
    this.#prefixBytes++
    this.#prefixRead = byte < 0x80
    if (this.#length > FRAME_BYTES_MAX) return false
    return this.#prefixRead || this.#prefixBytes < PREFIX_BYTES_MAX
  }

  /** The last bytes of a frame. */
  #complete(rest: Uint8Array): Uint8Array {
    if (this.#have > 0) this.#keep(rest)
    // A copy: `slice` of a Buffer, which the socket's pieces are, would be a view of all of it.
    const frame = this.#have > 0 ? this.#partial : new Uint8Array(rest)
    this.#length = 0
    this.#prefixBytes = 0
    this.#prefixRead = false
    this.#partial = new Uint8Array()
    this.#have = 0
    return frame
  }

  #keep(bytes: Uint8Array): void {
    const have = this.#have + bytes.length
    if (have > this.#partial.length) {
      // Never more than the frame, so that a complete one fills its memory exactly.
      const room = Math.min(Math.max(PARTIAL_BYTES_MIN, 2 * have), this.#length)
      const grown = new Uint8Array(room)
      grown.set(this.#partial.subarray(0, this.#have))
      this.#partial = grown
    }
    this.#partial.set(bytes, this.#have)
    this.#have = have
  }
}
