/**
 * Phase 1: enough promises, and what they say was accepted (REGISTERS.md §2).
 *
 * While a partition moves, what was chosen under the old configuration counts until it has been
 * brought over. So the old group must promise too, unless every promise of the new one says that all
 * of it is installed, or one shows that the register has been voted on under the new
 * configuration: whoever proposed that had asked the old group.
 */
import type { StorageId } from '../base/ids.ts'
import { type Ballot, compareBallots, equalBallots, isBallot, NO_BALLOT } from './ballot.ts'
import type { Promised, Reply } from './messages.ts'
import { blocking, majority, type Place } from './place.ts'
import type { Judge } from './poll.ts'
import { ABSENT, checkHead, decodeRegister, type Register } from './register.ts'
import { type Failure, Obstacles, staleOf, Votes } from './verdicts.ts'

export interface Prepared {
  readonly kind: 'prepared'
  readonly register: Register
  /** Whether the register is known to be chosen, so that it may be shown. */
  readonly isChosen: boolean
  /** At which ballot it was voted for; NO_BALLOT: never. */
  readonly accepted: Ballot
  /** Counters that the ballot must exceed; if it does not, a higher one is prepared. */
  readonly counterMax: number
}

export class PrepareJudge implements Judge<Promised, Prepared | Failure> {
  readonly #place: Place
  readonly #current: Votes
  readonly #previous: Votes | null
  readonly #promises = new Map<StorageId, Promised>()
  readonly #obstacles: Obstacles

  constructor(place: Place, isTooFarAhead: (counter: number) => boolean) {
    const { replicas, previous } = place
    this.#place = place
    this.#current = new Votes(replicas, blocking(replicas))
    this.#obstacles = new Obstacles(replicas, isTooFarAhead)
    this.#previous = previous === null ? null : new Votes(previous, blocking(previous))
  }

  onReply(id: StorageId, reply: Reply<Promised>): Prepared | Failure | null {
    if (reply.kind === 'stale') return staleOf(this.#place, id, reply) ?? this.onMissing(id)
    if (reply.kind === 'rejected') {
      this.#obstacles.note(id, reply.by)
      return this.onMissing(id)
    }
    const { accepted, counterMax, value } = reply.body
    if (isBallot(accepted)) checkHead(value, accepted)
    const counter = Math.max(accepted.counter, counterMax)
    if (this.#obstacles.isWild(counter)) {
      this.#obstacles.note(id, { ...accepted, counter })
      return this.onMissing(id)
    }
    this.#promises.set(id, reply.body)
    this.#current.grant(id)
    this.#previous?.grant(id)
    return this.#current.isEnough && this.#isPastCovered ? this.#prepared() : null
  }

  onMissing(id: StorageId): Failure | null {
    this.#current.miss(id)
    this.#previous?.miss(id)
    if (this.#current.isHopeless) return this.#current.failure(this.#obstacles.by)
    // The old group may not be needed in the end: its loss is decided when nobody is left.
    return null
  }

  late(): Failure {
    const short = this.#current.isEnough ? (this.#previous ?? this.#current) : this.#current
    return short.failure(this.#obstacles.by)
  }

  get #isPastCovered(): boolean {
    if (this.#previous === null || this.#previous.isEnough) return true
    const current = this.#promisesOf(this.#place.replicas)
    return (
      current.every(({ installed }) => installed) ||
      current.some(({ accepted }) => accepted.cfg === this.#place.cfg)
    )
  }

  #promisesOf(group: readonly StorageId[]): Promised[] {
    return group.flatMap((id) => this.#promises.get(id) ?? [])
  }

  #prepared(): Prepared {
    let highest: Promised | null = null
    let counterMax = 0
    for (const promise of this.#promises.values()) {
      counterMax = Math.max(counterMax, promise.counterMax, promise.accepted.counter)
      if (!isBallot(promise.accepted)) continue
      if (highest === null || compareBallots(promise.accepted, highest.accepted) > 0) {
        highest = promise
      }
    }
    // What was forgotten lies below the floors: of that a register made now knows nothing.
    const register =
      highest === null ? { ...ABSENT, born: counterMax } : decodeRegister(highest.value)
    counterMax = Math.max(counterMax, register.revision)
    const accepted = highest?.accepted ?? NO_BALLOT
    return { kind: 'prepared', register, accepted, isChosen: this.#isChosen(highest), counterMax }
  }

  /** As a linearizable read would judge: a majority shows the same vote of this configuration. */
  #isChosen(highest: Promised | null): boolean {
    const { replicas, cfg } = this.#place
    const current = this.#promisesOf(replicas)
    if (current.length < majority(replicas)) return false
    if (highest === null) {
      return this.#previous === null || current.every(({ installed }) => installed)
    }
    const { accepted } = highest
    const votes = current.filter((promise) => equalBallots(promise.accepted, accepted))
    return accepted.cfg === cfg && votes.length >= majority(replicas)
  }
}
