/**
 * What members say to us, and which part it concerns. Senders are authenticated by the mesh; what
 * they say of others is believed as claim.ts orders it.
 */
import { unreachable } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import { answerWant } from './answer-want.ts'
import type { Beliefs } from './beliefs.ts'
import type { Claim } from './claim.ts'
import type { FailureDetector } from './failure-detector.ts'
import type { Goodbye } from './goodbye.ts'
import type { SwimMessage } from './messages.ts'
import type { Reconnect } from './reconnect.ts'
import type { Turn } from './turn.ts'

export interface HearingParts {
  readonly self: PeerId
  readonly turn: Turn
  readonly beliefs: Beliefs
  readonly detector: FailureDetector
  readonly reconnect: Reconnect
  readonly goodbye: Goodbye
}

export class Hearing {
  readonly #parts: HearingParts

  constructor(parts: HearingParts) {
    this.#parts = parts
  }

  onMessage(from: PeerId, message: SwimMessage): void {
    const { turn, beliefs, detector } = this.#parts
    switch (message.kind) {
      case 'ping':
        this.#hear(from, message.rumours)
        return detector.ack(from, message.seq)
      case 'ping-req':
        return detector.relay.onPingReq(from, message.seq, message.target)
      case 'ack':
        this.#hear(from, message.rumours)
        return this.#onAck(from, message.seq)
      case 'nack':
        return detector.prober.onNack(from, message.seq)
      case 'gossip':
        return this.#hear(from, message.rumours)
      case 'want':
        return answerWant(turn, beliefs, from, message.ids)
      case 'facts':
        for (const { claim, facts } of message.records) beliefs.apply(claim, facts, from)
        return
      default:
        return unreachable(message)
    }
  }

  /**
   * Somebody whom we hold for dead speaks. It may be able to send but not to hear, and then all
   * that it says of others is that they do not answer. So its probes are refused until it answers
   * ours: the ping tells it that it is held for dead, and a refutation is the answer.
   */
  onMessageOfDead(from: PeerId, message: SwimMessage): void {
    const { self, turn, beliefs, detector, reconnect } = this.#parts
    const rumours = 'rumours' in message ? message.rumours : []
    const records = message.kind === 'facts' ? message.records : []
    for (const { claim, facts } of records) {
      if (claim.id === from) beliefs.apply(claim, facts, from)
    }
    const personal = rumours.filter(({ id }) => id === from || id === self)
    this.#hear(from, personal)
    if (message.kind === 'want') answerWant(turn, beliefs, from, message.ids)
    if (message.kind !== 'ping') return
    if (beliefs.members.get(from)?.member.state === 'alive') detector.ack(from, message.seq)
    else if (reconnect.mayAnswer(from)) detector.ping(from)
  }

  #hear(from: PeerId, rumours: readonly Claim[]): void {
    for (const claim of rumours) this.#parts.beliefs.apply(claim, null, from)
  }

  #onAck(from: PeerId, seq: number): void {
    const { goodbye, detector } = this.#parts
    if (goodbye.begun) goodbye.onAck(from, seq)
    else detector.onAck(from, seq)
  }
}
