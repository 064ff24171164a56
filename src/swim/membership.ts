/**
 * Membership: the shell around the SWIM core. It carries bytes between the mesh and the core, keeps
 * one timer for the core's deadline, and does what the core's effects say.
 *
 * Along with each message goes a small number of the layer above, the digest (the topology's
 * number), so that a member that lags behind learns that there is something newer.
 */
import { unreachable } from '../base/assert.ts'
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import { WireError } from '../wire/codec.ts'
import { isUp } from './claim.ts'
import { decodeFrame, encodeFrame } from './codec.ts'
import type { SwimCounts } from './counts.ts'
import type { Effect } from './effects.ts'
import { Exchanges } from './exchanges.ts'
import { checkedFacts } from './facts.ts'
import { SUBSCRIBERS_MAX } from './limits.ts'
import type { Member, MemberEvent, MemberFacts, Membership } from './member.ts'
import type { PushPull } from './messages.ts'
import type { SwimProfile } from './parameters.ts'
import type { KnownPeer } from './snapshot.ts'
import { Snapshot } from './snapshot.ts'
import { Swim } from './swim.ts'

export interface MembershipOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** null on an edge, which has no disk and so no snapshot. */
  readonly database: Database | null
  readonly facts: MemberFacts
  readonly profile: SwimProfile
  /** Number that goes out with every message. */
  readonly digest: () => number
  /** Number that came in; called whenever a peer's differs from `digest()`. */
  readonly onDigest: (peer: PeerId, digest: number) => void
}

/** Sets the mesh's listeners: make it before the mesh starts, and start it after. */
export function createMembership(options: MembershipOptions): SwimMembership {
  return new SwimMembership(options)
}

export class SwimMembership implements Membership {
  readonly #options: MembershipOptions
  readonly #mesh: Mesh
  readonly #clock: Clock
  readonly #core: Swim
  readonly #snapshot: Snapshot | null
  /** At most SUBSCRIBERS_MAX. */
  readonly #listeners = new Set<(event: MemberEvent) => void>()
  readonly #exchanges: Exchanges
  #timer: Timer | null = null
  #timerAt = Number.POSITIVE_INFINITY
  #state: 'new' | 'running' | 'stopped' = 'new'
  #goodbye: PromiseWithResolvers<void> | null = null

  constructor(options: MembershipOptions) {
    const { mesh, clock, random, log, database, facts, profile } = options
    this.#options = options
    this.#mesh = mesh
    this.#clock = clock
    this.#snapshot = database === null ? null : new Snapshot(database, clock, log)
    const self = mesh.self.peer
    const now = clock.monotonicMs()
    this.#core = new Swim({ self, facts: checkedFacts(facts), profile, random, now })
    mesh.onGossip((from, bytes) => this.#onGossip(from, bytes))
    mesh.onEvidence((evidence) => this.#input((at) => this.#core.onEvidence(evidence, at)))
    this.#exchanges = new Exchanges({
      mesh,
      log,
      counts: () => this.counts,
      digest: options.digest,
      onDigest: (peer, digest) => this.#noteDigest(peer, digest),
      answer: (from, request) => this.#answer(from, request),
      onReply: (peer, reply) => this.#input((at) => this.#core.onExchangeReply(peer, reply, at)),
      onFailure: (peer) => this.#input((at) => this.#core.onExchangeFailure(peer, at)),
    })
  }

  /** 0 is good, 7 is bad: how far this process trusts its own view (Lifeguard). */
  get health(): number {
    return this.#core.health
  }

  get counts(): SwimCounts {
    return this.#core.counts
  }

  /** Rumours that are still being passed on. */
  get rumours(): number {
    return this.#core.rumours
  }

  /** Begins to probe, dials the seeds and everybody known from before. The mesh runs already. */
  async start(seeds: readonly KnownPeer[]): Promise<void> {
    const known = [...seeds, ...((await this.#snapshot?.load()) ?? [])]
    if (this.#state !== 'new') return
    this.#state = 'running'
    for (const { peer, addresses } of known) this.#mesh.learnAddresses(peer, addresses)
    if (this.self().addresses.length === 0) {
      this.updateSelf({ addresses: this.#mesh.addresses() })
    }
    const contacts = known.map(({ peer }) => peer)
    this.#input((now) => this.#core.start(contacts, now))
    for (const { peer, addresses } of seeds) this.#snapshot?.remember(peer, addresses)
  }

  /** More peers to meet, as a ticket or the topology names them. */
  meet(peers: readonly KnownPeer[]): void {
    for (const { peer, addresses } of peers) this.#mesh.learnAddresses(peer, addresses)
    const contacts = peers.map(({ peer }) => peer)
    this.#input((now) => this.#core.addContacts(contacts, now))
  }

  /** Says goodbye; resolves when all have heard it or half a second is over. Then `stop`. */
  leave(): Promise<void> {
    if (this.#state !== 'running') return Promise.resolve()
    this.#goodbye ??= Promise.withResolvers<void>()
    this.#input((now) => this.#core.leave(now))
    return this.#goodbye.promise
  }

  /** Ends without a word: the others will find out. Idempotent. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    this.#state = 'stopped'
    this.#timer?.cancel()
    this.#timer = null
    this.#goodbye?.resolve()
    await this.#exchanges.stop()
    await this.#snapshot?.stop()
    this.#listeners.clear()
  }

  self(): Member {
    return this.#core.self()
  }

  members(): readonly Member[] {
    return this.#core.members()
  }

  get(peer: PeerId): Member | undefined {
    return this.#core.get(peer)
  }

  isUsable(peer: PeerId, storageId: StorageId): boolean {
    const member = this.#core.get(peer)
    return member !== undefined && isUp(member.state) && member.storageId === storageId
  }

  /** Throws AtollError BUSY when there are too many subscribers. */
  subscribe(listener: (event: MemberEvent) => void): () => void {
    if (this.#listeners.size >= SUBSCRIBERS_MAX) {
      throw new AtollError('BUSY', `more than ${SUBSCRIBERS_MAX} subscribers of member events`, {
        hint: 'end a subscription first',
      })
    }
    const own = (event: MemberEvent) => listener(event)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Throws AtollError TOO_LARGE when tags or names are over their limits. */
  updateSelf(change: Partial<Pick<MemberFacts, 'tags' | 'addresses' | 'name' | 'zone'>>): void {
    const facts = checkedFacts({ ...this.self(), ...change })
    if (this.self().state === 'left') return
    this.#input((now) => this.#core.updateSelf(facts, now))
  }

  /** Takes a dead or left member out of the view and stops dialling it. */
  forget(peer: PeerId): void {
    const member = this.get(peer)
    if (member !== undefined && isUp(member.state)) {
      throw new AtollError('CONFLICT', `${member.name} is ${member.state}, not gone`, {
        hint: 'stop it or let it leave first',
      })
    }
    this.#input((now) => this.#core.forget(peer, now))
  }

  #input(run: (now: number) => Effect[]): void {
    if (this.#state === 'stopped') return
    const effects = run(this.#clock.monotonicMs())
    for (const effect of effects) this.#perform(effect)
    this.#arm()
  }

  /** One timer, set anew only when the core's deadline came nearer. */
  #arm(): void {
    const { deadline } = this.#core
    if (this.#state !== 'running' || deadline >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = deadline
    const delayMs = Math.max(0, deadline - this.#clock.monotonicMs())
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timerAt = Number.POSITIVE_INFINITY
      this.#input((now) => this.#core.onDeadline(now))
    })
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'send': {
        const bytes = encodeFrame(effect.message, this.#options.digest())
        this.counts.messagesSent++
        this.counts.bytesSent += bytes.length
        return this.#mesh.sendGossip(effect.to, bytes, effect.priority)
      }
      case 'connect':
        return this.#mesh.connect(effect.peer)
      case 'reconnect':
        return this.#mesh.reconnect(effect.peer)
      case 'exchange':
        return this.#exchanges.begin(effect.peer, effect.body)
      case 'event':
        return this.#publish(effect.event)
      case 'learn':
        this.#mesh.learnAddresses(effect.peer, effect.addresses)
        if (effect.isLasting) this.#snapshot?.remember(effect.peer, effect.addresses)
        return
      case 'forget':
        this.#mesh.forget(effect.peer)
        return this.#snapshot?.forget(effect.peer)
      case 'goodbye-done':
        return this.#goodbye?.resolve()
      case 'log':
        return this.#options.log.write(effect.level, effect.event, effect.fields)
      default:
        return unreachable(effect)
    }
  }

  #publish(event: MemberEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#options.log.write('error', 'swim.listener-threw', { error: String(error) })
      }
    }
  }

  #onGossip(from: RemotePeer, bytes: Uint8Array): void {
    if (this.#state !== 'running') return
    this.counts.messagesReceived++
    this.counts.bytesReceived += bytes.length
    try {
      const { digest, message } = decodeFrame(bytes)
      this.#noteDigest(from.peer, digest)
      this.#input((now) => this.#core.onMessage(from, message, now))
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.counts.messagesBad++
      const fields = { member: from.peer, error: error.message }
      this.#options.log.write('warn', 'swim.bad-message', fields)
    }
  }

  #noteDigest(peer: PeerId, digest: number): void {
    if (digest !== this.#options.digest()) this.#options.onDigest(peer, digest)
  }

  #answer(from: RemotePeer, { digest, ...request }: PushPull & { digest: number }): PushPull {
    if (this.#state !== 'running') throw new AtollError('STOPPED', 'membership does not run')
    this.#noteDigest(from.peer, digest)
    let reply: PushPull = { claims: [], records: [] }
    this.#input((now) => {
      const answer = this.#core.onExchange(from, request, now)
      reply = answer.reply
      return answer.effects
    })
    return reply
  }
}
