/** Clients in a closed loop: each thinks, does one thing, and thinks again, until they are to stop. */
import type { SimRandom } from './sim-random.ts'

/** Where they live: a world, or real time. */
export interface ClientsPlace {
  sleep(ms: number): Promise<void>
  until(what: string, timeoutMs: number, condition: () => boolean): Promise<void>
  /** Ends the run: a promise was broken. */
  fail(error: unknown): void
}

export class Clients {
  readonly #place: ClientsPlace
  readonly #random: SimRandom
  readonly #name: string
  #running = 0
  #stopped = false

  /** The chance of each is a fork by `name`. */
  constructor(place: ClientsPlace, random: SimRandom, name: string) {
    this.#place = place
    this.#random = random
    this.#name = name
  }

  /** `begin` makes a client: what it does each time. */
  start(
    count: number,
    thinkMs: number,
    begin: (random: SimRandom) => () => Promise<unknown>,
  ): void {
    this.#stopped = false
    for (let i = 0; i < count; i++) {
      this.#running++
      const random = this.#random.fork(`${this.#name}/${i}`)
      this.#live(random, thinkMs, begin(random))
        .catch((error: unknown) => this.#place.fail(error))
        .finally(() => this.#running--)
        .catch((error: unknown) => this.#place.fail(error))
    }
  }

  /** Resolves when none has a call under way any more. */
  async stop(what: string, timeoutMs = 120_000): Promise<void> {
    this.#stopped = true
    await this.#place.until(`${what} stop`, timeoutMs, () => this.#running === 0)
  }

  async #live(random: SimRandom, thinkMs: number, act: () => Promise<unknown>): Promise<void> {
    while (!this.#stopped) {
      await this.#place.sleep(random.exponential(thinkMs))
      await act()
    }
  }
}
