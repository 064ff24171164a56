/**
 * Pings in another's stead (SWIM §3.1): ping the target, pass its ack on, and say "nothing yet"
 * (nack, Lifeguard §4.1) shortly before the asking one gives up on us.
 */
import type { PeerId } from '../base/ids.ts'
import type { Beliefs } from './beliefs.ts'
import { RELAYS_MAX } from './limits.ts'
import { nackAfterMs } from './parameters.ts'
import type { Turn } from './turn.ts'

interface Errand {
  readonly asker: PeerId
  readonly askerSeq: number
  readonly target: PeerId
}

export class Relay {
  readonly #turn: Turn
  readonly #beliefs: Beliefs
  /** By the number of our own ping. At most RELAYS_MAX. */
  readonly #errands = new Map<number, Errand>()

  constructor(turn: Turn, beliefs: Beliefs) {
    this.#turn = turn
    this.#beliefs = beliefs
  }

  get inFlight(): number {
    return this.#errands.size
  }

  onPingReq(asker: PeerId, askerSeq: number, target: PeerId): void {
    const unknown = this.#beliefs.members.get(target) === undefined
    if (unknown || this.#errands.size >= RELAYS_MAX) {
      this.#turn.send(asker, { kind: 'nack', seq: askerSeq })
      return
    }
    const { now, profile, timers } = this.#turn
    const seq = this.#turn.nextSeq()
    this.#errands.set(seq, { asker, askerSeq, target })
    timers.set('relay-nack', String(seq), now + nackAfterMs(profile.probeTimeoutMs))
    timers.set('relay-end', String(seq), now + profile.periodMs)
    this.#turn.send(target, { kind: 'ping', seq, rumours: this.#beliefs.rumoursFor(target) })
  }

  /** True when the ack answers a ping that we sent for another. */
  onAck(from: PeerId, seq: number): boolean {
    const errand = this.#errands.get(seq)
    if (errand === undefined || errand.target !== from) return false
    this.onEnd(seq)
    const rumours = this.#beliefs.rumoursFor(errand.asker)
    this.#turn.send(errand.asker, { kind: 'ack', seq: errand.askerSeq, rumours })
    return true
  }

  onNackDue(seq: number): void {
    const errand = this.#errands.get(seq)
    if (errand !== undefined) {
      this.#turn.send(errand.asker, { kind: 'nack', seq: errand.askerSeq })
    }
  }

  onEnd(seq: number): void {
    this.#errands.delete(seq)
    this.#turn.timers.cancel('relay-nack', String(seq))
    this.#turn.timers.cancel('relay-end', String(seq))
  }
}
