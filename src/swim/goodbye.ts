/**
 * A graceful departure: tell everybody in person, tell those again who did not answer, and be
 * done when all have or when the time is over. Gossip tells the rest of a large group.
 */
import type { PeerId } from '../base/ids.ts'
import type { Beliefs } from './beliefs.ts'
import { isUp } from './claim.ts'
import { GOODBYES_MAX } from './limits.ts'
import { LEAVE_MAX_MS, LEAVE_RETRY_MS } from './parameters.ts'
import type { Turn } from './turn.ts'

export class Goodbye {
  readonly #self: PeerId
  readonly #turn: Turn
  readonly #beliefs: Beliefs
  /** Who has not answered yet, by the number of the ping. At most GOODBYES_MAX. */
  readonly #waiting = new Map<number, PeerId>()
  #endsAt = Number.POSITIVE_INFINITY

  constructor(self: PeerId, turn: Turn, beliefs: Beliefs) {
    this.#self = self
    this.#turn = turn
    this.#beliefs = beliefs
  }

  get begun(): boolean {
    return this.#endsAt !== Number.POSITIVE_INFINITY
  }

  begin(): void {
    if (this.begun) return
    this.#endsAt = this.#turn.now + LEAVE_MAX_MS
    const { members } = this.#beliefs
    const others = members.pick(
      this.#turn.random,
      GOODBYES_MAX,
      ({ id, state }) => isUp(state) && id !== this.#self,
    )
    for (const { id } of others) this.#waiting.set(this.#turn.nextSeq(), id)
    this.onTimer()
  }

  onTimer(): void {
    const { now, timers } = this.#turn
    if (this.#waiting.size === 0 || now >= this.#endsAt) return this.#end()
    const claim = this.#beliefs.claimOf(this.#beliefs.self)
    for (const [seq, peer] of this.#waiting) {
      this.#turn.send(peer, { kind: 'ping', seq, rumours: [claim] })
    }
    timers.set('goodbye', '', Math.min(now + LEAVE_RETRY_MS, this.#endsAt))
  }

  onAck(from: PeerId, seq: number): void {
    if (this.#waiting.get(seq) !== from) return
    this.#waiting.delete(seq)
    if (this.#waiting.size === 0) this.#end()
  }

  #end(): void {
    this.#turn.timers.clear()
    this.#turn.emit({ kind: 'goodbye-done' })
  }
}
