/**
 * Exchange of whole states (memberlist's push-pull; SWIM §4 leaves joining open): both sides tell
 * all that they believe, and the asked one adds the facts that the asking one seems to lack. It
 * brings a joiner up to date in one round trip and mends what gossip lost.
 *
 * Merging is kind: a death that we have not heard by gossip is taken as a suspicion, since it may
 * be old or wrong and the accused should have a chance to refute. A departure is its own word, and is
 * taken as it is.
 */
import type { PeerId } from '../base/ids.ts'
import type { Beliefs } from './beliefs.ts'
import type { Claim, MemberRecord } from './claim.ts'
import { isUp } from './claim.ts'
import { recordBytes } from './codec.ts'
import { EXCHANGES_MAX, PUSH_PULL_BYTES_MAX } from './limits.ts'
import type { PushPull } from './messages.ts'
import { pushPullIntervalMs } from './parameters.ts'
import type { Turn } from './turn.ts'

/** How long one peer is left alone after an exchange with it began. */
const AGAIN_AFTER_MS = 1000

/** A claim of a whole state, as we take it in. */
export function softened(claim: Claim, from: PeerId): Claim {
  if (claim.state !== 'dead') return claim
  return { ...claim, state: 'suspect', accusations: [{ by: from, strong: false }] }
}

export class PushPuller {
  readonly #self: PeerId
  readonly #turn: Turn
  readonly #beliefs: Beliefs
  #inFlight: PeerId | null = null
  /** To be asked next. At most EXCHANGES_MAX. */
  readonly #queue = new Set<PeerId>()
  /** When exchanges with peers that were not up began; emptied when it reaches EXCHANGES_MAX. */
  readonly #begunAt = new Map<PeerId, number>()

  constructor(self: PeerId, turn: Turn, beliefs: Beliefs) {
    this.#self = self
    this.#turn = turn
    this.#beliefs = beliefs
  }

  /** First at a random part of the interval, so that members that start together spread out. */
  schedule(first: boolean): void {
    const { timers, now, profile, random } = this.#turn
    const interval = pushPullIntervalMs(profile.pushPullMs, this.#beliefs.members.up)
    timers.set('push-pull', '', now + (first ? interval * random.float() : interval))
  }

  onTimer(): void {
    this.schedule(false)
    const { members } = this.#beliefs
    const accept = ({ id, state }: { id: PeerId; state: string }) =>
      state === 'alive' && id !== this.#self
    for (const { id } of members.pick(this.#turn.random, 1, accept)) this.#request(id)
  }

  /** With a peer that is not up in our view: a seed, a newcomer, one that came back. */
  greet(peer: PeerId): void {
    const begunAt = this.#begunAt.get(peer)
    if (begunAt !== undefined && this.#turn.now - begunAt < AGAIN_AFTER_MS) return
    if (this.#begunAt.size >= EXCHANGES_MAX) this.#begunAt.clear()
    this.#begunAt.set(peer, this.#turn.now)
    this.#request(peer)
  }

  onRequest(from: PeerId, request: PushPull): PushPull {
    // What they lack is judged before their news is merged: it may tell us of it.
    const known = new Map(request.claims.map(({ id, version }) => [id, version]))
    const records = this.#recordsBeyond(known, request.records)
    const reply = { claims: this.#claims(), records }
    this.#merge(from, request)
    return reply
  }

  onReply(from: PeerId, reply: PushPull): void {
    this.#merge(from, reply)
    this.#next(from)
  }

  onFailure(peer: PeerId): void {
    this.#next(peer)
  }

  #request(peer: PeerId): void {
    if (this.#inFlight !== null) {
      if (this.#queue.size < EXCHANGES_MAX) this.#queue.add(peer)
      return
    }
    this.#inFlight = peer
    const records = this.#isUp(peer) ? [] : [this.#beliefs.recordOf(this.#beliefs.self)]
    this.#turn.emit({ kind: 'exchange', peer, body: { claims: this.#claims(), records } })
  }

  #next(ended: PeerId): void {
    if (this.#inFlight !== ended) return
    this.#inFlight = null
    for (const peer of this.#queue) {
      this.#queue.delete(peer)
      if (this.#isUp(peer)) continue // Whoever was asked before has told us of it.
      this.#request(peer)
      return
    }
  }

  #isUp(peer: PeerId): boolean {
    const held = this.#beliefs.members.get(peer)
    return held !== undefined && isUp(held.member.state)
  }

  #claims(): Claim[] {
    return [...this.#beliefs.members.values()].map((held) => this.#beliefs.claimOf(held))
  }

  /** Facts newer than those that the other has, up to the limit of one exchange. */
  #recordsBeyond(
    known: ReadonlyMap<PeerId, number>,
    offered: readonly MemberRecord[],
  ): MemberRecord[] {
    const theirs = new Set(offered.map(({ claim }) => claim.id))
    const records: MemberRecord[] = []
    let left = PUSH_PULL_BYTES_MAX
    for (const held of this.#beliefs.members.values()) {
      const { id, state } = held.member
      if (!isUp(state) || theirs.has(id) || (known.get(id) ?? -1) >= held.version) continue
      const record = this.#beliefs.recordOf(held)
      left -= recordBytes(record)
      if (left < 0) break // They will ask for the rest.
      records.push(record)
    }
    return records
  }

  #merge(from: PeerId, { claims, records }: PushPull): void {
    for (const { claim, facts } of records) this.#beliefs.apply(softened(claim, from), facts, from)
    for (const claim of claims) this.#beliefs.apply(softened(claim, from), null, from)
  }
}
