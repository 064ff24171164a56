/**
 * The checksum at the end of an RDB file: CRC-64 with the polynomial of Jones, reflected, from zero.
 * Two halves of 32 bits: a BigInt a byte would take longer than all the rest of reading.
 */
import type { Checksum } from '../byte-input.ts'

/** 0xad93d23594c935a9 with its bits reversed. */
const POLYNOMIAL_HIGH = 0x95ac9329
const POLYNOMIAL_LOW = 0xac4bc9b5

export class Crc64 implements Checksum {
  readonly #tableHigh = new Uint32Array(256)
  readonly #tableLow = new Uint32Array(256)
  #high = 0
  #low = 0

  constructor() {
    for (let byte = 0; byte < 256; byte++) {
      let high = 0
      let low = byte
      for (let bit = 0; bit < 8; bit++) {
        const odd = low & 1
        low = (low >>> 1) | (high << 31)
        high >>>= 1
        if (odd === 1) {
          low ^= POLYNOMIAL_LOW
          high ^= POLYNOMIAL_HIGH
        }
      }
      this.#tableHigh[byte] = high
      this.#tableLow[byte] = low
    }
  }

  get value(): bigint {
    return (BigInt(this.#high >>> 0) << 32n) | BigInt(this.#low >>> 0)
  }

  update(bytes: Buffer): void {
    let high = this.#high
    let low = this.#low
    for (let i = 0; i < bytes.length; i++) {
      const at = (low ^ (bytes[i] as number)) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ (this.#tableLow[at] as number)
      high = (high >>> 8) ^ (this.#tableHigh[at] as number)
    }
    this.#high = high
    this.#low = low
  }
}
