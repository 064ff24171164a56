/** Phase 2: a value is chosen when a majority of the current replicas has durably accepted it. */
import type { StorageId } from '../base/ids.ts'
import { type Ballot, NO_BALLOT } from './ballot.ts'
import type { Reply } from './messages.ts'
import { majority, type Place } from './place.ts'
import type { Judge } from './poll.ts'
import { type Failure, rejectionOf, Votes } from './verdicts.ts'

export interface Chosen {
  readonly kind: 'chosen'
}

const CHOSEN: Chosen = { kind: 'chosen' }

export class AcceptJudge implements Judge<null, Chosen | Failure> {
  readonly #votes: Votes
  #by: Ballot = NO_BALLOT

  /** `needed`: all, where a tombstone is to be forgotten; else a majority. */
  constructor({ replicas }: Place, needed: number = majority(replicas)) {
    this.#votes = new Votes(replicas, needed)
  }

  onReply(id: StorageId, reply: Reply<null>): Chosen | Failure | null {
    if (reply.kind === 'stale') return { kind: 'stale', topology: reply.topology, from: id }
    this.#by = rejectionOf(reply, this.#by)
    if (reply.kind === 'rejected') return this.onMissing(id)
    this.#votes.grant(id)
    return this.#votes.isEnough ? CHOSEN : null
  }

  onMissing(id: StorageId): Failure | null {
    this.#votes.miss(id)
    return this.#votes.isHopeless ? this.late() : null
  }

  late(): Failure {
    return this.#votes.failure(this.#by)
  }
}
