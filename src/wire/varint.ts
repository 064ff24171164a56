/**
 * Unsigned varints (LEB128) of up to 53 bits, by hand: headers of requests are written straight
 * into the frame that carries them, which a general writer cannot do.
 */
import { WireError } from './codec.ts'

export const VARINT_BYTES_MAX = 8

/** Returns the position behind what was written. */
export function writeVarint(out: Uint8Array, at: number, value: number): number {
  let rest = value
  let position = at
  while (rest >= 0x80) {
    out[position++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  out[position++] = rest
  return position
}

/** Walks over a frame. Every read is checked against what is there. */
export class Cursor {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes
    this.at = at
  }

  get done(): boolean {
    return this.at >= this.bytes.length
  }

  byte(): number {
    const byte = this.bytes[this.at++]
    if (byte === undefined) throw new WireError('message is cut short')
    return byte
  }

  varint(): number {
    const { bytes } = this
    let byte = bytes[this.at++]
    if (byte === undefined) throw new WireError('message is cut short')
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    let scale = 0x80
    for (let i = 1; i < VARINT_BYTES_MAX; i++) {
      byte = bytes[this.at++]
      if (byte === undefined) throw new WireError('message is cut short')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw new WireError('a number has more than 53 bits')
  }

  /** A view, not a copy. */
  take(length: number): Uint8Array {
    const { bytes, at } = this
    if (length > bytes.length - at) throw new WireError('message is cut short')
    this.at = at + length
    return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length)
  }
}
