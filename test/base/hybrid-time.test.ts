/** Counters of hybrid time: what is believed, and that none is given twice whatever clocks do. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { CounterSource, JUMPS_MAX } from '../../src/base/counter-source.ts'
import {
  counterAfter,
  counterLimit,
  isClockSet,
  SKEW_MS_MAX,
  UNITS_PER_MS,
} from '../../src/base/hybrid-time.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const NOW_MS = Date.UTC(2030, 0, 1)
const at = (ms: number): number => ms * UNITS_PER_MS

describe('hybrid time', () => {
  it('grows, follows the clock, and bears one before its time', () => {
    assert.equal(counterAfter(0, NOW_MS + 0.7), at(NOW_MS))
    assert.equal(counterAfter(at(NOW_MS), NOW_MS), at(NOW_MS) + 1)
    assert.equal(counterAfter(0, -10_000), 1)
  })

  it('ends when the numbers do, and not before 2248', () => {
    assert.equal(counterAfter(0, Date.UTC(2248, 0, 1)), at(Date.UTC(2248, 0, 1)))
    assert.throws(() => counterAfter(Number.MAX_SAFE_INTEGER, NOW_MS), /ran out/)
    assert.throws(() => counterAfter(0, Date.UTC(2300, 0, 1)), /ran out/)
  })

  it('is believed up to a day ahead of the clock and of what was seen', () => {
    assert.equal(counterLimit(0, NOW_MS), at(NOW_MS + SKEW_MS_MAX))
    assert.equal(counterLimit(at(NOW_MS + DAY_MS), NOW_MS), at(NOW_MS + DAY_MS + SKEW_MS_MAX))
    assert.equal(counterLimit(at(NOW_MS), NOW_MS - 365 * DAY_MS), at(NOW_MS + SKEW_MS_MAX))
  })

  it('is not judged by a clock that was never set, but for what would use up the numbers', () => {
    assert.equal(isClockSet(Date.UTC(1970, 0, 3)), false)
    assert.equal(isClockSet(NOW_MS), true)
    for (const seen of [0, at(60_000), at(NOW_MS - 30 * DAY_MS)]) {
      const limit = counterLimit(seen, Date.UTC(1970, 0, 3))
      assert.equal(limit, at(Date.UTC(2200, 0, 1)))
    }
  })
})

describe('counters that are given once', () => {
  it('grow, though the clock goes back', () => {
    const source = new CounterSource()
    const first = source.next(0, NOW_MS)
    assert.equal(first, at(NOW_MS))
    assert.equal(source.next(0, NOW_MS - 1000), first + 1)
    assert.equal(source.next(0, -1), first + 2)
    assert.equal(source.next(first + 10, NOW_MS), first + 11)
    source.goBack(NOW_MS)
    assert.equal(source.next(0, NOW_MS), first + 12)
  })

  it('a clock that was days ahead is got over, from the start on or later', () => {
    for (const isLater of [false, true]) {
      const source = new CounterSource()
      if (isLater) source.next(0, NOW_MS)
      const wild = source.next(0, NOW_MS + 3 * DAY_MS)
      source.goBack(NOW_MS + 3 * DAY_MS)
      assert.equal(source.next(0, NOW_MS + 1), wild + 1, 'its own clock still says so')
      source.goBack(NOW_MS + 1)
      assert.equal(source.next(0, NOW_MS + 1), at(NOW_MS + 1))
      // Time comes by what was given.
      assert.equal(source.next(0, NOW_MS + 3 * DAY_MS), wild + 2)
    }
  })

  it('one that a source jumped over is not given after it has gone back', () => {
    const source = new CounterSource()
    source.next(0, NOW_MS)
    const near = source.next(0, NOW_MS + 3 * DAY_MS)
    source.goBack(NOW_MS)
    source.next(0, NOW_MS + 30 * DAY_MS)
    source.goBack(NOW_MS)
    assert.equal(source.next(near - 1, NOW_MS), near + 1)
  })

  it('whatever clocks, floors and refusals there are, none comes twice', () => {
    const days = fc.integer({ min: -40, max: 60 })
    const step = fc.record({ days, units: fc.nat({ max: 3 }), back: fc.boolean() })
    const steps = fc.array(fc.tuple(step, fc.boolean()), { maxLength: 4 * JUMPS_MAX })
    fc.assert(
      fc.property(steps, (all) => {
        const source = new CounterSource()
        const given = new Set<number>()
        let last = 0
        for (const [{ days: ahead, units, back }, follows] of all) {
          const wallMs = NOW_MS + ahead * DAY_MS
          if (back) source.goBack(NOW_MS + units * DAY_MS)
          const floor = follows ? at(NOW_MS + ahead * DAY_MS) + units : 0
          const counter = source.next(floor, wallMs)
          assert.ok(!given.has(counter), `${counter} twice`)
          assert.ok(counter > floor && counter >= at(wallMs))
          if (!back) assert.ok(counter > last)
          given.add(counter)
          last = counter
        }
      }),
      { numRuns: 500 },
    )
  })

  it('it stays above what it had to exceed when it leapt, unless that made it leap', () => {
    const source = new CounterSource()
    const first = source.next(0, NOW_MS)
    source.next(first + 63, NOW_MS + 3 * DAY_MS)
    source.goBack(NOW_MS)
    assert.equal(source.next(0, NOW_MS), first + 64)
    source.next(at(NOW_MS + 9 * DAY_MS), NOW_MS)
    source.goBack(NOW_MS)
    assert.equal(source.next(0, NOW_MS), first + 65)
  })

  it('it remembers so many jumps, and goes back no further', () => {
    const source = new CounterSource()
    for (let jump = 1; jump <= JUMPS_MAX + 5; jump++) source.next(0, NOW_MS + 2 * jump * DAY_MS)
    source.goBack(NOW_MS)
    const days = (source.next(0, NOW_MS) - at(NOW_MS)) / at(DAY_MS)
    assert.equal(Math.round(days), 2 * 5)
  })

  it('it keeps no more than so much of a clock that leaps for ever, and stays usable', () => {
    const source = new CounterSource()
    const given = new Set<number>()
    for (let leap = 1; leap <= 5 * JUMPS_MAX; leap++) {
      for (const ms of [NOW_MS + 2 * leap * DAY_MS, NOW_MS]) {
        source.goBack(NOW_MS)
        const counter = source.next(0, ms)
        assert.ok(!given.has(counter))
        given.add(counter)
      }
      source.goBack(NOW_MS)
      assert.ok(source.next(0, NOW_MS) <= counterLimit(0, NOW_MS))
    }
  })
})
