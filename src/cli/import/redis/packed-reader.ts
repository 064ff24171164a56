/** Reads the packed forms of small collections, which are one string each; within its bounds. */
import { malformed } from './rdb-error.ts'

export class PackedReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    return this.unsigned(1)
  }

  /** Of up to six bytes, little-endian. */
  unsigned(bytes: number): number {
    return this.#bytes.readUIntLE(this.#step(bytes), bytes)
  }

  /** The same, big-endian. */
  unsignedBig(bytes: number): number {
    return this.#bytes.readUIntBE(this.#step(bytes), bytes)
  }

  /** As text in decimal, which is how Redis gives it out. Up to eight bytes, little-endian. */
  signedText(bytes: number): Buffer {
    const at = this.#step(bytes)
    if (bytes === 8) return Buffer.from(String(this.#bytes.readBigInt64LE(at)))
    return Buffer.from(String(this.#bytes.readIntLE(at, bytes)))
  }

  /** A view. */
  take(bytes: number): Buffer {
    const at = this.#step(bytes)
    return this.#bytes.subarray(at, at + bytes)
  }

  #step(bytes: number): number {
    const at = this.#at
    if (bytes > this.left) throw malformed('a packed collection ends too early')
    this.#at += bytes
    return at
  }
}
