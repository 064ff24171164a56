/**
 * SWIM: the protocol of one member, bound together from its parts.
 *
 * No timers, no sockets, no promises. Feed it messages, evidence and the time; carry out the
 * effects it returns, in order; call `onDeadline` once `deadline` has passed. The same inputs give the
 * same effects.
 *
 * Terms. A member is probed once a round by each other member; a member that answers neither us
 * nor those we asked is suspect; a suspect that does not refute in time is dead. Everything else is
 * dissemination. Senders are authenticated by the mesh; a member that lies about others is
 * limited, not prevented: SWIM is no Byzantine protocol, and its word is advice (topology decides).
 */
import { unreachable } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import type { PeerEvidence, RemotePeer } from '../mesh/mesh.ts'
import type { Random } from '../seams/random.ts'
import { Beliefs } from './beliefs.ts'
import { isUp } from './claim.ts'
import type { SwimCounts } from './counts.ts'
import type { Effect } from './effects.ts'
import { isPredecessor, isSuccessor, weigh } from './evidence.ts'
import { FailureDetector } from './failure-detector.ts'
import { Goodbye } from './goodbye.ts'
import { Hearing } from './hearing.ts'
import type { Member, MemberFacts } from './member.ts'
import type { PushPull, SwimMessage } from './messages.ts'
import type { SwimProfile } from './parameters.ts'
import { PushPuller } from './push-pull.ts'
import { Reconnect } from './reconnect.ts'
import type { Due } from './timetable.ts'
import type { TimerKind } from './turn.ts'
import { Turn } from './turn.ts'
import { Wants } from './wants.ts'

export interface SwimOptions {
  readonly self: PeerId
  readonly facts: MemberFacts
  readonly profile: SwimProfile
  readonly random: Random
  readonly now: number
}

export class Swim {
  readonly #self: PeerId
  readonly #turn: Turn
  readonly #wants: Wants
  readonly #reconnect: Reconnect
  readonly #beliefs: Beliefs
  readonly #detector: FailureDetector
  readonly #exchange: PushPuller
  readonly #goodbye: Goodbye
  readonly #hearing: Hearing

  constructor({ self, facts, profile, random, now }: SwimOptions) {
    this.#self = self
    const turn = new Turn(profile, random, now)
    this.#turn = turn
    this.#wants = new Wants(turn)
    this.#reconnect = new Reconnect(turn)
    this.#beliefs = new Beliefs(self, facts, {
      turn,
      wants: this.#wants,
      reconnect: this.#reconnect,
      onUp: (id) => this.#detector.addTarget(id),
      onRefute: () => this.#detector.awareness.change(1),
    })
    this.#detector = new FailureDetector(self, turn, this.#beliefs)
    this.#exchange = new PushPuller(self, turn, this.#beliefs)
    this.#goodbye = new Goodbye(self, turn, this.#beliefs)
    this.#hearing = new Hearing({
      self,
      turn,
      beliefs: this.#beliefs,
      detector: this.#detector,
      reconnect: this.#reconnect,
      goodbye: this.#goodbye,
    })
  }

  /** When `onDeadline` is to be called; Infinity while there is nothing to wait for. */
  get deadline(): number {
    return this.#turn.timers.deadline
  }

  /** 0 is good; see awareness.ts. */
  get health(): number {
    return this.#detector.awareness.score
  }

  /** Being passed on. */
  get rumours(): number {
    return this.#beliefs.queued
  }

  get counts(): SwimCounts {
    return this.#turn.counts
  }

  self(): Member {
    return this.#beliefs.self.member
  }

  get(peer: PeerId): Member | undefined {
    return this.#beliefs.members.get(peer)?.member
  }

  members(): readonly Member[] {
    return this.#beliefs.members.list()
  }

  /** For tests and debug bundles: sizes of everything that is bounded. */
  describe(): Readonly<Record<string, number>> {
    return {
      members: this.#beliefs.members.size,
      up: this.#beliefs.members.up,
      rumours: this.#beliefs.queued,
      probes: this.#detector.prober.inFlight,
      relays: this.#detector.relay.inFlight,
      wants: this.#wants.size,
      reconnects: this.#reconnect.size,
      timers: this.#turn.timers.size,
      health: this.#detector.awareness.score,
    }
  }

  /** Begins to probe, and dials the contacts, now and again until they are met. */
  start(contacts: readonly PeerId[], now: number): Effect[] {
    return this.#act(now, () => {
      this.#detector.start()
      this.#exchange.schedule(true)
      this.#meet(contacts)
    })
  }

  addContacts(contacts: readonly PeerId[], now: number): Effect[] {
    return this.#act(now, () => this.#meet(contacts))
  }

  updateSelf(facts: MemberFacts, now: number): Effect[] {
    return this.#act(now, () => this.#beliefs.updateSelf(facts))
  }

  leave(now: number): Effect[] {
    return this.#act(now, () => {
      if (this.#goodbye.begun) return
      for (const kind of ['tick', 'push-pull'] as const) this.#turn.timers.cancel(kind)
      this.#beliefs.leave()
      this.#goodbye.begin()
    })
  }

  /** The operator wants a dead or left member out of sight, and not dialled any more. */
  forget(peer: PeerId, now: number): Effect[] {
    return this.#act(now, () => {
      this.#beliefs.reap(peer)
      this.#reconnect.remove(peer)
      this.#turn.emit({ kind: 'forget', peer })
    })
  }

  onDeadline(now: number): Effect[] {
    return this.#act(now, () => {
      this.#detector.noteLateness(now)
      // At most those that were set before: what they set for now waits for the next call.
      for (let left = this.#turn.timers.size; left > 0; left--) {
        const due = this.#turn.timers.take(now)
        if (due === null) return
        this.#onTimer(due)
      }
    })
  }

  onMessage(from: RemotePeer, message: SwimMessage, now: number): Effect[] {
    return this.#act(now, () => {
      if (from.peer === this.#self) return
      const held = this.get(from.peer)
      if (held !== undefined && isPredecessor(from, held)) return
      const stranger = held === undefined || isSuccessor(from, held)
      if (stranger && !this.#goodbye.begun) this.#exchange.greet(from.peer)
      if (held?.state === 'dead') this.#hearing.onMessageOfDead(from.peer, message)
      else this.#hearing.onMessage(from.peer, message)
    })
  }

  onEvidence(evidence: PeerEvidence, now: number): Effect[] {
    return this.#act(now, () => {
      if (this.#goodbye.begun) return
      const { peer } = evidence
      const reaction = weigh(evidence, this.get(peer))
      switch (reaction) {
        case 'ignore':
          return
        case 'probe':
          this.#turn.emit({ kind: 'connect', peer })
          return this.#detector.prober.start(peer)
        case 'accuse':
          return this.#beliefs.accuse(peer, true)
        case 'succeed':
          this.#beliefs.accuse(peer, true)
          return this.#exchange.greet(peer)
        case 'greet':
          if (this.#reconnect.has(peer)) this.#reconnect.hurry()
          this.#detector.ping(peer)
          return this.#exchange.greet(peer)
        case 'vouch':
          this.#beliefs.vouch(peer)
          return this.#detector.ping(peer)
        default:
          return unreachable(reaction)
      }
    })
  }

  /** The other half of an exchange; `reply` is to be sent back. */
  onExchange(
    from: RemotePeer,
    request: PushPull,
    now: number,
  ): { readonly reply: PushPull; readonly effects: Effect[] } {
    let reply: PushPull = { claims: [], records: [] }
    const effects = this.#act(now, () => {
      reply = this.#exchange.onRequest(from.peer, request)
    })
    return { reply, effects }
  }

  onExchangeReply(peer: PeerId, reply: PushPull, now: number): Effect[] {
    return this.#act(now, () => this.#exchange.onReply(peer, reply))
  }

  onExchangeFailure(peer: PeerId, now: number): Effect[] {
    return this.#act(now, () => this.#exchange.onFailure(peer))
  }

  #act(now: number, run: () => void): Effect[] {
    this.#turn.now = now
    run()
    this.#wants.flush()
    if (!this.#goodbye.begun) this.#detector.watchSelf()
    return this.#turn.takeEffects()
  }

  #meet(contacts: readonly PeerId[]): void {
    for (const peer of contacts) {
      const held = this.get(peer)
      if (peer === this.#self || (held !== undefined && isUp(held.state))) continue
      this.#reconnect.addContact(peer)
    }
  }

  #onTimer({ kind, subject }: Due<TimerKind>): void {
    switch (kind) {
      case 'tick':
        return this.#detector.onTick()
      case 'gossip':
        return this.#beliefs.gossip()
      case 'push-pull':
        return this.#exchange.onTimer()
      case 'want':
        return this.#wants.onDue()
      case 'probe-direct':
        return this.#detector.prober.onDirectTimeout(subject)
      case 'probe-end':
        return this.#detector.prober.onEnd(subject)
      case 'beat':
        return // Only its lateness matters, and that was noted.
      case 'relay-nack':
        return this.#detector.relay.onNackDue(Number(subject))
      case 'relay-end':
        return this.#detector.relay.onEnd(Number(subject))
      case 'suspicion':
        return this.#beliefs.onSuspicionEnd(subject)
      case 'reconnect':
        this.#reconnect.onDue(subject)
        return this.#detector.ping(subject)
      case 'reap':
        return this.#beliefs.reap(subject)
      case 'goodbye':
        return this.#goodbye.onTimer()
      default:
        return unreachable(kind)
    }
  }
}
