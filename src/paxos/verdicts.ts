/** What a round can come to besides its success: the same for every kind of question. */
import type { StorageId } from '../base/ids.ts'
import { type Ballot, higherBallot, NO_BALLOT } from './ballot.ts'
import type { Reply } from './messages.ts'

export type Failure =
  /** A higher ballot stands in the way. */
  | { readonly kind: 'rejected'; readonly by: Ballot }
  /** A replica knows a newer topology. */
  | { readonly kind: 'stale'; readonly topology: number; readonly from: StorageId }
  /** Too few answered. */
  | { readonly kind: 'few'; readonly answered: number; readonly needed: number }

/** Keeps count of one group: those that granted, and those that no longer can. */
export class Votes {
  readonly granted = new Set<StorageId>()
  readonly #group: ReadonlySet<StorageId>
  readonly #needed: number
  readonly #missing = new Set<StorageId>()

  constructor(group: readonly StorageId[], needed: number) {
    this.#group = new Set(group)
    this.#needed = needed
  }

  grant(id: StorageId): void {
    if (this.#group.has(id)) this.granted.add(id)
  }

  miss(id: StorageId): void {
    if (this.#group.has(id) && !this.granted.has(id)) this.#missing.add(id)
  }

  get isEnough(): boolean {
    return this.granted.size >= this.#needed
  }

  get isHopeless(): boolean {
    return this.#group.size - this.#missing.size < this.#needed
  }

  failure(by: Ballot): Failure {
    if (by !== NO_BALLOT) return { kind: 'rejected', by }
    return { kind: 'few', answered: this.granted.size, needed: this.#needed }
  }
}

/** Notes what is no answer: returns `stale` at once, and the highest ballot that rejected. */
export function rejectionOf(reply: Reply<unknown>, before: Ballot): Ballot {
  return reply.kind === 'rejected' ? higherBallot(reply.by, before) : before
}
