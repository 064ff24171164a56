/**
 * The suspicions that this node holds: who accuses whom, and until when the suspect has time to refute.
 * One for each suspect member, no longer than it is suspect.
 *
 * How long a lone accusation waits for others depends on how many others there are. Those whose port
 * we found closed ourselves are left out: where several processes end at once, none of them waits
 * for the word of another. Those that only fell silent count, since if we are the one that is ill,
 * everybody does.
 */
import type { PeerId } from '../base/ids.ts'
import type { Accusation, Claim } from './claim.ts'
import type { MemberList } from './member-list.ts'
import { Suspicion } from './suspicion.ts'
import type { Turn } from './turn.ts'

export class Suspicions {
  readonly #self: PeerId
  readonly #turn: Turn
  readonly #members: MemberList
  readonly #suspicions = new Map<PeerId, Suspicion>()
  /** Suspects whose port we found closed. */
  readonly #closed = new Set<PeerId>()
  /** The number of members mattered when suspicions were last looked at. */
  #wasSmall = true

  constructor(self: PeerId, turn: Turn, members: MemberList) {
    this.#self = self
    this.#turn = turn
    this.#members = members
  }

  get size(): number {
    return this.#suspicions.size
  }

  isClosed(id: PeerId): boolean {
    return this.#closed.has(id)
  }

  accusationsOf(id: PeerId): readonly Accusation[] {
    return this.#suspicions.get(id)?.accusations() ?? []
  }

  /** A member became suspect by this claim, which `via` told. The first accuser that counts. */
  start({ id, accusations }: Claim, via: PeerId): Accusation {
    const valid = accusations.filter((each) => this.#mayAccuse(each.by, id))
    const first = valid[0] ?? { by: via, strong: false }
    const { profile, now } = this.#turn
    const suspicion = new Suspicion(profile, this.#confirmers(id), now, first)
    for (const accusation of valid.slice(1)) suspicion.accuse(accusation)
    this.#suspicions.set(id, suspicion)
    this.#schedule(id, suspicion)
    return first
  }

  /** More accusers. True when that is worth telling others. */
  confirm(id: PeerId, accusations: readonly Accusation[]): boolean {
    const suspicion = this.#suspicions.get(id)
    if (suspicion === undefined) return false
    let news = false
    for (const accusation of accusations) {
      if (this.#mayAccuse(accusation.by, id) && suspicion.accuse(accusation)) news = true
    }
    if (news) this.#schedule(id, suspicion)
    return news
  }

  /** Our own evidence is strong. */
  foundClosed(id: PeerId): void {
    if (!this.#suspicions.has(id)) return
    this.#closed.add(id)
    this.#resize()
  }

  /** We reached it: our strong evidence against it is void. */
  vouch(id: PeerId): void {
    const suspicion = this.#suspicions.get(id)
    if (suspicion === undefined) return
    suspicion.withdraw(this.#self)
    this.#schedule(id, suspicion)
    if (this.#closed.delete(id)) this.#resize()
  }

  /** It is suspect no more, or suspect under another incarnation. */
  end(id: PeerId): void {
    this.#closed.delete(id)
    if (this.#suspicions.delete(id)) this.#turn.timers.cancel('suspicion', id)
    this.#resize()
  }

  /** Its time is over: how many confirmed it, or null when it got more time. */
  onDeadline(id: PeerId): number | null {
    const suspicion = this.#suspicions.get(id)
    if (suspicion === undefined) return null
    const { now, lateAt, profile } = this.#turn
    const stoodStill = now - lateAt < profile.probeTimeoutMs
    if (!stoodStill || !suspicion.postpone(now)) return suspicion.confirmed
    this.#schedule(id, suspicion)
    return null
  }

  /** Members that may have an opinion of it, itself among them. */
  #confirmers(suspect: PeerId): number {
    return this.#members.up - this.#closed.size + (this.#closed.has(suspect) ? 1 : 0)
  }

  /** As cheap in large groups as it is pointless: only few members matter to the formula. */
  #resize(): void {
    const isSmall = this.#members.up - this.#closed.size <= this.#turn.profile.suspicionMult
    if (!isSmall && !this.#wasSmall) return
    this.#wasSmall = isSmall
    for (const [id, suspicion] of this.#suspicions) {
      if (suspicion.resize(this.#confirmers(id))) this.#schedule(id, suspicion)
    }
  }

  #schedule(id: PeerId, { deadline }: Suspicion): void {
    this.#turn.timers.set('suspicion', id, deadline)
  }

  /** Names that nobody knows do not count, nor does the accused. */
  #mayAccuse(by: PeerId, accused: PeerId): boolean {
    return by !== accused && this.#members.get(by) !== undefined
  }
}
