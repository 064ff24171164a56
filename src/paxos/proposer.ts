/**
 * The proposer: brings operations through (REGISTERS.md §2; CASPaxos, Rystsov 2018).
 *
 * Operations on one key are proposed one ballot after the other, and all that wait share the next
 * one. A ballot takes one round when the one before registered its promise along with its votes,
 * two otherwise. After a round that failed nothing is assumed: the next ballot asks again what was
 * accepted, and `fold` tells what has happened of what this node proposed before.
 *
 * Any number of proposers is safe. They get into each other's way, so a lost round is followed by a
 * random pause, and whoever hands out the work sees to it that few compete (`registers.ts`).
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Random } from '../seams/random.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { Backlog, type Line } from './backlog.ts'
import { type Ballot, NO_BALLOT } from './ballot.ts'
import type { BallotClock } from './ballot-clock.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import {
  dropAttempts,
  fold,
  type Fold,
  isRemembered,
  noteAttempts,
  noteChosen,
  type Outcome,
} from './fold.ts'
import { ATTEMPTS_MAX, COMBINED_MAX, LONELY_PAUSE_MS } from './limits.ts'
import { type Asked, Pending } from './pending.ts'
import { majority, type Place } from './place.ts'
import type { Places } from '../topology/places.ts'
import { PreparedCache, type Ready } from './prepared-cache.ts'
import { encodeRegister } from './register.ts'
import { Rounds } from './rounds.ts'
import { lateError } from './shortage.ts'
import type { Failure } from './verdicts.ts'

export interface ProposerOptions {
  readonly places: Places<Place>
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

/** What a ballot builds on. */
interface Base extends Ready {
  readonly kind: 'base'
  /** At which ballot `register` was voted for; NO_BALLOT: not asked, or never. */
  readonly accepted: Ballot
  /** Whether the register is known to be the newest, so that it may be shown without a vote. */
  readonly isChosen: boolean
  /** Phase 1 was done with the ballot before. */
  readonly isWarm: boolean
}

export class Proposer {
  readonly #options: ProposerOptions
  readonly #cache = new PreparedCache()
  readonly #backlog: Backlog
  readonly #rounds: Rounds
  readonly #aborter = new AbortController()

  constructor(options: ProposerOptions) {
    this.#options = options
    this.#backlog = new Backlog(options.deadlines)
    this.#rounds = new Rounds(options)
  }

  get waiting(): number {
    return this.#backlog.size
  }

  /** Whether changes of the key are under way. */
  isWorkingOn(key: string): boolean {
    return this.#backlog.has(key)
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

  /** Rejects with NO_QUORUM or TIMEOUT when its time is over, CANCELLED by the signal, or BUSY. */
  propose(key: string, asked: Asked, endMs: number, signal?: AbortSignal): Promise<Outcome> {
    const stopped = this.#aborter.signal
    if (stopped.aborted) return Promise.reject(stopped.reason as Error)
    if (signal?.aborted) return Promise.reject(new AtollError('CANCELLED', 'the call was given up'))
    const pending = new Pending(key, asked, this.#options.clock.monotonicMs(), endMs, signal)
    const refusal = this.#backlog.refusal(pending)
    if (refusal !== null) {
      pending.reject(refusal)
      return pending.result
    }
    const { line, isNew } = this.#backlog.add(pending)
    pending.lateError = () => this.#lateError(line, pending)
    if (isNew) this.#start(line)
    return pending.result
  }

  /** What waits ends with STOPPED. */
  stop(): void {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
  }

  #start(line: Line): void {
    this.#work(line).catch((error: unknown) => {
      // A defect: nobody may wait for ever because of it.
      this.#backlog.close(line)
      for (const pending of line.behind) pending.reject(asError(error))
    })
  }

  async #work(line: Line): Promise<void> {
    await Promise.resolve() // What came in the same turn goes into the first ballot as well.
    while (line.behind.size > 0) {
      const batch = line.take(COMBINED_MAX)
      try {
        await this.#settle(line, batch)
      } catch (error) {
        for (const pending of batch) pending.reject(asError(error))
      }
    }
    this.#backlog.close(line)
  }

  #lateError(line: Line, pending: Pending): AtollError {
    const { electorate, places, topology, clock } = this.#options
    const { startMs, endMs } = pending
    const place = places.of(topology.get(), line.key)
    return lateError(place, line.why(pending, clock.monotonicMs()), electorate, endMs - startMs)
  }

  /** Ballot after ballot until everybody in the batch has an outcome, or no more time. */
  async #settle(line: Line, batch: readonly Pending[]): Promise<void> {
    let floor = 0
    for (let failures = 0; ; failures++) {
      let live = batch.filter(({ isDone }) => !isDone)
      if (live.length === 0) return
      this.#aborter.signal.throwIfAborted()
      const failure = await this.#attempt(line, live, floor)
      // Those behind it wait for the same: they shall know why when their time is over.
      line.failure = failure
      live = live.filter(({ isDone }) => !isDone)
      if (failure === null || live.length === 0) return
      this.#options.counts[failure.kind]++
      if (failure.kind === 'few') this.#options.ballots.onRefused()
      if (failure.kind === 'rejected') {
        floor = Math.max(floor, failure.by.counter)
        if (failure.by.storageId !== this.#options.self) this.#options.onRival(line.key)
      }
      await this.#afterFailure(line, failure, live, failures)
    }
  }

  async #afterFailure(
    line: Line,
    failure: Failure,
    live: readonly Pending[],
    failures: number,
  ): Promise<void> {
    const { clock, random, topology } = this.#options
    const over = new AbortController()
    const sinceMs = clock.monotonicMs()
    line.underWay = { sinceMs, standing: () => failure, giveUp: () => over.abort() }
    const signal = AbortSignal.any([this.#aborter.signal, over.signal])
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
    // Cut short when nobody waits any more, or this node stops: whoever goes on looks.
    await sleep(clock, 1 + random.float() * pauseMs, signal).catch(() => undefined)
  }

  /** One ballot. Null: everybody has an outcome. */
  async #attempt(line: Line, batch: readonly Pending[], floor: number): Promise<Failure | null> {
    const place = this.#options.places.of(this.#options.topology.get(), line.key)
    const base = await this.#base(
      line,
      place,
      floor,
      batch.some((each) => each.isChange),
    )
    if (base.kind !== 'base') return base
    // Who was told meanwhile that nothing has happened must not be proposed any more.
    const live = this.#proposable(base, batch)
    const folded = fold(base.register, base.ballot, live)
    const mayShow = base.isChosen && live.every(({ operation }) => operation.kind !== 'touch')
    if (!folded.isChanged && mayShow) {
      this.#cache.put(place.key, base)
      this.#tell(live, folded)
      return null
    }
    return this.#accept(line, place, base, folded, live)
  }

  #proposable({ register, accepted, isChosen }: Base, batch: readonly Pending[]): Pending[] {
    const live = batch.filter(({ isDone }) => !isDone)
    if (isChosen) {
      dropAttempts(live, register, accepted)
      noteChosen(register, live)
    }
    return live.filter((pending) => {
      if (pending.attempts.length < ATTEMPTS_MAX || isRemembered(register, pending)) return true
      const why = `${ATTEMPTS_MAX} ballots came to nothing that could be learned`
      pending.reject(new AtollError('TIMEOUT', `"${pending.key}" could not be agreed on: ${why}`))
      return false
    })
  }

  async #base(line: Line, place: Place, floor: number, changes: boolean): Promise<Base | Failure> {
    const { electorate, clock } = this.#options
    const ready = this.#cache.take(place.key, place.cfg, changes ? clock.wallMs() : null)
    const usable = electorate.usable(place, place.replicas)
    // Nothing is sent that cannot be chosen: its outcome would be unknown for no reason.
    const needed = majority(place.replicas)
    if (usable < needed) {
      return { kind: 'few', answered: usable, needed, replicas: place.replicas.length }
    }
    if (ready === null) return this.#prepare(line, place, floor)
    return { kind: 'base', ...ready, accepted: NO_BALLOT, isChosen: false, isWarm: true }
  }

  async #prepare(line: Line, place: Place, floor: number): Promise<Base | Failure> {
    const ballot = this.#ballot(place.cfg, floor)
    const verdict = await this.#rounds.prepare(line, place, ballot)
    if (verdict.kind !== 'prepared') return verdict
    const { counterMax, ...prepared } = verdict
    if (ballot.counter > counterMax) return { ...prepared, kind: 'base', ballot, isWarm: false }
    // Revisions of what was collected or brought over may lie above it: once more, higher.
    return { kind: 'rejected', by: { ...ballot, counter: counterMax } }
  }

  async #accept(
    line: Line,
    place: Place,
    { ballot, isWarm }: Base,
    folded: Fold,
    live: readonly Pending[],
  ): Promise<Failure | null> {
    if (live.length === 0) return null
    const { onChosen, counts } = this.#options
    const { register } = folded
    const next = this.#ballot(place.cfg, Math.max(ballot.counter, register.revision))
    noteAttempts(live, ballot, folded)
    const vote = { ballot, next, value: encodeRegister(register) }
    const verdict = await this.#rounds.accept(line, place, vote)
    if (verdict.kind !== 'chosen') return verdict
    counts[isWarm ? 'chosenInOne' : 'chosenInTwo']++
    const ready = { register, ballot: next }
    this.#cache.put(place.key, ready)
    this.#tell(live, folded)
    noteChosen(register, line.behind)
    onChosen(place.key, ready)
    return null
  }

  #tell(live: readonly Pending[], { outcomes }: Fold): void {
    for (const [i, pending] of live.entries()) {
      const outcome = outcomes[i]
      if (outcome !== undefined) pending.resolve(outcome)
    }
  }

  #ballot(cfg: number, floor: number): Ballot {
    const { self: storageId, boot, ballots } = this.#options
    return { cfg, counter: ballots.next(floor), storageId, boot }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
