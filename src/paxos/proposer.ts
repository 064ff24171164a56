/**
 * The proposer: brings operations through (registers.md §2; CASPaxos, Rystsov 2018).
 *
 * Operations on one key are proposed one ballot after the other, and all that wait share the next
 * one. A ballot takes one round when the one before registered its promise along with its votes,
 * two otherwise. After a round that failed nothing is assumed: the next ballot asks again what was
 * accepted, and `fold` tells what has happened of what this node proposed before.
 *
 * Any number of proposers is safe. They get into each other's way, so a lost round is followed by a
 * random pause, and whoever hands out the work sees to it that few compete (`registers.ts`).
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Random } from '../seams/random.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { AcceptJudge, type Chosen } from './accept-judge.ts'
import type { Ballot } from './ballot.ts'
import type { BallotClock } from './ballot-clock.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import { type Call, fold, type Fold, noteAttempts, noteChosen, type Outcome } from './fold.ts'
import {
  COMBINED_MAX,
  ROUND_MS,
  WAITING_BYTES_MAX,
  WAITING_MAX,
  WAITING_PER_KEY_MAX,
} from './limits.ts'
import type { Promised } from './messages.ts'
import { Pending } from './pending.ts'
import { majority, type Place } from './place.ts'
import type { Places } from './places.ts'
import { Poll } from './poll.ts'
import { PrepareJudge, type Prepared } from './prepare-judge.ts'
import { PreparedCache, type Ready } from './prepared-cache.ts'
import { encodeRegister } from './register.ts'
import type { Failure } from './verdicts.ts'

export interface ProposerOptions {
  readonly places: Places
  readonly counts: RegisterCounts
  readonly self: StorageId
  readonly boot: number
  readonly electorate: Electorate
  readonly topology: KnownTopology
  readonly ballots: BallotClock
  readonly clock: Clock
  readonly random: Random
  readonly deadlines: Deadlines
  /** Another proposer was in the way on this key. */
  readonly onRival: (key: string) => void
  /** A change was chosen. */
  readonly onChosen: (key: string, ready: Ready) => void
}

/** Pauses after a lost round: random up to this, doubled each time. */
const RIVAL_PAUSE_MS = 4
const RIVAL_PAUSE_MS_MAX = 128
/** Pauses while too few replicas can be reached. */
const LONELY_PAUSE_MS = 50

/** What a ballot builds on. */
interface Base extends Ready {
  readonly kind: 'base'
  /** Whether the register is known to be the newest, so that it may be shown without a vote. */
  readonly isChosen: boolean
  /** Phase 1 was done with the ballot before. */
  readonly isWarm: boolean
}

export class Proposer {
  readonly #options: ProposerOptions
  readonly #cache = new PreparedCache()
  /** By key, what waits for its next ballot. A key is here as long as it is worked on. */
  readonly #queues = new Map<string, Pending[]>()
  #waiting = 0
  #waitingBytes = 0
  readonly #aborter = new AbortController()

  constructor(options: ProposerOptions) {
    this.#options = options
  }

  /** Operations that wait or are under way. */
  get waiting(): number {
    return this.#waiting
  }

  /** Whether the next change of the key takes one round only. */
  isReady(key: string): boolean {
    const topology = this.#options.topology.get()
    return this.#cache.has(key, this.#options.places.of(topology, key).cfg)
  }

  /** Our replica voted for it: what is prepared below would be rejected, its outcome in doubt. */
  onVote(key: string, ballot: Ballot): void {
    this.#cache.dropBelow(key, ballot)
  }

  /** Rejects with NO_QUORUM or TIMEOUT when its time is over, BUSY when too much waits. */
  propose(
    key: string,
    call: Pick<Call, 'operation' | 'id' | 'since'>,
    endMs: number,
  ): Promise<Outcome> {
    const pending = new Pending(key, call, endMs)
    const refusal = this.#refusal(pending)
    if (refusal !== null) return Promise.reject(refusal)
    this.#waiting++
    this.#waitingBytes += pending.valueBytes
    const { clock, deadlines } = this.#options
    deadlines.add(pending, Math.max(0, endMs - clock.monotonicMs()))
    const queue = this.#queues.get(key)
    if (queue === undefined) this.#start(key, [pending])
    else queue.push(pending)
    return pending.result
  }

  /** What waits ends with STOPPED. */
  stop(): void {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
  }

  #refusal({ key, valueBytes }: Pending): AtollError | null {
    if (this.#aborter.signal.aborted) return new AtollError('STOPPED', 'this node is stopping')
    const atKey = this.#queues.get(key)?.length ?? 0
    const isFull =
      this.#waiting >= WAITING_MAX ||
      atKey >= WAITING_PER_KEY_MAX ||
      this.#waitingBytes + valueBytes > WAITING_BYTES_MAX
    if (!isFull) return null
    return new AtollError('BUSY', `too many operations wait on this node, ${atKey} for "${key}"`)
  }

  #start(key: string, queue: Pending[]): void {
    this.#queues.set(key, queue)
    this.#work(key, queue).catch((error: unknown) => {
      // A defect: nobody may wait for ever because of it.
      this.#queues.delete(key)
      for (const pending of queue) this.#fail(pending, asError(error))
    })
  }

  async #work(key: string, queue: Pending[]): Promise<void> {
    // What came in the same turn goes into the first ballot as well.
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = queue.splice(0, COMBINED_MAX)
      try {
        await this.#settle(key, batch)
      } catch (error) {
        for (const pending of batch) this.#fail(pending, asError(error))
      }
      for (const pending of batch) this.#leave(pending)
    }
    this.#queues.delete(key)
  }

  #leave(pending: Pending): void {
    this.#options.deadlines.remove(pending)
    this.#waiting--
    this.#waitingBytes -= pending.valueBytes
  }

  #fail(pending: Pending, error: Error): void {
    if (pending.isDone) return
    const outcome = pending.attempts.length > 0 ? 'unknown' : 'not-applied'
    if (!isAtollError(error) || error.outcome === outcome) return pending.reject(error)
    pending.reject(new AtollError(error.code, error.message, { outcome, cause: error }))
  }

  /** Ballot after ballot until everybody in the batch has an outcome, or no more time. */
  async #settle(key: string, batch: readonly Pending[]): Promise<void> {
    let floor = 0
    for (let failures = 0; ; failures++) {
      const live = batch.filter(({ isDone }) => !isDone)
      if (live.length === 0) return
      this.#aborter.signal.throwIfAborted()
      const failure = await this.#attempt(key, live, floor)
      if (failure === null) return
      // Those behind it wait for the same: they shall know why when their time is over.
      for (const pending of [...live, ...(this.#queues.get(key) ?? [])]) pending.failure = failure
      this.#options.counts[failure.kind]++
      if (failure.kind === 'rejected') {
        floor = Math.max(floor, failure.by.counter)
        if (failure.by.storageId !== this.#options.self) this.#options.onRival(key)
      }
      await this.#afterFailure(failure, live, failures)
    }
  }

  async #afterFailure(failure: Failure, live: readonly Pending[], failures: number): Promise<void> {
    const { clock, random, topology } = this.#options
    const { signal } = this.#aborter
    if (failure.kind === 'stale') {
      const endMs = Math.max(...live.map((pending) => pending.endMs))
      const caughtUp = topology.catchUp(failure.topology, failure.from, { endMs, signal })
      const isHere = await caughtUp.then(
        () => true,
        () => false,
      )
      if (isHere) return
    }
    const pauseMs =
      failure.kind !== 'rejected'
        ? LONELY_PAUSE_MS
        : Math.min(RIVAL_PAUSE_MS * 2 ** failures, RIVAL_PAUSE_MS_MAX)
    await sleep(clock, 1 + random.float() * pauseMs, signal)
  }

  /** One ballot. Null: everybody has an outcome. */
  async #attempt(key: string, batch: readonly Pending[], floor: number): Promise<Failure | null> {
    const place = this.#options.places.of(this.#options.topology.get(), key)
    const base = await this.#base(place, floor)
    if (base.kind !== 'base') return base
    // Who was told meanwhile that nothing has happened must not be proposed any more.
    const live = batch.filter(({ isDone }) => !isDone)
    const folded = fold(base.register, base.ballot, live)
    const mayShow = base.isChosen && live.every(({ operation }) => operation.kind !== 'touch')
    if (!folded.isChanged && mayShow) {
      this.#cache.put(key, base)
      this.#tell(live, folded)
      return null
    }
    return this.#accept(place, base, folded, live)
  }

  async #base(place: Place, floor: number): Promise<Base | Failure> {
    const { electorate } = this.#options
    const ready = this.#cache.take(place.key, place.cfg)
    const usable = electorate.usable(place, place.replicas)
    // Nothing is sent that cannot be chosen: its outcome would be unknown for no reason.
    const needed = majority(place.replicas)
    if (usable < needed) return { kind: 'few', answered: usable, needed }
    if (ready !== null) return { kind: 'base', ...ready, isChosen: false, isWarm: true }
    return this.#prepare(place, floor)
  }

  async #prepare(place: Place, floor: number): Promise<Base | Failure> {
    const { electorate, deadlines } = this.#options
    const ballot = this.#ballot(place.cfg, floor)
    // What this ballot exceeds already drags it nowhere.
    const isWild = (counter: number): boolean =>
      counter > ballot.counter && this.#isTooFarAhead(counter)
    const poll = new Poll<Promised, Prepared | Failure>(new PrepareJudge(place, isWild))
    poll.begin(electorate.prepare(place, ballot, ROUND_MS), [], deadlines, { roundMs: ROUND_MS })
    const verdict = await poll.verdict
    if (verdict.kind !== 'prepared') return verdict
    const { register, isChosen, counterMax } = verdict
    if (ballot.counter > counterMax) {
      return { kind: 'base', register, ballot, isChosen, isWarm: false }
    }
    // Revisions of what was collected or brought over may lie above it: once more, higher.
    return { kind: 'rejected', by: { ...ballot, counter: counterMax } }
  }

  async #accept(
    place: Place,
    { register, ballot, isWarm }: Base,
    folded: Fold,
    live: readonly Pending[],
  ): Promise<Failure | null> {
    const { electorate, deadlines, onChosen, counts } = this.#options
    const next = this.#ballot(place.cfg, Math.max(ballot.counter, folded.register.revision))
    noteAttempts(live, register, ballot, folded)
    const poll = new Poll<null, Chosen | Failure>(new AcceptJudge(place, this.#isTooFarAhead))
    const vote = { ballot, next, value: encodeRegister(folded.register) }
    poll.begin(electorate.accept(place, vote, ROUND_MS), [], deadlines, { roundMs: ROUND_MS })
    const verdict = await poll.verdict
    if (verdict.kind !== 'chosen') return verdict
    counts[isWarm ? 'chosenInOne' : 'chosenInTwo']++
    const ready = { register: folded.register, ballot: next }
    this.#cache.put(place.key, ready)
    this.#tell(live, folded)
    noteChosen(folded.register, this.#queues.get(place.key) ?? [])
    onChosen(place.key, ready)
    return null
  }

  #tell(live: readonly Pending[], { outcomes }: Fold): void {
    for (const [i, pending] of live.entries()) {
      const outcome = outcomes[i]
      if (outcome !== undefined && !pending.isDone) pending.resolve(outcome)
    }
  }

  readonly #isTooFarAhead = (counter: number): boolean =>
    this.#options.electorate.isTooFarAhead(counter)

  #ballot(cfg: number, floor: number): Ballot {
    const { self: storageId, boot, ballots } = this.#options
    return { cfg, counter: ballots.next(floor), storageId, boot }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
