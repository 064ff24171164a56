/**
 * The SWIM failure detector: one probe in each protocol period, in a shuffled order, and pings on
 * behalf of others. How long a period lasts depends on how well this process feels (Lifeguard §4.1).
 */
import type { PeerId } from '../base/ids.ts'
import { Awareness } from './awareness.ts'
import type { Beliefs } from './beliefs.ts'
import { isUp } from './claim.ts'
import { lateAfterMs } from './parameters.ts'
import { Prober } from './probe.ts'
import { ProbeOrder } from './probe-order.ts'
import { Relay } from './relay.ts'
import type { Turn } from './turn.ts'

/** Targets of the coming periods that are dialled already: dialling must not count as ping time. */
const DIAL_AHEAD = 2

export class FailureDetector {
  readonly awareness: Awareness
  readonly prober: Prober
  readonly relay: Relay
  readonly #turn: Turn
  readonly #beliefs: Beliefs
  readonly #order: ProbeOrder
  /** When lateness last cost a point of health: once a period, or a few late timers cost all. */
  #chargedAt = Number.NEGATIVE_INFINITY

  constructor(self: PeerId, turn: Turn, beliefs: Beliefs) {
    this.#turn = turn
    this.#beliefs = beliefs
    this.awareness = new Awareness(turn.profile.healthMax)
    this.#order = new ProbeOrder(turn.random)
    this.prober = new Prober(self, turn, beliefs, this.awareness)
    this.relay = new Relay(turn, beliefs)
  }

  /** The first period begins at a random moment of it, so that members do not probe in step. */
  start(): void {
    const { timers, now, random, profile } = this.#turn
    timers.set('tick', '', now + random.float() * profile.periodMs)
  }

  /** Probes this member from now on, for as long as it is up. */
  addTarget(id: PeerId): void {
    this.#order.add(id)
  }

  /**
   * Between two timers far apart a standstill would go unseen, so while a probe or a suspicion is
   * pending a timer runs often enough to be late itself. Called after every input.
   */
  watchSelf(): void {
    const { timers, now, profile } = this.#turn
    const pending = this.prober.inFlight > 0 || this.#beliefs.suspicions > 0
    if (!pending || timers.at('beat') !== undefined) return
    timers.set('beat', '', now + lateAfterMs(profile.probeTimeoutMs))
  }

  onTick(): void {
    const { timers, now, profile } = this.#turn
    timers.set('tick', '', now + this.awareness.scale(profile.periodMs))
    const target = this.#order.next((id) => {
      const held = this.#beliefs.members.get(id)
      return held !== undefined && isUp(held.member.state)
    })
    if (target === null) return
    this.prober.start(target)
    for (const peer of this.#order.ahead(DIAL_AHEAD)) this.#turn.emit({ kind: 'connect', peer })
  }

  /** A ping that no verdict hangs on. */
  ping(peer: PeerId): void {
    const rumours = this.#beliefs.rumoursFor(peer)
    this.#turn.send(peer, { kind: 'ping', seq: this.#turn.nextSeq(), rumours })
  }

  ack(to: PeerId, seq: number): void {
    this.#turn.send(to, { kind: 'ack', seq, rumours: this.#beliefs.rumoursFor(to) })
  }

  onAck(from: PeerId, seq: number): void {
    if (!this.prober.onAck(from, seq)) this.relay.onAck(from, seq)
  }

  /**
   * Before the timers that are due: if they are late, our own process stood still, and what it
   * missed in that time proves nothing about others.
   */
  noteLateness(now: number): void {
    const { timers, profile, counts } = this.#turn
    const lateMs = now - timers.deadline
    if (lateMs >= 0) counts.lateSeconds.observe(lateMs / 1000)
    if (!(lateMs > lateAfterMs(profile.probeTimeoutMs))) return
    this.#turn.lateAt = now
    if (now - this.#chargedAt < profile.periodMs) return
    this.#chargedAt = now
    counts.standstills++
    this.awareness.change(1)
    const fields = { lateMs: Math.round(lateMs), health: this.awareness.score }
    this.#turn.emit({ kind: 'log', level: 'warn', event: 'swim.standstill', fields })
  }
}
