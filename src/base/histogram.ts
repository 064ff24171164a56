/**
 * How often a measured number fell below each of a few fixed bounds: enough to tell a median from
 * a tail, at the cost of one addition. Bounds never change, so histograms of several daemons and
 * of several scrapes can be added up.
 */
import { assert } from './assert.ts'

/** From half a millisecond, about one fdatasync of a good disk, to the longest default deadline. */
export const LATENCY_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

export class Histogram {
  /** Inclusive upper bounds, ascending. */
  readonly bounds: readonly number[]
  /** By bucket, the last of them for what is above every bound. */
  readonly #counts: number[]
  #sum = 0

  constructor(bounds: readonly number[]) {
    assert(bounds.length > 0, 'a histogram has a bound')
    for (const [i, bound] of bounds.entries()) {
      assert(bound > (bounds[i - 1] ?? Number.NEGATIVE_INFINITY), 'bounds ascend')
    }
    this.bounds = bounds
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    const { bounds } = this
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sum += value
  }

  get sum(): number {
    return this.#sum
  }

  /** How many were observed. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** By bound: how many were at most that. */
  atMost(): readonly number[] {
    let below = 0
    return this.bounds.map((_, i) => {
      below += this.#counts[i] as number
      return below
    })
  }
}
