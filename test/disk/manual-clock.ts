/** A clock that a test moves by hand: timers fire in order, promises settle in between. */
import type { Clock, Timer } from '../../src/seams/clock.ts'

interface Entry {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** A mutant's test may still run when a simulation begins, which forbids the global one. */
const realSetImmediate = setImmediate

/** A condition that never comes true within this many events is a defect, not a wait. */
const EVENTS_MAX = 50_000

const settle = (): Promise<void> => new Promise((resolve) => realSetImmediate(resolve))

export class ManualClock implements Clock {
  #nowMs = 1_000
  #order = 0
  #entries: Entry[] = []
  /** How many timers have run: a measure of how far things went. */
  ran = 0

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  after(delayMs: number, run: () => void): Timer {
    const entry = { atMs: this.#nowMs + delayMs, order: this.#order++, run, cancelled: false }
    this.#entries.push(entry)
    return {
      cancel: () => {
        entry.cancelled = true
      },
    }
  }

  soon(run: () => void): Timer {
    return this.after(0, run)
  }

  /** Runs what is due next, and lets promises settle. False when nothing waits. */
  async step(untilMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    await settle()
    this.#entries = this.#entries.filter(({ cancelled }) => !cancelled)
    this.#entries.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    const [next] = this.#entries
    if (next === undefined || next.atMs > untilMs) return false
    this.#entries.shift()
    this.#nowMs = Math.max(this.#nowMs, next.atMs)
    this.ran++
    next.run()
    await settle()
    return true
  }

  async runUntil(condition: () => boolean): Promise<void> {
    for (let i = 0; i < EVENTS_MAX && !condition(); i++) {
      if (!(await this.step())) return
    }
  }

  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms
    while (await this.step(until));
    this.#nowMs = until
  }

  /** Runs timers until the promise has settled, and returns what it gave. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const watched = promise.finally(() => {
      settled = true
    })
    // The caller gets the promise itself, and with it the error.
    watched.catch(() => undefined)
    for (let i = 0; i < EVENTS_MAX && !settled; i++) {
      if (!(await this.step()) && !settled) await settle()
    }
    if (!settled) throw new Error('nothing is left to happen, and the promise still waits')
    return promise
  }
}
