/** One change, done once everybody who watches has heard of it. */
import type { Operation } from '../harness/section.ts'

/** A change that not all hear of in this time has failed. */
const HEARD_MS = 10_000

export class FanOut {
  readonly #watchers: number
  #round = 0
  #left = 0
  #done: () => void = () => undefined

  constructor(watchers: number) {
    this.#watchers = watchers
  }

  /** What the change of this round wrote; unlike that of any other round. */
  get value(): string {
    return `round-${this.#round}-`
  }

  /** One watcher has the change of this round. */
  heard(): void {
    if (this.#left > 0 && --this.#left === 0) this.#done()
  }

  /** One at a time. */
  operation(change: (value: string) => Promise<unknown>): Operation {
    return async () => {
      if (this.#left > 0) throw new Error('the change before has not been heard by all')
      this.#round++
      this.#left = this.#watchers
      const all = new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`${this.#left} of ${this.#watchers} heard nothing`))
          this.#left = 0
        }, HEARD_MS)
        this.#done = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      await Promise.all([change(this.value), all])
    }
  }
}
