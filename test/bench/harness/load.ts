/**
 * The two ways to ask for work.
 *
 * Closed: so many callers, each waiting for its answer before it asks again. It shows what a system
 * can do, and hides how long a caller waits when it stalls: while it does, nobody asks.
 *
 * Open: one request at each tick of a clock that does not care whether the last one was answered.
 * A latency runs from the moment the request should have been sent, so a stall is counted for every
 * request that fell into it (no coordinated omission).
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Operation } from './section.ts'

export interface Measured {
  readonly latenciesMs: readonly number[]
  readonly seconds: number
  readonly failed: number
  /** What the first failure said. */
  readonly failure: string | null
}

/** More failures than this end a measurement: a system that refuses at once would be flooded. */
const FAILURES_MAX = 1_000
/** Requests that may wait for an answer in an open loop; the next ones wait here, their clock on. */
const IN_FLIGHT_MAX = 20_000
/** How long answers are waited for once nothing more is asked. */
const GRACE_MS = 10_000

/** Time and the waiting for it, so that tests can own both. */
export interface LoadClock {
  nowMs(): number
  /** Lets others go on for about so long. */
  pause(ms: number): Promise<void>
}

/** What a closed loop needs too: nobody looks at the time while all wait for an answer. */
export interface TimerClock extends LoadClock {
  /** Resolves then, or when it is given up. */
  timer(ms: number, signal: AbortSignal): Promise<void>
}

export const SYSTEM_LOAD_CLOCK: TimerClock = {
  nowMs: () => performance.now(),
  pause: (ms) => delay(ms),
  timer: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
}

/** Latencies as they come in, the failures among them, and what is not answered yet. */
class Tally {
  readonly #clock: LoadClock
  readonly #latenciesMs: number[] = []
  /** When each should have been sent. */
  readonly #waiting = new Map<number, number>()
  #failed = 0
  #failure: string | null = null

  constructor(clock: LoadClock) {
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get hopeless(): boolean {
    return this.#failed > FAILURES_MAX
  }

  /** Does it once and counts it, unless it has been given up meanwhile. */
  async count(operation: Operation, i: number, intended: number): Promise<void> {
    this.#waiting.set(i, intended)
    try {
      await operation(i)
      if (this.#waiting.has(i)) this.#latenciesMs.push(this.#clock.nowMs() - intended)
    } catch (error) {
      if (this.#waiting.has(i)) this.#fail(error)
    }
    this.#waiting.delete(i)
  }

  /** What is not answered by now waited at least so long, and nobody knows how much longer. */
  giveUp(): void {
    for (const intended of this.#waiting.values()) {
      this.#latenciesMs.push(this.#clock.nowMs() - intended)
      this.#fail(new Error(`no answer within ${GRACE_MS} ms of the end`))
    }
    this.#waiting.clear()
  }

  over(seconds: number): Measured {
    const measured = { failed: this.#failed, failure: this.#failure, seconds }
    return { latenciesMs: this.#latenciesMs, ...measured }
  }

  #fail(error: unknown): void {
    this.#failed++
    this.#failure ??= error instanceof Error ? error.message : String(error)
  }
}

export async function closedLoop(
  operation: Operation,
  inFlight: number,
  seconds: number,
  clock: TimerClock = SYSTEM_LOAD_CLOCK,
): Promise<Measured> {
  const tally = new Tally(clock)
  const started = clock.nowMs()
  const end = started + seconds * 1000
  let next = 0
  const caller = async () => {
    for (let now = clock.nowMs(); now < end && !tally.hopeless; now = clock.nowMs()) {
      await tally.count(operation, next++, now)
    }
  }
  const answered = new AbortController()
  const callers = Promise.all(Array.from({ length: inFlight }, caller))
  await Promise.race([callers, clock.timer(seconds * 1000 + GRACE_MS, answered.signal)])
  answered.abort()
  tally.giveUp()
  return tally.over((clock.nowMs() - started) / 1000)
}

export async function openLoop(
  operation: Operation,
  perSecond: number,
  seconds: number,
  clock: LoadClock = SYSTEM_LOAD_CLOCK,
): Promise<Measured> {
  const tally = new Tally(clock)
  const started = clock.nowMs()
  const total = Math.round(perSecond * seconds)
  const counted: Promise<void>[] = []
  for (let i = 0; i < total && !tally.hopeless; ) {
    const intended = started + (i * 1000) / perSecond
    if (clock.nowMs() >= intended && tally.waiting < IN_FLIGHT_MAX) {
      counted.push(tally.count(operation, i++, intended))
    } else {
      await clock.pause(1)
    }
  }
  const end = clock.nowMs() + GRACE_MS
  while (tally.waiting > 0 && clock.nowMs() < end) await clock.pause(1)
  tally.giveUp()
  return tally.over(Math.max(seconds, (clock.nowMs() - started) / 1000))
}
