/** Ballots and what makes, guards and shows their numbers (REGISTERS.md §1). */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SKEW_MS_MAX, UNITS_PER_MS } from '../../src/base/hybrid-time.ts'
import { BallotClock } from '../../src/paxos/ballot-clock.ts'
import {
  type Ballot,
  compareBallots,
  equalBallots,
  higherBallot,
  isBallot,
  NO_BALLOT,
} from '../../src/paxos/ballot.ts'
import { CounterGuard } from '../../src/paxos/counter-guard.ts'
import { revisionOf, versionOf } from '../../src/paxos/version.ts'
import { FakeDatabase } from '../topology/fakes.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { closeBallots, numbers } from './arbitrary.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** A machine whose clock is set by hand. */
class WallClock extends ManualClock {
  #wallMs: number

  constructor(wallMs: number) {
    super()
    this.#wallMs = wallMs
  }

  set(wallMs: number): void {
    this.#wallMs = wallMs
  }

  override wallMs(): number {
    return this.#wallMs
  }
}

describe('ballots', () => {
  it('are in one order: configuration, counter, disk, boot (§1)', () => {
    const low: Ballot = { cfg: 1, counter: 9, storageId: 'z', boot: 9 }
    const rising: readonly Ballot[] = [
      NO_BALLOT,
      { ...low, counter: 1 },
      low,
      { ...low, cfg: 2, counter: 1, storageId: 'a', boot: 1 },
      { ...low, cfg: 2, counter: 1, storageId: 'a', boot: 2 },
      { ...low, cfg: 2, counter: 1, storageId: 'b', boot: 1 },
      { ...low, cfg: 2, counter: 2, storageId: 'a', boot: 1 },
    ]
    for (const [i, a] of rising.entries()) {
      for (const [j, b] of rising.entries()) {
        assert.equal(Math.sign(compareBallots(a, b)), Math.sign(i - j), `${i} ${j}`)
      }
    }
    assert.deepEqual(rising.map(isBallot), [false, true, true, true, true, true, true])
  })

  it('the order is total, and the higher of two is one of them', () => {
    fc.assert(
      fc.property(closeBallots, closeBallots, closeBallots, (a, b, c) => {
        assert.equal(Math.sign(compareBallots(a, b)), -Math.sign(compareBallots(b, a)) || 0)
        assert.equal(equalBallots(a, b), JSON.stringify(a) === JSON.stringify(b))
        if (compareBallots(a, b) <= 0 && compareBallots(b, c) <= 0) {
          assert.ok(compareBallots(a, c) <= 0)
        }
        const higher = higherBallot(a, b)
        assert.ok(compareBallots(higher, a) >= 0 && compareBallots(higher, b) >= 0)
        assert.ok(higher === a || higher === b)
      }),
    )
  })
})

describe('the clock of ballots', () => {
  it('gives no number twice, above what it is told and above the time', async () => {
    const clock = new ManualClock()
    const ballots = new BallotClock(clock)
    let last = 0
    for (const [floor, waitMs] of [
      [0, 0],
      [0, 0],
      [2e15, 0],
      [0, 1],
      [0, 5000],
      [last, 0],
    ] as const) {
      await clock.advance(waitMs)
      const next = ballots.next(floor)
      assert.ok(next > last && next > floor && next >= clock.wallMs() * UNITS_PER_MS)
      ballots.onTaken(next)
      last = next
    }
  })

  it('never goes back with the machine’s clock, and bears one before its time', () => {
    const clock = new WallClock(5000)
    const ballots = new BallotClock(clock)
    const first = ballots.next(0)
    clock.set(4000)
    assert.equal(ballots.next(0), first + 1)
    clock.set(-10_000)
    assert.equal(ballots.next(0), first + 2)
    assert.equal(new BallotClock(clock).next(0), 1)
  })

  it('disowns what nobody took and the time does not bear out, and keeps what others took', () => {
    const start = 20_000 * DAY_MS
    for (const isTaken of [false, true]) {
      const clock = new WallClock(start + 3 * DAY_MS)
      const ballots = new BallotClock(clock)
      const wild = ballots.next(0)
      assert.deepEqual([ballots.isWild(wild), ballots.isUntried(wild)], [false, true])
      assert.equal(ballots.next(0), wild + 1, 'its own clock still says so')
      if (isTaken) ballots.onTaken(wild)
      clock.set(start)
      assert.equal(ballots.isWild(wild), true)
      if (isTaken) {
        assert.equal(ballots.next(0), wild + 2, 'perhaps all are there')
        ballots.onRefused()
      }
      assert.equal(ballots.next(0), start * UNITS_PER_MS)
      clock.set(start + 3 * DAY_MS)
      assert.equal(ballots.next(0), wild + (isTaken ? 3 : 2), 'none twice')
    }
  })

  it('ends when the numbers do', () => {
    const ballots = new BallotClock(new ManualClock())
    assert.throws(() => ballots.next(Number.MAX_SAFE_INTEGER), /ran out/)
    ballots.onTaken(ballots.next(Number.MAX_SAFE_INTEGER - 1))
    assert.throws(() => ballots.next(0), /ran out/)
  })
})

describe('the guard of counters', () => {
  const setUp = (wallMs: number) => {
    const clock = new WallClock(wallMs)
    const database = new FakeDatabase(clock)
    return { clock, database, guard: new CounterGuard(database, clock) }
  }

  it('takes what is up to a day ahead of the clock', () => {
    const { guard } = setUp(20_000 * DAY_MS)
    const now = 20_000 * DAY_MS * UNITS_PER_MS
    assert.equal(guard.isTooFarAhead(now + SKEW_MS_MAX * UNITS_PER_MS), false)
    assert.equal(guard.isTooFarAhead(now + SKEW_MS_MAX * UNITS_PER_MS + 1), true)
    assert.equal(guard.isTooFarAhead(Number.MAX_SAFE_INTEGER), true)
    assert.equal(guard.isTooFarAhead(0), false)
  })

  it('takes what it took before its clock fell back, and a day more', () => {
    const { guard, clock, database } = setUp(20_000 * DAY_MS)
    const taken = 20_000 * DAY_MS * UNITS_PER_MS
    for (const { key, value } of guard.note(taken)) if (value) database.durable.set(key, value)
    clock.set(19_000 * DAY_MS)
    const after = new CounterGuard(database, clock)
    assert.equal(after.isTooFarAhead(taken + SKEW_MS_MAX * UNITS_PER_MS), false)
    assert.equal(after.isTooFarAhead(taken + 2 * SKEW_MS_MAX * UNITS_PER_MS), true)
    const isNew = setUp(19_000 * DAY_MS).guard
    assert.equal(isNew.isTooFarAhead(taken), true, 'a disk that is new')
  })

  it('judges nothing in 1970, but for what would use up the numbers', () => {
    const { guard } = setUp(60_000)
    const own = 60_000 * UNITS_PER_MS
    for (const took of [0, own]) {
      guard.note(took)
      assert.equal(guard.isTooFarAhead(20_000 * DAY_MS * UNITS_PER_MS), false)
      assert.equal(guard.isTooFarAhead(Number.MAX_SAFE_INTEGER), true)
    }
  })

  it('writes its mark once in a while, not with every counter', () => {
    const { guard } = setUp(20_000 * DAY_MS)
    const from = 20_000 * DAY_MS * UNITS_PER_MS
    let writes = 0
    for (let ms = 0; ms < 4 * 60 * 60 * 1000; ms += 1000) {
      writes += guard.note(from + ms * UNITS_PER_MS).length
    }
    assert.ok(writes >= 3 && writes <= 5, `${writes}`)
    assert.deepEqual(guard.note(0), [])
  })
})

describe('versions', () => {
  it('grow as text when they grow as numbers, and come back', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        assert.equal(revisionOf(versionOf(a)), a)
        assert.equal(versionOf(a) < versionOf(b), a < b)
      }),
    )
  })

  it('that nobody gave are refused', () => {
    for (const text of ['', 'ABC', '-1', '1.5', 'zzzzzzzzzzz', '000000000001', 'é', ' 1']) {
      assert.throws(() => revisionOf(text), /is no version/, text)
    }
  })
})
