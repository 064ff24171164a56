/**
 * Chance from a seed: sfc32 (Doty-Humphrey, PractRand), seeded through splitmix32.
 *
 * `fork(purpose)` gives a generator that depends on the seed and the purpose alone, never on how
 * many numbers were drawn before: one more draw in the network does not reshuffle the faults.
 */
import type { Random } from '../../src/seams/random.ts'

export class SimRandom implements Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: string) {
    this.#seed = seed
    let state = hashText(seed)
    const next = (): number => {
      state = (state + 0x9e3779b9) | 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) | 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    for (let i = 0; i < 12; i++) this.uint32()
  }

  fork(purpose: string): SimRandom {
    return new SimRandom(`${this.#seed}/${purpose}`)
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  float(): number {
    const high = this.uint32() >>> 5
    const low = this.uint32() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  int(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1) throw new RangeError(`bound ${bound} is not ≥ 1`)
    return Math.floor(this.float() * bound)
  }

  bytes(length: number): Uint8Array {
    const result = new Uint8Array(length)
    for (let i = 0; i < length; i += 4) {
      const word = this.uint32()
      for (let j = i; j < length && j < i + 4; j++) result[j] = word >>> (8 * (j - i))
    }
    return result
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.float() < p
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + this.float() * (high - low)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  /** Exponentially distributed with the given mean: gaps between independent events. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean
  }
}

/** FNV-1a over the UTF-16 units. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}
