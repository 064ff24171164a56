/**
 * One timer for all requests of a mesh: a hashed timing wheel (Varghese and Lauck, 1987, scheme 6)
 * with lists threaded through the entries, so that arming and disarming a time-out, which every
 * request does, costs a few pointers and no timer of the system.
 *
 * A deadline is never early and up to one tick late. Sweeps run in `clock.soon`: after a stall of
 * the event loop the answers that wait in the sockets are read before anybody is given up.
 */
import type { Clock, Timer } from '../seams/clock.ts'

const TICK_MS = 10
/** Ticks of one turn of the wheel; what is due later waits for its turn. */
const SLOTS = 1024

export abstract class Expiring {
  /** −1: not on the wheel. */
  dueTick = -1
  before: Expiring | null = null
  behind: Expiring | null = null
  abstract expire(): void
}

export class Deadlines {
  readonly #clock: Clock
  readonly #slots: (Expiring | null)[] = Array.from({ length: SLOTS }, () => null)
  #size = 0
  /** Slots up to this tick have been swept. */
  #sweptTick: number
  #timer: Timer | null = null
  /** When `#timer` runs. Never later than the earliest deadline. */
  #armedTick = Number.POSITIVE_INFINITY
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sweptTick = Math.floor(clock.monotonicMs() / TICK_MS)
  }

  get size(): number {
    return this.#size
  }

  add(entry: Expiring, delayMs: number): void {
    const nowMs = this.#clock.monotonicMs()
    // A slot at or before the swept one would wait for a whole turn of the wheel.
    const tick = Math.max(Math.ceil((nowMs + delayMs) / TICK_MS), this.#sweptTick + 1)
    const slot = tick % SLOTS
    const first = this.#slots[slot] ?? null
    entry.dueTick = tick
    entry.before = null
    entry.behind = first
    if (first !== null) first.before = entry
    this.#slots[slot] = entry
    this.#size++
    if (tick < this.#armedTick) this.#arm(tick, nowMs)
  }

  /** Idempotent. */
  remove(entry: Expiring): void {
    if (entry.dueTick < 0) return
    const { before, behind } = entry
    if (before === null) this.#slots[entry.dueTick % SLOTS] = behind
    else before.behind = behind
    if (behind !== null) behind.before = before
    entry.dueTick = -1
    entry.before = null
    entry.behind = null
    this.#size--
  }

  /** Nothing expires any more, and what is added later never does: its owner ends what it waits for. */
  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#timer = null
    this.#armedTick = Number.POSITIVE_INFINITY
  }

  #arm(tick: number, nowMs: number): void {
    if (this.#isStopped) return
    this.#timer?.cancel()
    this.#armedTick = tick
    this.#timer = this.#clock.after(Math.max(0, tick * TICK_MS - nowMs), () => {
      this.#timer = this.#clock.soon(this.#sweep)
    })
  }

  readonly #sweep = (): void => {
    this.#timer = null
    this.#armedTick = Number.POSITIVE_INFINITY
    const nowTick = Math.floor(this.#clock.monotonicMs() / TICK_MS)
    const due: Expiring[] = []
    for (let tick = Math.max(this.#sweptTick + 1, nowTick - SLOTS + 1); tick <= nowTick; tick++) {
      this.#collect(tick % SLOTS, nowTick, due)
    }
    this.#sweptTick = Math.max(this.#sweptTick, nowTick)
    due.sort((a, b) => a.dueTick - b.dueTick)
    for (const entry of due) {
      if (entry.dueTick < 0) continue // An earlier one's end settled it as well.
      this.remove(entry)
      entry.expire()
    }
    this.#armNext()
  }

  #collect(slot: number, nowTick: number, due: Expiring[]): void {
    for (let entry = this.#slots[slot] ?? null; entry !== null; entry = entry.behind) {
      if (entry.dueTick <= nowTick) due.push(entry)
    }
  }

  #armNext(): void {
    if (this.#size === 0) return
    const from = this.#sweptTick + 1
    for (let tick = from; tick < from + SLOTS; tick++) {
      if ((this.#slots[tick % SLOTS] ?? null) === null) continue
      if (tick < this.#armedTick) this.#arm(tick, this.#clock.monotonicMs())
      return
    }
  }
}
