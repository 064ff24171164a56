/** Phase 2: a value is chosen when a majority of the current replicas has durably accepted it. */
import type { StorageId } from '../base/ids.ts'
import type { Reply } from './messages.ts'
import { majority, type Place } from './place.ts'
import type { Judge } from './poll.ts'
import { type Failure, Obstacles, staleOf, Votes } from './verdicts.ts'

export interface Chosen {
  readonly kind: 'chosen'
}

const CHOSEN: Chosen = { kind: 'chosen' }

export class AcceptJudge implements Judge<null, Chosen | Failure> {
  readonly #place: Place
  readonly #votes: Votes
  readonly #obstacles: Obstacles

  constructor(place: Place, isTooFarAhead: (counter: number) => boolean) {
    const { replicas } = place
    this.#place = place
    this.#votes = new Votes(replicas, majority(replicas))
    this.#obstacles = new Obstacles(replicas, isTooFarAhead)
  }

  onReply(id: StorageId, reply: Reply<null>): Chosen | Failure | null {
    if (reply.kind === 'stale') return staleOf(this.#place, id, reply) ?? this.onMissing(id)
    if (reply.kind === 'rejected') {
      this.#obstacles.note(id, reply.by)
      return this.onMissing(id)
    }
    this.#votes.grant(id)
    return this.#votes.isEnough ? CHOSEN : null
  }

  onMissing(id: StorageId): Failure | null {
    this.#votes.miss(id)
    return this.#votes.isHopeless ? this.late() : null
  }

  late(): Failure {
    return this.#votes.failure(this.#obstacles.by)
  }
}
