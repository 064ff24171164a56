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
/** How long after the last request of an open loop answers are waited for. */
const GRACE_MS = 10_000

/** Time and the pause between looks at it, so that tests can own both. */
export interface LoadClock {
  nowMs(): number
  pause(ms: number): Promise<void>
}

export const SYSTEM_LOAD_CLOCK: LoadClock = {
  nowMs: () => performance.now(),
  pause: (ms) => delay(ms),
}

/** Latencies as they come in, and the failures among them. */
class Tally {
  readonly latenciesMs: number[] = []
  failed = 0
  failure: string | null = null

  fail(error: unknown): void {
    this.failed++
    this.failure ??= error instanceof Error ? error.message : String(error)
  }

  get hopeless(): boolean {
    return this.failed > FAILURES_MAX
  }

  over(seconds: number): Measured {
    const { latenciesMs, failed, failure } = this
    return { latenciesMs, seconds, failed, failure }
  }
}

export async function closedLoop(
  operation: Operation,
  inFlight: number,
  seconds: number,
  clock: LoadClock = SYSTEM_LOAD_CLOCK,
): Promise<Measured> {
  const tally = new Tally()
  const started = clock.nowMs()
  const end = started + seconds * 1000
  let next = 0
  const caller = async () => {
    for (let now = clock.nowMs(); now < end && !tally.hopeless; now = clock.nowMs()) {
      try {
        await operation(next++)
        tally.latenciesMs.push(clock.nowMs() - now)
      } catch (error) {
        tally.fail(error)
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  return tally.over((clock.nowMs() - started) / 1000)
}

export async function openLoop(
  operation: Operation,
  perSecond: number,
  seconds: number,
  clock: LoadClock = SYSTEM_LOAD_CLOCK,
): Promise<Measured> {
  const tally = new Tally()
  const started = clock.nowMs()
  const total = Math.round(perSecond * seconds)
  const waiting = new Map<number, number>()
  const send = async (i: number, intended: number) => {
    waiting.set(i, intended)
    try {
      await operation(i)
      // Given up already: it has been counted.
      if (waiting.has(i)) tally.latenciesMs.push(clock.nowMs() - intended)
    } catch (error) {
      if (waiting.has(i)) tally.fail(error)
    }
    waiting.delete(i)
  }
  const sent: Promise<void>[] = []
  for (let i = 0; i < total && !tally.hopeless; ) {
    const intended = started + (i * 1000) / perSecond
    if (clock.nowMs() >= intended && waiting.size < IN_FLIGHT_MAX) sent.push(send(i++, intended))
    else await clock.pause(1)
  }
  const end = clock.nowMs() + GRACE_MS
  while (waiting.size > 0 && clock.nowMs() < end) await clock.pause(1)
  for (const intended of waiting.values()) {
    // It waited at least so long, and nobody knows how much longer.
    tally.latenciesMs.push(clock.nowMs() - intended)
    tally.fail(new Error(`no answer within ${GRACE_MS} ms of the last request`))
  }
  waiting.clear()
  return tally.over(Math.max(seconds, (clock.nowMs() - started) / 1000))
}
