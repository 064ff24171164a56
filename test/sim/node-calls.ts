/** Calls of simulated clients to nodes: to one that is up, watched for calls that hang. */
import { AtollError } from '../../src/base/errors.ts'
import { SimulationError } from './kernel.ts'
import type { SimRandom } from './sim-random.ts'
import { ProcessDied, type World } from './world.ts'

/** An answer, or why there is none. */
export type Answer<T> = { readonly value: T } | { readonly error: unknown }

/** A call that is answered so long after its deadline has hung, unless its process was held. */
const OVERDUE_MS = 10_000

export class NodeCalls<N> {
  readonly #world: World<N>
  readonly #deadlineMs: number
  readonly #uses: (index: number) => boolean
  readonly #codes = new Map<string, number>()

  /** `uses`: whether clients may ask this machine's node. */
  constructor(world: World<N>, deadlineMs: number, uses: (index: number) => boolean) {
    this.#world = world
    this.#deadlineMs = deadlineMs
    this.#uses = uses
  }

  /** How often each error code was met. */
  get codes(): ReadonlyMap<string, number> {
    return this.#codes
  }

  someHost(random: SimRandom): number {
    const used = this.#world.hosts.filter(({ index }) => this.#uses(index))
    const up = used.filter(({ node }) => node !== null)
    return random.pick(up.length > 0 ? up : used).index
  }

  async call<T>(index: number, run: (node: N) => Promise<T>): Promise<Answer<T>> {
    const startUs = this.#world.kernel.nowUs
    const host = this.#world.host(index)
    const { process } = host
    let answered = false
    const overdue = this.#world.kernel.schedule(
      null,
      (this.#deadlineMs + OVERDUE_MS) * 1000,
      'client',
      () => {
        const held = host.lastHeldUs + OVERDUE_MS * 1000 > startUs
        if (answered || held || host.process !== process) return
        const why = `${host.name} still owes an answer due at ${startUs / 1000 + this.#deadlineMs} ms`
        this.#world.kernel.fail(new SimulationError(why))
      },
    )
    try {
      const value = await this.#world.call(index, (node) => {
        if (node === null) throw new ProcessDied(`${host.name} has not started yet`)
        return run(node)
      })
      return { value }
    } catch (error) {
      return { error }
    } finally {
      answered = true
      this.#world.kernel.cancel(overdue)
    }
  }

  /** Whatever reaches a user is an AtollError, and never a defect. */
  outcomeOf(error: unknown): 'applied' | 'not-applied' | 'unknown' {
    if (error instanceof ProcessDied) return 'unknown'
    if (!(error instanceof AtollError) || error.code === 'INTERNAL') {
      const message = 'a client met an error that no user should see'
      throw new SimulationError(message, { cause: error })
    }
    this.#codes.set(error.code, (this.#codes.get(error.code) ?? 0) + 1)
    return error.outcome
  }
}
