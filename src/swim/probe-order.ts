/**
 * Whom to probe next: all members round and round in a shuffled order that changes every round
 * (SWIM §4.3). A member is probed again within 2n − 1 periods, and which one comes next cannot be
 * guessed by whoever watches another member.
 */
import type { PeerId } from '../base/ids.ts'
import type { Random } from '../seams/random.ts'
import { shuffled } from '../seams/random.ts'

export class ProbeOrder {
  readonly #random: Random
  /** Those who ended stay until the round is over. */
  #order: PeerId[] = []
  readonly #known = new Set<PeerId>()
  #next = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** A new member enters at a random place, so that it may be probed at once or last. */
  add(id: PeerId): void {
    if (this.#known.has(id)) return
    this.#known.add(id)
    const place = this.#random.int(this.#order.length + 1)
    this.#order.push(this.#order[place] ?? id)
    this.#order[place] = id
  }

  /** The next that `accept` takes; null when there is none. */
  next(accept: (id: PeerId) => boolean): PeerId | null {
    for (let round = 0; round < 2; round++) {
      while (this.#next < this.#order.length) {
        const id = this.#order[this.#next++] as PeerId
        if (accept(id)) return id
      }
      this.#startRound(accept)
    }
    return null
  }

  /** Those who come after, without taking them. */
  ahead(count: number): readonly PeerId[] {
    return this.#order.slice(this.#next, this.#next + count)
  }

  #startRound(accept: (id: PeerId) => boolean): void {
    this.#order = shuffled(this.#random, this.#order.filter(accept))
    this.#known.clear()
    for (const id of this.#order) this.#known.add(id)
    this.#next = 0
  }
}
