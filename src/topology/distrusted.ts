/**
 * Peers that named a topology which nobody could give: for a while they are not believed. Bounded; a
 * peer that is forgotten is merely believed once more.
 */
import type { PeerId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'

const DISTRUST_MS = 5000
const DISTRUSTED_MAX = 1000

export class Distrusted {
  readonly #clock: Clock
  /** Until when. At most DISTRUSTED_MAX. */
  readonly #untilMs = new Map<PeerId, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(peer: PeerId): boolean {
    return (this.#untilMs.get(peer) ?? 0) > this.#clock.monotonicMs()
  }

  add(peer: PeerId): void {
    if (this.#untilMs.size >= DISTRUSTED_MAX) this.#untilMs.clear()
    this.#untilMs.set(peer, this.#clock.monotonicMs() + DISTRUST_MS)
  }
}
