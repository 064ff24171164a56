/** Time that moves when the test says so. */
import type { Clock, Timer } from '../../src/seams/clock.ts'

interface Due {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class ManualClock implements Clock {
  #nowMs = 0
  #order = 0
  #due: Due[] = []

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return 1_900_000_000_000 + this.#nowMs
  }

  after(delayMs: number, run: () => void): Timer {
    const due = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#due.push(due)
    return { cancel: () => void (this.#due = this.#due.filter((each) => each !== due)) }
  }

  soon(run: () => void): Timer {
    return this.after(0, run)
  }

  get pending(): number {
    return this.#due.length
  }

  /** Runs everything that comes due within `byMs`, and what that sets off. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs
    for (;;) {
      await settled()
      const next = this.#due
        .filter(({ atMs }) => atMs <= endMs)
        .toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)[0]
      if (next === undefined) break
      this.#due = this.#due.filter((each) => each !== next)
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
    }
    this.#nowMs = endMs
  }
}

/** All promises that can settle have. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
