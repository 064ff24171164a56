/**
 * Local health (Lifeguard §4.1): how far this process trusts its own view. Every sign that it is
 * slow itself raises the score, every probe that went well lowers it; period and time-out of its
 * probes grow with the score, so that a slow process accuses others later.
 */
import { assert } from '../base/assert.ts'

export class Awareness {
  readonly #max: number
  /** 0 is good; always below `#max`. */
  #score = 0

  constructor(max: number) {
    assert(max >= 1, 'local health needs at least one step')
    this.#max = max
  }

  get score(): number {
    return this.#score
  }

  change(delta: number): void {
    this.#score = Math.min(this.#max - 1, Math.max(0, this.#score + delta))
  }

  /** A time-out or period as this process should wait now. */
  scale(ms: number): number {
    return ms * (this.#score + 1)
  }
}
