/**
 * When to dial again after a failure: after a delay that doubles up to a bound, shared out evenly
 * over its second half so that those who lost the same peer do not return in step. It never gives
 * up: clusters whose members did had partitions that never healed.
 */
import type { Random } from '../seams/random.ts'

const FIRST_MS = 100
const LAST_MS = 10_000
const DOUBLINGS_MAX = 7

export class BackOff {
  readonly #random: Random
  #failures = 0
  #notBeforeMs = Number.NEGATIVE_INFINITY

  constructor(random: Random) {
    this.#random = random
  }

  get failures(): number {
    return this.#failures
  }

  /** How long to wait; 0 when one may dial now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#notBeforeMs - nowMs)
  }

  failed(nowMs: number): void {
    const fullMs = Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(this.#failures, DOUBLINGS_MAX))
    this.#failures++
    this.#notBeforeMs = nowMs + fullMs * (0.5 + this.#random.float() / 2)
  }

  succeeded(): void {
    this.#failures = 0
    this.#notBeforeMs = Number.NEGATIVE_INFINITY
  }

  /** News such as another address: one may dial at once, and a failure counts on from here. */
  forgive(): void {
    this.#notBeforeMs = Number.NEGATIVE_INFINITY
  }
}
