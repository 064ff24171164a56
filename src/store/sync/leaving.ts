/**
 * When farewell is said: soon after something may be here that is not ours any more, and after a
 * failure again. Who is refused for good (DENIED: this disk was removed, or what the node shows of
 * itself is over) says so once in the log, and asks ever more seldom until something has changed.
 */
import { isAtollError } from '../../base/errors.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { TopologyView } from '../../topology/topology.ts'
import type { StoreCounts } from '../counts.ts'
import type { Farewell } from './farewell.ts'

export interface LeavingOptions {
  readonly topology: TopologyView
  readonly counts: StoreCounts
  readonly clock: Clock
  readonly log: Log
}

/** A little later, so that what comes in one burst is one piece of work. */
const BURST_MS = 5
/** After a failure, and after the first refusal; twice as long after each further one. */
const RETRY_MS = 1000
const REFUSED_MS_MAX = 10 * 60 * 1000

export class Leaving {
  readonly #options: LeavingOptions
  readonly #farewell: Farewell
  readonly #aborter = new AbortController()
  #running: Promise<void> | null = null
  /** There may be more to leave than the running work has seen. */
  #hasMore = false
  /** Of the pause under way. */
  #pause = new AbortController()
  #refusedMs = RETRY_MS
  #isRefusalTold = false

  constructor(options: LeavingOptions, farewell: Farewell) {
    this.#options = options
    this.#farewell = farewell
  }

  /** There may be something to leave. */
  look(): void {
    this.#hasMore = true
    if (this.#running !== null || this.#aborter.signal.aborted) return
    this.#running = this.#sayAll()
  }

  /** As `look`, and who refused may not any more. */
  lookAnew(): void {
    this.#refusedMs = RETRY_MS
    this.#pause.abort()
    this.look()
  }

  async stop(): Promise<void> {
    this.#aborter.abort()
    this.#pause.abort()
    await this.#running
  }

  async #sayAll(): Promise<void> {
    const { signal } = this.#aborter
    await sleep(this.#options.clock, BURST_MS, signal).catch(() => undefined)
    while (!signal.aborted) {
      this.#hasMore = false
      try {
        const topology = this.#options.topology.current()
        const didSay = topology !== null && (await this.#farewell.sayAll(topology))
        if (didSay) this.#isRefusalTold = false
        else if (!this.#hasMore) break
      } catch (error) {
        if (signal.aborted) break
        await this.#waitAfter(error)
      }
    }
    this.#running = null
  }

  async #waitAfter(error: unknown): Promise<void> {
    const { clock, counts, log } = this.#options
    counts.syncFailures++
    const isRefused = isAtollError(error, 'DENIED')
    const fields = { error: String(error) }
    if (isRefused && !this.#isRefusalTold) log.write('warn', 'store.farewell-refused', fields)
    else log.write('debug', 'store.sync-failed', fields)
    this.#isRefusalTold ||= isRefused
    const pauseMs = isRefused ? this.#refusedMs : RETRY_MS
    if (isRefused) this.#refusedMs = Math.min(2 * pauseMs, REFUSED_MS_MAX)
    this.#pause = new AbortController()
    await sleep(clock, pauseMs, this.#pause.signal).catch(() => undefined)
  }
}
