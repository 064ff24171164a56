/** What happened lately: names that are remembered for a while, at most so many. */
import { RecentMap } from './recent-map.ts'

/** Monotonic milliseconds, as the seam of time gives them. */
interface Monotonic {
  monotonicMs(): number
}

export class Lately {
  readonly #clock: Monotonic
  readonly #forMs: number
  /** Until when. */
  readonly #untilMs: RecentMap<number>

  constructor(clock: Monotonic, forMs: number, sizeMax: number) {
    this.#clock = clock
    this.#forMs = forMs
    this.#untilMs = new RecentMap(sizeMax)
  }

  add(name: string): void {
    this.#untilMs.set(name, this.#clock.monotonicMs() + this.#forMs)
  }

  has(name: string): boolean {
    const untilMs = this.#untilMs.get(name)
    return untilMs !== undefined && this.#clock.monotonicMs() < untilMs
  }
}
