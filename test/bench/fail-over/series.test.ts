/** What a fault does to a series of operations, and the load that makes such a series. */
import assert from 'node:assert/strict'
import type { LoadClock } from '../harness/load.ts'
import { bucketsOf, outageOf, type Timed } from './series.ts'
import { timedLoad } from './timed-load.ts'

/** One operation every 10 ms for a second, each done after 2 ms, but for a stall in 300 … 500. */
function stalled(): Timed[] {
  return Array.from({ length: 100 }, (_, i) => {
    const intendedMs = i * 10
    const falls = intendedMs >= 300 && intendedMs < 500
    return { intendedMs, doneMs: falls ? 502 : intendedMs + 2, failure: null }
  })
}

describe('an outage', () => {
  it('is the longest time without a completed operation', () => {
    assert.equal(outageOf(stalled(), 250, 1000).gapMs, 502 - 292)
  })

  it('does not end with an operation that failed', () => {
    const series = stalled().map((each) =>
      each.intendedMs >= 500 && each.intendedMs < 600 ? { ...each, failure: 'no' } : each,
    )
    assert.equal(outageOf(series, 250, 1000).failed, 10)
    assert.equal(outageOf(series, 250, 1000).failure, 'no')
    const late = series.filter(({ doneMs }) => doneMs !== 502)
    assert.equal(outageOf(late, 250, 1000).gapMs, 602 - 292)
  })

  it('lasts from the fault, and to the end when nothing comes back', () => {
    const series = stalled().filter(({ intendedMs }) => intendedMs < 300)
    assert.equal(outageOf(series, 300, 1000).gapMs, 700)
    assert.equal(outageOf([], 300, 1000).gapMs, 700)
  })

  it('counts every wait from when the operation should have begun', () => {
    const outage = outageOf(stalled(), 250, 1000)
    assert.equal(outage.longestMs, 202)
    assert.equal(outage.overOneSecond, 0)
    assert.equal(outage.p99Ms, 202)
    const slow = { intendedMs: 400, doneMs: 1401, failure: 'no' }
    assert.equal(outageOf([...stalled(), slow], 250, 1000).overOneSecond, 1)
    assert.equal(outageOf([...stalled(), slow], 250, 1000).longestMs, 1001)
  })

  it('leaves out what was before the fault', () => {
    assert.equal(outageOf(stalled(), 600, 1000).longestMs, 2)
  })
})

describe('buckets of time', () => {
  it('have the rate of what ended in them, and the waits of what should have begun', () => {
    const buckets = bucketsOf(stalled(), 100, 1000)
    assert.equal(buckets.length, 10)
    assert.deepEqual(
      buckets.map(({ perSecond }) => perSecond),
      [100, 100, 100, 0, 0, 300, 100, 100, 100, 100],
    )
    assert.deepEqual(buckets[2], { fromMs: 200, perSecond: 100, p99Ms: 2 })
    assert.equal(buckets[3]?.p99Ms, 202)
    assert.equal(buckets[4]?.p99Ms, 102)
  })

  it('leave failures out of the rate, and ends behind the last bucket too', () => {
    const series = [
      { intendedMs: 10, doneMs: 20, failure: 'no' },
      { intendedMs: 90, doneMs: 250, failure: null },
    ]
    const [first, second] = bucketsOf(series, 100, 200)
    assert.deepEqual(first, { fromMs: 0, perSecond: 0, p99Ms: 160 })
    assert.equal(second?.perSecond, 0)
    assert.ok(Number.isNaN(second?.p99Ms))
  })
})

describe('timed load', () => {
  it('goes on asking while nobody answers, and keeps the times of all', async () => {
    const clock = new SteppedClock()
    const answers: (() => void)[] = []
    const silent = () => new Promise<void>((resolve) => void answers.push(resolve))
    clock.at(50, () => {
      for (const answer of answers.splice(0)) answer()
    })
    const load = { perSecond: 100, seconds: 0.1, graceMs: 5 }
    const [series = []] = await timedLoad([silent], load, clock)
    assert.equal(series.length, 10)
    const answered = series.filter(({ failure }) => failure === null)
    // Those of 0, 10, 20, 30 and 40 ms; the one of 50 comes a moment after.
    assert.deepEqual(
      answered.map(({ intendedMs }) => intendedMs),
      [0, 10, 20, 30, 40],
    )
    assert.ok(answered.every(({ doneMs }) => doneMs === 50))
    const open = series.filter(({ failure }) => failure === 'no answer')
    assert.equal(open.length, 5)
    assert.ok(open.every(({ doneMs }) => doneMs >= 95))
  })

  it('runs operations beside each other, and a refusal is a failure at once', async () => {
    const refuse = () => Promise.reject(new Error('no'))
    const accept = () => Promise.resolve()
    const load = { perSecond: 100, seconds: 0.05, graceMs: 5 }
    const [refused, accepted] = await timedLoad([refuse, accept], load, new SteppedClock())
    assert.deepEqual(
      refused?.map(({ failure }) => failure),
      ['no', 'no', 'no', 'no', 'no'],
    )
    assert.deepEqual(
      accepted?.map(({ failure }) => failure),
      [null, null, null, null, null],
    )
  })
})

/** Time that goes on by pauses alone. */
class SteppedClock implements LoadClock {
  #now = 0
  readonly #due = new Map<number, () => void>()

  at(ms: number, run: () => void): void {
    this.#due.set(ms, run)
  }

  nowMs(): number {
    return this.#now
  }

  async pause(ms: number): Promise<void> {
    this.#now += ms
    this.#due.get(this.#now)?.()
    // Whoever waited goes on before the next look at the time.
    await new Promise<void>((resolve) => process.nextTick(resolve))
  }
}
