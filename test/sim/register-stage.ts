/**
 * Where clients of registers act: a clock, and nodes to ask. The simulator is one stage, real daemons
 * are another (test/e2e/hostile); the clients and what they are held to are the same.
 */
import type { Outcome } from '../../src/base/errors.ts'
import type { RegApi } from '../../src/node/api.ts'
import type { ClientsPlace } from './clients.ts'
import { type Answer, NodeCalls } from './node-calls.ts'
import type { SimRandom } from './sim-random.ts'
import type { World } from './world.ts'

export interface RegNode {
  readonly reg: RegApi
}

export interface RegisterStage extends ClientsPlace {
  readonly nowUs: number
  /** How often each error code was met. */
  readonly codes: ReadonlyMap<string, number>
  /** Asks some node; never rejects. */
  ask<T>(random: SimRandom, run: (reg: RegApi) => Promise<T>): Promise<Answer<T>>
  /** What is known of the change; throws where no user should see such an error. */
  outcomeOf(error: unknown): Outcome
}

export class SimulatedStage<N extends RegNode> implements RegisterStage {
  readonly #world: World<N>
  readonly #calls: NodeCalls<N>

  /** `uses`: whether clients may ask this machine's node. */
  constructor(world: World<N>, deadlineMs: number, uses: (index: number) => boolean) {
    this.#world = world
    this.#calls = new NodeCalls(world, deadlineMs, uses)
  }

  get nowUs(): number {
    return this.#world.kernel.nowUs
  }

  get codes(): ReadonlyMap<string, number> {
    return this.#calls.codes
  }

  sleep(ms: number): Promise<void> {
    return this.#world.sleep(ms)
  }

  until(what: string, timeoutMs: number, condition: () => boolean): Promise<void> {
    return this.#world.until(what, timeoutMs, condition)
  }

  fail(error: unknown): void {
    this.#world.kernel.fail(error)
  }

  ask<T>(random: SimRandom, run: (reg: RegApi) => Promise<T>): Promise<Answer<T>> {
    return this.#calls.call(this.#calls.someHost(random), ({ reg }) => run(reg))
  }

  outcomeOf(error: unknown): Outcome {
    return this.#calls.outcomeOf(error)
  }
}
