/** Real daemons as a stage for the clients of registers that the simulator has, too. */
import { setTimeout as delay } from 'node:timers/promises'
import { AtollError, type Outcome } from '../../../src/base/errors.ts'
import type { RegApi } from '../../../src/node/api.ts'
import type { Answer } from '../../sim/node-calls.ts'
import type { RegisterStage } from '../../sim/register-stage.ts'
import { REGISTER_DEADLINE_MS } from '../../sim/register-workload.ts'
import type { SimRandom } from '../../sim/sim-random.ts'
import { until } from '../processes.ts'
import type { HostileCluster } from './cluster.ts'

/** A call that is answered so long after its deadline, by a daemon that nobody held, has hung. */
const OVERDUE_MS = 3000
/** So long a client waits for a daemon that may be held. */
const PATIENCE_MS = 10_000

/** Nobody was asked. */
class NobodyThere extends Error {}
/** Somebody was asked and never said anything. */
class NoAnswer extends Error {}

export class RealStage implements RegisterStage {
  readonly #cluster: HostileCluster
  readonly #codes = new Map<string, number>()
  #failure: Error | null = null
  /** Of all calls that daemons answered which nobody held. */
  longestMs = 0

  constructor(cluster: HostileCluster) {
    this.#cluster = cluster
  }

  get nowUs(): number {
    return Math.floor(performance.now() * 1000)
  }

  get codes(): ReadonlyMap<string, number> {
    return this.#codes
  }

  /** Throws what was found to be wrong. */
  check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async sleep(ms: number): Promise<void> {
    this.check()
    await delay(ms)
  }

  until(what: string, timeoutMs: number, condition: () => boolean): Promise<void> {
    return until(what, () => Promise.resolve(condition()), timeoutMs)
  }

  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
  }

  async ask<T>(random: SimRandom, run: (reg: RegApi) => Promise<T>): Promise<Answer<T>> {
    const { up, indices } = this.#cluster
    const index = random.pick(up.length > 0 ? up : indices)
    const waiting = new AbortController()
    try {
      return { value: await Promise.race([this.#asked(index, run), silence(waiting.signal)]) }
    } catch (error) {
      return { error }
    } finally {
      waiting.abort()
    }
  }

  /** Whatever reaches a user is an AtollError, and never a defect. */
  outcomeOf(error: unknown): Outcome {
    const code = error instanceof AtollError ? error.code : (error as Error).constructor.name
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1)
    if (error instanceof NobodyThere) return 'not-applied'
    if (error instanceof NoAnswer) return 'unknown'
    if (error instanceof AtollError && error.code !== 'INTERNAL') return error.outcome
    throw new Error('a client met an error that no user should see', { cause: error })
  }

  async #asked<T>(index: number, run: (reg: RegApi) => Promise<T>): Promise<T> {
    const node = await this.#cluster.node(index).catch(async (cause: unknown) => {
      await delay(50)
      throw new NobodyThere('no connection', { cause })
    })
    // The time that a daemon takes to come up is none of the call's.
    const startMs = performance.now()
    try {
      return await run(node.reg)
    } catch (error) {
      if (error instanceof AtollError && error.code === 'UNREACHABLE') this.#cluster.forget(index)
      throw error
    } finally {
      this.#noteTime(index, startMs)
    }
  }

  #noteTime(index: number, startMs: number): void {
    if (this.#cluster.wasHeldSince(index, startMs)) return
    const tookMs = performance.now() - startMs
    this.longestMs = Math.max(this.longestMs, tookMs)
    if (tookMs < REGISTER_DEADLINE_MS + OVERDUE_MS) return
    this.fail(new Error(`d${index + 1} answered after ${Math.round(tookMs)} ms`))
  }
}

async function silence(signal: AbortSignal): Promise<never> {
  await delay(PATIENCE_MS, undefined, { signal })
  throw new NoAnswer('no answer')
}
