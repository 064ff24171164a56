/** The two rounds of a ballot: each asks the acceptors, as long as anybody waits for what comes of it. */
import type { Deadlines } from '../mesh/deadlines.ts'
import type { Clock } from '../seams/clock.ts'
import { AcceptJudge, type Chosen } from './accept-judge.ts'
import type { Line } from './backlog.ts'
import type { Ballot } from './ballot.ts'
import type { BallotClock } from './ballot-clock.ts'
import type { Electorate } from './electorate.ts'
import { ROUND_MS } from './limits.ts'
import type { Promised } from './messages.ts'
import type { Place } from './place.ts'
import { type Ask, type Judge, Poll } from './poll.ts'
import { PrepareJudge, type Prepared } from './prepare-judge.ts'
import type { Vote } from './replica.ts'
import type { Failure } from './verdicts.ts'

/**
 * A silent replica, killed or paused, must not hold up proposers that have met: the next ballot needs
 * only those that answer, and at the end of a call's time an attempt is in doubt.
 */
const REJECTED_MS = 100

export interface RoundsOptions {
  readonly electorate: Electorate
  readonly ballots: BallotClock
  readonly clock: Clock
  readonly deadlines: Deadlines
}

export class Rounds {
  readonly #options: RoundsOptions

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Phase 1. */
  prepare(line: Line, place: Place, ballot: Ballot): Promise<Prepared | Failure> {
    const { electorate, ballots } = this.#options
    // What this ballot exceeds already drags it nowhere.
    const isWild = (counter: number): boolean => counter > ballot.counter && ballots.isWild(counter)
    const judge = new PrepareJudge(place, isWild)
    const asks = (roundMs: number) => electorate.prepare(place, ballot, roundMs)
    return this.#ask<Promised, Prepared>(line, judge, () => judge.late(), asks)
  }

  /** Phase 2. */
  accept(line: Line, place: Place, vote: Vote): Promise<Chosen | Failure> {
    const { electorate, ballots } = this.#options
    const judge = new AcceptJudge(place, (counter) => ballots.isWild(counter))
    const asks = (roundMs: number) => electorate.accept(place, vote, roundMs)
    return this.#ask<null, Chosen>(line, judge, () => judge.late(), asks)
  }

  async #ask<T, R>(
    line: Line,
    judge: Judge<T, R | Failure>,
    standing: () => Failure,
    asks: (roundMs: number) => readonly Ask<T>[],
  ): Promise<R | Failure> {
    const { clock, deadlines } = this.#options
    const sinceMs = clock.monotonicMs()
    const roundMs = Math.max(1, Math.min(ROUND_MS, Math.ceil(line.endMs - sinceMs)))
    const poll = new Poll<T, R | Failure>(judge)
    line.underWay = { sinceMs, standing, giveUp: () => poll.giveUp() }
    poll.begin(asks(roundMs), [], deadlines, { roundMs, rejectedMs: REJECTED_MS })
    try {
      return await poll.verdict
    } finally {
      line.underWay = null
    }
  }
}
