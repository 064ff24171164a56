/**
 * A linearizable read in one round and without a write (REGISTERS.md §3; RMWPaxos, Skrzypczak,
 * Schintke, Schütt 2020, "consistent quorums").
 *
 * It holds when a majority shows the same vote of the current configuration, or shows nothing and
 * nothing can be hidden in an older one. Whatever completed before the read began has a majority
 * of votes, which meets this one, and votes never go back. Higher votes of others are of changes
 * under way. Where replicas differ, the read is proposed like a change.
 */
import type { StorageId } from '../base/ids.ts'
import { type Ballot, equalBallots, isBallot } from './ballot.ts'
import type { Held, Reply } from './messages.ts'
import { majority, type Place } from './place.ts'
import type { Judge } from './poll.ts'
import { checkHead } from './register.ts'
import { type Failure, staleOf } from './verdicts.ts'

export type ReadVerdict =
  | {
      readonly kind: 'agreed'
      readonly accepted: Ballot
      /** Null: all of the majority left it out for its size. */
      readonly value: Uint8Array | null
      /** One of the majority. */
      readonly from: StorageId
    }
  /** Enough answered, and they differ. */
  | { readonly kind: 'divided' }
  | Failure

export class ReadJudge implements Judge<Held, ReadVerdict> {
  readonly #place: Place
  readonly #needed: number
  readonly #held = new Map<StorageId, Held>()

  constructor(place: Place) {
    this.#place = place
    this.#needed = majority(place.replicas)
  }

  onReply(id: StorageId, reply: Reply<Held>): ReadVerdict | null {
    if (reply.kind === 'stale') return staleOf(this.#place, id, reply)
    if (reply.kind === 'rejected' || !this.#place.replicas.includes(id)) return null
    const { accepted, value } = reply.body
    if (value !== null && isBallot(accepted)) checkHead(value, accepted)
    this.#held.set(id, reply.body)
    return this.#agreement(reply.body)
  }

  onMissing(): null {
    return null
  }

  late(): ReadVerdict {
    const answered = this.#held.size
    if (answered >= this.#needed) return { kind: 'divided' }
    return { kind: 'few', answered, needed: this.#needed, replicas: this.#place.replicas.length }
  }

  /** Only the vote that has just come can have made a majority. */
  #agreement({ accepted }: Held): ReadVerdict | null {
    if (isBallot(accepted) && accepted.cfg !== this.#place.cfg) return null
    const same: (readonly [StorageId, Held])[] = []
    for (const entry of this.#held) {
      if (equalBallots(entry[1].accepted, accepted)) same.push(entry)
    }
    const [first] = same
    if (first === undefined || same.length < this.#needed) return null
    if (!isBallot(accepted) && !this.#isAbsenceProven(same)) return null
    const value = same.find(([, held]) => held.value !== null)?.[1].value ?? null
    return { kind: 'agreed', accepted, value, from: first[0] }
  }

  /** What an older configuration holds may not be here yet, unless every member of M says so. */
  #isAbsenceProven(same: readonly (readonly [StorageId, Held])[]): boolean {
    return this.#place.previous === null || same.every(([, { installed }]) => installed)
  }
}
