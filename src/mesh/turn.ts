/**
 * The end of a turn of the event loop: where all that one turn wants to send is cut into frames,
 * by one timer for all channels.
 */
import type { Clock, Timer } from '../seams/clock.ts'

export interface Flushable {
  flush(): void
}

export class TurnEnd {
  readonly #clock: Clock
  #waiting: Flushable[] = []
  #timer: Timer | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Each asks once a turn; the order is kept. */
  add(channel: Flushable): void {
    this.#waiting.push(channel)
    this.#timer ??= this.#clock.soon(this.#run)
  }

  /** Does now what is due at the end of the turn. */
  flush(): void {
    this.#timer?.cancel()
    this.#run()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#waiting = []
  }

  readonly #run = (): void => {
    this.#timer = null
    const waiting = this.#waiting
    this.#waiting = []
    for (const channel of waiting) channel.flush()
  }
}
