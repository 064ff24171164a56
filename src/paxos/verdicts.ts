/** What a round can come to besides its success: the same for every kind of question. */
import type { StorageId } from '../base/ids.ts'
import { type Ballot, compareBallots, higherBallot, NO_BALLOT } from './ballot.ts'
import { majority, type Place } from './place.ts'

export type Failure =
  /** A higher ballot stands in the way. */
  | { readonly kind: 'rejected'; readonly by: Ballot }
  /** A replica knows a newer topology. */
  | { readonly kind: 'stale'; readonly topology: number; readonly from: StorageId }
  | Few

/** Too few of a group answered. */
export interface Few {
  readonly kind: 'few'
  readonly answered: number
  readonly needed: number
  /** In the group. */
  readonly replicas: number
}

/**
 * Null: it knows nothing newer, so it is a disk that has no part in the place, under the name of
 * one that has. There is nothing to catch up with, and the others may be enough.
 */
export function staleOf(
  { topology: { number } }: Place,
  from: StorageId,
  { topology }: { readonly topology: number },
): Failure | null {
  return topology > number ? { kind: 'stale', topology, from } : null
}

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
    const { granted } = this
    return { kind: 'few', answered: granted.size, needed: this.#needed, replicas: this.#group.size }
  }
}

/**
 * The ballots that stand in the way. One from the far future is of a wild clock: to follow it would
 * make all acceptors refuse whatever comes after. But where most are far ahead, it is the clock of
 * this machine that is wrong, and they are followed.
 */
export class Obstacles {
  readonly #most: number
  readonly #isTooFarAhead: (counter: number) => boolean
  #highest: Ballot = NO_BALLOT
  #lowestWild: Ballot = NO_BALLOT
  readonly #wild = new Set<StorageId>()

  constructor(group: readonly StorageId[], isTooFarAhead: (counter: number) => boolean) {
    this.#most = majority(group)
    this.#isTooFarAhead = isTooFarAhead
  }

  isWild(counter: number): boolean {
    return this.#isTooFarAhead(counter)
  }

  note(id: StorageId, by: Ballot): void {
    if (!this.isWild(by.counter)) {
      this.#highest = higherBallot(by, this.#highest)
      return
    }
    this.#wild.add(id)
    const isLower = compareBallots(by, this.#lowestWild) < 0
    if (this.#lowestWild === NO_BALLOT || isLower) this.#lowestWild = by
  }

  /** What the next ballot has to exceed; NO_BALLOT: nothing. */
  get by(): Ballot {
    return this.#wild.size >= this.#most ? this.#lowestWild : this.#highest
  }
}
