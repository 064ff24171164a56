/**
 * Bytes of messages: positional fields, written and read in the same order.
 *
 * The primitives are protobuf's (LEB128 varints, length-prefixed bytes), without tags: a message
 * is versioned by the hello's wire version, and grows only at its end, where an older reader stops
 * reading. Written by hand, since every request passes here and a general writer costs two to
 * three times as much (test/bench/micro/codec.ts).
 *
 * Reading is bounded: every length is checked against what is there before it is used, and
 * against the field's own limit. A bad message throws WireError, which closes one link and
 * nothing else.
 */
import { isUtf8 } from 'node:buffer'

export class WireError extends Error {
  override readonly name = 'WireError'
}

const FIRST_BYTES = 128
/** 53 bits, seven in each. */
const VARINT_BYTES_MAX = 8
const INT32_MAX = 2 ** 31 - 1
/** Shorter texts are copied by a loop here, which is cheaper than a call out of JavaScript. */
const SHORT_TEXT = 64

export class WireWriter {
  #out: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #at = 0

  /** 0 to 2^53 − 1. */
  uint(value: number): this {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new WireError(`number ${value}`)
    this.#reserve(VARINT_BYTES_MAX)
    this.#varint(value)
    return this
  }

  bool(value: boolean): this {
    this.#reserve(1)
    this.#out[this.#at++] = value ? 1 : 0
    return this
  }

  bytes(value: Uint8Array): this {
    this.#reserve(VARINT_BYTES_MAX + value.length)
    this.#varint(value.length)
    this.#out.set(value, this.#at)
    this.#at += value.length
    return this
  }

  string(value: string): this {
    if (value.length < SHORT_TEXT && this.#shortAscii(value)) return this
    const bytes = Buffer.byteLength(value, 'utf8')
    this.#reserve(VARINT_BYTES_MAX + bytes)
    this.#varint(bytes)
    this.#at += this.#out.write(value, this.#at, bytes, 'utf8')
    return this
  }

  list<T>(items: readonly T[], write: (out: this, item: T) => void): this {
    this.#reserve(VARINT_BYTES_MAX)
    this.#varint(items.length)
    for (const item of items) write(this, item)
    return this
  }

  /** The message; the writer is not used after it. */
  finish(): Uint8Array {
    const { buffer, byteOffset } = this.#out
    return new Uint8Array(buffer, byteOffset, this.#at)
  }

  /** False, and nothing written, when the text has more than ASCII. */
  #shortAscii(text: string): boolean {
    const { length } = text
    this.#reserve(1 + length)
    const out = this.#out
    const start = this.#at + 1
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      out[start + i] = unit
    }
    out[this.#at] = length
    this.#at = start + length
    return true
  }

  #varint(value: number): void {
    const out = this.#out
    let at = this.#at
    let rest = value
    for (; rest > INT32_MAX; rest = Math.floor(rest / 0x80)) out[at++] = (rest % 0x80) | 0x80
    for (; rest >= 0x80; rest >>= 7) out[at++] = (rest & 0x7f) | 0x80
    out[at++] = rest
    this.#at = at
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#out.length * 2, this.#at + bytes))
    grown.set(this.#out.subarray(0, this.#at))
    this.#out = grown
  }
}

export class WireReader {
  readonly #in: Uint8Array
  /** The same bytes; made for the first text. */
  #buffer: Buffer | null = null
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#in = bytes
  }

  /** True when no field is left: how a reader meets a message of an older version. */
  get done(): boolean {
    return this.#at >= this.#in.length
  }

  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#varint()
    if (value > max) throw new WireError(`number ${value} is over its limit ${max}`)
    return value
  }

  bool(): boolean {
    const value = this.#varint()
    if (value > 1) throw new WireError(`${value} is neither true nor false`)
    return value === 1
  }

  /** A view of the message, not a copy. */
  bytes(maxBytes: number): Uint8Array {
    const length = this.#length(maxBytes)
    const { buffer, byteOffset } = this.#in
    const view = new Uint8Array(buffer, byteOffset + this.#at, length)
    this.#at += length
    return view
  }

  /** Text that is not valid UTF-8 is refused. */
  string(maxBytes: number): string {
    const length = this.#length(maxBytes)
    const start = this.#at
    this.#at += length
    const text = this.#asBuffer().toString('utf8', start, start + length)
    // What is not UTF-8 decodes to U+FFFD, which may also stand in the text itself.
    if (text.includes('\uFFFD') && !isUtf8(this.#in.subarray(start, start + length))) {
      throw new WireError('a text is not valid UTF-8')
    }
    return text
  }

  list<T>(maxItems: number, read: (from: this) => T): T[] {
    const count = this.#varint()
    if (count > maxItems) throw new WireError(`${count} items are over the limit ${maxItems}`)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  #asBuffer(): Buffer {
    const { buffer, byteOffset, length } = this.#in
    this.#buffer ??= Buffer.from(buffer, byteOffset, length)
    return this.#buffer
  }

  #length(maxBytes: number): number {
    const length = this.#varint()
    if (length > maxBytes) throw new WireError(`${length} bytes are over the limit ${maxBytes}`)
    if (length > this.#in.length - this.#at) throw cutShort()
    return length
  }

  #varint(): number {
    const bytes = this.#in
    let byte = bytes[this.#at++]
    if (byte === undefined) throw cutShort()
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    let scale = 0x80
    for (let i = 1; i < VARINT_BYTES_MAX; i++) {
      byte = bytes[this.#at++]
      if (byte === undefined) throw cutShort()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      scale *= 0x80
    }
    throw new WireError('a number has more than 53 bits')
  }
}

function cutShort(): WireError {
  return new WireError('message is cut short')
}
