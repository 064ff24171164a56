/**
 * Whose turn a partition is: it is compared with one peer at a time here, by whichever of the two
 * began. So two replicas that have the same for a third do not both send it, and neither do two
 * that compare with each other at the same time.
 *
 * A turn saves bytes and no promise rests on it: one that nobody ends lasts for a few seconds.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Clock } from '../../seams/clock.ts'

/** After the last that is heard of the peer whose turn it is. */
const TURN_MS = 5000

interface Held {
  readonly by: StorageId
  readonly with: StorageId
  readonly untilMs: number
}

export class Turns {
  readonly #self: StorageId
  readonly #clock: Clock
  /** At most one a partition. */
  readonly #held = new Map<number, Held>()

  constructor(self: StorageId, clock: Clock) {
    this.#self = self
    this.#clock = clock
  }

  /** This node compares with a peer, until `end`. False: it is the turn of others. */
  take(partition: number, peer: StorageId): boolean {
    if (this.#current(partition) !== null) return false
    this.#held.set(partition, { by: this.#self, with: peer, untilMs: Number.POSITIVE_INFINITY })
    return true
  }

  /** A peer wants to compare with this node. Of two that want it at once, the lesser has its way. */
  give(partition: number, peer: StorageId): boolean {
    const held = this.#current(partition)
    const isMutual = held?.by === this.#self && held.with === peer && peer < this.#self
    if (held !== null && held.by !== peer && !isMutual) return false
    const untilMs = this.#clock.monotonicMs() + TURN_MS
    this.#held.set(partition, { by: peer, with: this.#self, untilMs })
    return true
  }

  /** The peer whose turn it is goes on. */
  extend(partition: number, peer: StorageId): void {
    if (this.#current(partition)?.by === peer) this.give(partition, peer)
  }

  end(partition: number, by: StorageId): void {
    if (this.#held.get(partition)?.by === by) this.#held.delete(partition)
  }

  #current(partition: number): Held | null {
    const held = this.#held.get(partition) ?? null
    return held !== null && held.untilMs > this.#clock.monotonicMs() ? held : null
  }
}
