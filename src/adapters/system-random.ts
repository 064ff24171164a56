/**
 * Cryptographically strong chance. Small draws come out of a pool that one system call fills, so
 * a draw costs tens of nanoseconds; every byte of the pool is given out once and erased.
 */
import { getRandomValues } from 'node:crypto'
import type { Random } from '../seams/random.ts'

const POOL_BYTES = 4096
/** Larger requests go past the pool; getRandomValues itself takes at most 65536 at a time. */
const POOLED_BYTES_MAX = 256
const FILL_BYTES_MAX = 65536
const TWO_32 = 2 ** 32
const TWO_53 = 2 ** 53

export class SystemRandom implements Random {
  readonly #pool = new Uint8Array(POOL_BYTES)
  readonly #view = new DataView(this.#pool.buffer)
  /** Bytes before it are spent. */
  #next = POOL_BYTES

  float(): number {
    return this.#bits53() / TWO_53
  }

  int(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1) throw new RangeError(`bound ${bound} is not ≥ 1`)
    const [space, draw] =
      bound <= TWO_32 ? [TWO_32, this.#bits32.bind(this)] : [TWO_53, this.#bits53.bind(this)]
    // Draws above the last whole multiple of the bound would favour small results.
    const fair = space - (space % bound)
    let value = draw()
    while (value >= fair) value = draw()
    return value % bound
  }

  bytes(length: number): Uint8Array {
    if (length <= POOLED_BYTES_MAX) {
      const start = this.#take(length)
      const result = this.#pool.slice(start, start + length)
      this.#pool.fill(0, start, start + length)
      return result
    }
    const result = new Uint8Array(length)
    for (let i = 0; i < length; i += FILL_BYTES_MAX) {
      getRandomValues(result.subarray(i, i + FILL_BYTES_MAX))
    }
    return result
  }

  #bits32(): number {
    const start = this.#take(4)
    const value = this.#view.getUint32(start)
    this.#view.setUint32(start, 0)
    return value
  }

  #bits53(): number {
    const high = this.#bits32() >>> 5
    const low = this.#bits32() >>> 6
    return high * 0x4000000 + low
  }

  #take(length: number): number {
    if (this.#next + length > POOL_BYTES) {
      getRandomValues(this.#pool)
      this.#next = 0
    }
    const start = this.#next
    this.#next += length
    return start
  }
}
