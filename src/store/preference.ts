/**
 * Whom of several to ask. For a few milliseconds at a time a node prefers the same peers, in an
 * order by chance: what it has to say then goes to few of them, in few and larger messages, whose
 * cost is mostly one for each; in the long run it goes to all alike.
 */
import type { PeerId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'
import type { Random } from '../seams/random.ts'

const SPELL_MS = 10

export class Preference {
  readonly #clock: Clock
  readonly #random: Random
  #untilMs = 0
  /** Of this spell: at most one a member. The lowest is preferred. */
  readonly #ranks = new Map<PeerId, number>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Peers that this spell has an opinion of. */
  get size(): number {
    return this.#ranks.size
  }

  of(peers: readonly PeerId[]): PeerId | undefined {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs >= this.#untilMs) {
      this.#ranks.clear()
      this.#untilMs = nowMs + SPELL_MS
    }
    let best: PeerId | undefined
    let least = Number.POSITIVE_INFINITY
    for (const peer of peers) {
      const rank = this.#rank(peer)
      if (rank >= least) continue
      best = peer
      least = rank
    }
    return best
  }

  #rank(peer: PeerId): number {
    const known = this.#ranks.get(peer)
    if (known !== undefined) return known
    const rank = this.#random.float()
    this.#ranks.set(peer, rank)
    return rank
  }
}
