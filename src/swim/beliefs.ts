/**
 * What this member believes of the others and says of itself: claims go in, the greater one stays,
 * and what changed is passed on (SWIM §4.1–4.2, Lifeguard §4.2).
 *
 * Promises: nobody rises but by a higher incarnation; only we raise ours, and only to refute or
 * to change our facts; a member is never shown without facts, or under facts older than the claim
 * that calls it alive. Does not decide whom to probe or when.
 */
import type { PeerId } from '../base/ids.ts'
import type { Claim, MemberRecord } from './claim.ts'
import { compareClaims, firstIncarnation, isUp, refutation } from './claim.ts'
import { claimBytes } from './codec.ts'
import { Dissemination } from './dissemination.ts'
import { FULL_MESH_MAX, RUMOUR_BYTES_MAX, RUMOURS_MAX } from './limits.ts'
import type { Member, MemberFacts } from './member.ts'
import { eventsOf } from './member-events.ts'
import type { Held } from './member-list.ts'
import { MemberList } from './member-list.ts'
import { transmitLimit } from './parameters.ts'
import type { Reconnect } from './reconnect.ts'
import { Suspicions } from './suspicions.ts'
import type { Turn } from './turn.ts'
import type { Wants } from './wants.ts'

export interface BeliefsParts {
  readonly turn: Turn
  readonly wants: Wants
  readonly reconnect: Reconnect
  /** A member came up that was not: it must be probed from now on. */
  readonly onUp: (id: PeerId) => void
  /** Somebody suspected us, and we refuted. */
  readonly onRefute: () => void
}

export class Beliefs {
  readonly members = new MemberList()
  readonly #self: PeerId
  readonly #parts: BeliefsParts
  readonly #turn: Turn
  readonly #rumours = new Dissemination(claimBytes)
  readonly #suspicions: Suspicions
  #lastGossipAt = Number.NEGATIVE_INFINITY
  #leaving = false

  constructor(self: PeerId, facts: MemberFacts, parts: BeliefsParts) {
    this.#self = self
    this.#parts = parts
    this.#turn = parts.turn
    this.#suspicions = new Suspicions(self, parts.turn, this.members)
    const incarnation = firstIncarnation(facts.boot)
    const changedAtMs = parts.turn.now
    const member = { ...facts, id: self, state: 'alive', incarnation, changedAtMs } as const
    this.members.put({ member, version: incarnation })
  }

  get self(): Held {
    return this.members.get(this.#self) as Held
  }

  get queued(): number {
    return this.#rumours.size
  }

  get suspicions(): number {
    return this.#suspicions.size
  }

  /** What we hold of a member, to be told to others. */
  claimOf(held: Held): Claim {
    const { id, state, incarnation, storageId } = held.member
    const accusations = this.#suspicions.accusationsOf(id)
    return { id, state, incarnation, version: held.version, storageId, accusations }
  }

  recordOf(held: Held): MemberRecord {
    return { claim: this.claimOf(held), facts: held.member }
  }

  /** Rumours for a message to `to`: first what we hold against it (Lifeguard §4.3). */
  rumoursFor(to: PeerId): Claim[] {
    const held = this.members.get(to)
    const limit = transmitLimit(this.#turn.profile.transmitMult, this.members.up)
    if (held === undefined || held.member.state === 'alive') {
      return this.#rumours.take(RUMOUR_BYTES_MAX, RUMOURS_MAX, limit)
    }
    const claim = this.claimOf(held)
    const budget = RUMOUR_BYTES_MAX - claimBytes(claim)
    const others = this.#rumours.take(budget, RUMOURS_MAX - 1, limit)
    return [claim, ...others.filter(({ id }) => id !== to)]
  }

  /** Takes in what `via` says. `facts` are those of the claim's version, where they came along. */
  apply(claim: Claim, facts: MemberFacts | null, via: PeerId): void {
    if (claim.id === this.#self) return this.#applySelf(claim)
    const held = this.members.get(claim.id)
    if (held !== undefined && compareClaims(claim, held.member) <= 0) {
      const isEqual = compareClaims(claim, held.member) === 0
      if (isEqual && this.#suspicions.confirm(claim.id, claim.accusations)) {
        this.#pass(this.claimOf(held))
      }
      return
    }
    const lacksFacts = held === undefined || claim.version > held.version
    if (isUp(claim.state) && lacksFacts && facts === null) {
      this.#parts.wants.ask(claim.id, via)
      return
    }
    if (held === undefined && (!isUp(claim.state) || this.members.full)) return
    if (facts !== null) this.#parts.wants.answered(claim.id)
    this.#accept(claim, lacksFacts ? facts : null, held, via)
  }

  /** Our own accusation. */
  accuse(id: PeerId, strong: boolean): void {
    const held = this.members.get(id)
    if (held === undefined || !isUp(held.member.state) || id === this.#self) return
    const accusations = [{ by: this.#self, strong }]
    this.apply({ ...this.claimOf(held), state: 'suspect', accusations }, null, this.#self)
    if (strong) this.#suspicions.foundClosed(id)
  }

  /** We reached it: our strong evidence against it is void. */
  vouch(id: PeerId): void {
    this.#suspicions.vouch(id)
  }

  onSuspicionEnd(id: PeerId): void {
    const held = this.members.get(id)
    const confirmed = this.#suspicions.onDeadline(id)
    if (held === undefined || confirmed === null) return
    this.apply({ ...this.claimOf(held), state: 'dead', accusations: [] }, null, this.#self)
    this.#log('swim.dead', id, { confirmed })
  }

  /** The end of a dead or left member's time in the view. It is still dialled, if it failed. */
  reap(id: PeerId): void {
    const held = this.members.get(id)
    if (held === undefined || isUp(held.member.state)) return
    this.members.remove(id)
    this.#rumours.drop(id)
    this.#turn.timers.cancel('reap', id)
    this.#turn.emit({ kind: 'event', event: { kind: 'reap', member: held.member } })
    if (held.member.state === 'left' || held.member.role === 'edge')
      this.#turn.emit({ kind: 'forget', peer: id })
  }

  /** New facts of our own, under a higher incarnation. */
  updateSelf(facts: MemberFacts): void {
    const { incarnation } = this.self.member
    this.#setSelf(refutation(incarnation, incarnation), true, facts)
    this.#turn.emit({ kind: 'event', event: { kind: 'update', member: this.self.member } })
  }

  /** From now on we are gone, and refute nothing. */
  leave(): void {
    this.#leaving = true
    const member = { ...this.self.member, state: 'left', changedAtMs: this.#turn.now } as const
    this.members.put({ ...this.self, member })
    this.#pass(this.claimOf(this.self))
  }

  /** Passes our own claim on again, for those who seem to lack it. */
  announceSelf(): void {
    this.#pass(this.claimOf(this.self))
  }

  /** The gossip timer: rumours to a few members, the recently dead among them. */
  gossip(): void {
    const { now, profile, random } = this.#turn
    this.#lastGossipAt = now
    if (this.#rumours.size === 0) return
    const targets = this.members.pick(random, profile.gossipFanout, (member) => {
      // What is sent to a closed port is lost, and would count as sent.
      if (member.id === this.#self || this.#suspicions.isClosed(member.id)) return false
      if (isUp(member.state)) return true
      return member.state === 'dead' && now - member.changedAtMs < profile.gossipToDeadMs
    })
    for (const { id } of targets) {
      const rumours = this.rumoursFor(id)
      if (rumours.length > 0) this.#turn.send(id, { kind: 'gossip', rumours })
    }
    if (this.#rumours.size > 0) this.#scheduleGossip()
  }

  #applySelf(claim: Claim): void {
    if (this.#leaving) return
    const { member, version } = this.self
    const { incarnation } = member
    const ahead = claim.incarnation > incarnation || claim.version > version
    const accused = claim.incarnation === incarnation && claim.state !== 'alive'
    // Of another process under our name, whose facts must be superseded too.
    const foreign = claim.version !== version || claim.storageId !== member.storageId
    const mistaken = claim.incarnation === incarnation && foreign
    if (ahead || accused || mistaken) {
      this.#setSelf(refutation(incarnation, claim.incarnation), foreign, member)
      if (claim.state !== 'alive') {
        this.#turn.counts.refutations++
        this.#parts.onRefute()
      }
      this.#log('swim.refute', this.#self, { accused: claim.incarnation, state: claim.state })
    } else if (claim.state !== 'alive') {
      this.announceSelf() // Refuted already, but not heard everywhere.
    }
  }

  #setSelf(incarnation: number, renewsVersion: boolean, facts: MemberFacts): void {
    const { member, version } = this.self
    const changed = { ...member, ...facts, incarnation }
    this.members.put({ member: changed, version: renewsVersion ? incarnation : version })
    this.announceSelf()
  }

  #accept(claim: Claim, facts: MemberFacts | null, held: Held | undefined, via: PeerId): void {
    const before = held?.member
    const { id, state, incarnation } = claim
    const own = facts ?? (before as Member)
    const changed = before?.state !== state
    if (changed && state === 'dead') this.#turn.counts.deaths++
    const changedAtMs = changed || before === undefined ? this.#turn.now : before.changedAtMs
    const member: Member = { ...own, id, state, incarnation, changedAtMs }
    const version = facts === null ? (held?.version ?? claim.version) : claim.version
    this.members.put({ member, version })
    if (facts !== null) {
      const isLasting = facts.role === 'member'
      this.#turn.emit({ kind: 'learn', peer: id, addresses: facts.addresses, isLasting })
    }
    this.#follow(claim, via, member.role)
    for (const event of eventsOf(before, member, facts !== null)) {
      this.#turn.emit({ kind: 'event', event })
    }
    if (before === undefined && this.members.size <= FULL_MESH_MAX) {
      this.#turn.emit({ kind: 'connect', peer: id })
    }
    this.#pass(this.claimOf({ member, version }))
  }

  /** Timers and lists that go with a state. */
  #follow(claim: Claim, via: PeerId, role: Member['role']): void {
    const { id, state } = claim
    const { timers, now, profile } = this.#turn
    this.#suspicions.end(id)
    if (state === 'suspect') this.#suspect(claim, via)
    if (isUp(state)) {
      timers.cancel('reap', id)
      this.#parts.reconnect.remove(id)
      this.#parts.onUp(id)
    } else {
      timers.set('reap', id, now + profile.reapMs)
      // An edge is somebody new when it starts again, and dials by itself when it was cut off.
      if (state === 'dead' && role === 'member') this.#parts.reconnect.addFailed(id)
      else this.#parts.reconnect.remove(id)
    }
  }

  #suspect(claim: Claim, via: PeerId): void {
    this.#turn.counts.suspicions++
    const { by, strong } = this.#suspicions.start(claim, via)
    this.#log('swim.suspect', claim.id, { by, strong })
  }

  #pass(claim: Claim): void {
    this.#rumours.add(claim)
    this.#scheduleGossip()
  }

  /** News leaves at once where nothing left lately, so that it need not wait for a tick. */
  #scheduleGossip(): void {
    const { timers, now, profile } = this.#turn
    const at = Math.max(now, this.#lastGossipAt + profile.gossipMs)
    const set = timers.at('gossip')
    if (set === undefined || set > at) timers.set('gossip', '', at)
  }

  #log(event: string, id: PeerId, fields: Record<string, string | number | boolean>): void {
    this.#turn.emit({ kind: 'log', level: 'info', event, fields: { member: id, ...fields } })
  }
}
