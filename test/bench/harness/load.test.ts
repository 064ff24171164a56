import assert from 'node:assert/strict'
import { closedLoop, type TimerClock, openLoop } from './load.ts'

/** Time that goes on by pauses alone; `at` is called at each millisecond. */
class ManualClock implements TimerClock {
  #now = 0
  readonly #at: { readonly ms: number; readonly run: () => void }[] = []

  nowMs(): number {
    return this.#now
  }

  async pause(ms: number): Promise<void> {
    this.#now += ms
    for (const due of this.#at.filter((each) => each.ms <= this.#now)) {
      this.#at.splice(this.#at.indexOf(due), 1)
      due.run()
    }
    // Whoever waited goes on before the next look at the time.
    await new Promise<void>((resolve) => process.nextTick(resolve))
  }

  timer(ms: number): Promise<void> {
    return this.after(ms)
  }

  standStill(ms: number): void {
    this.#now += ms
  }

  after(ms: number): Promise<void> {
    return new Promise((run) => this.#at.push({ ms: this.#now + ms, run }))
  }
}

/** Time passes, and no answer comes. */
async function passing(clock: ManualClock, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) await clock.pause(1)
}

describe('bench load', () => {
  it('counts a stall for every request that fell into it, from its intended start', async () => {
    const clock = new ManualClock()
    // Answers after 1 ms, but for a stall from 100 to 200 ms in which nobody is answered.
    const operation = () => {
      const now = clock.nowMs()
      return clock.after(now >= 100 && now < 200 ? 201 - now : 1)
    }
    const { latenciesMs, failed } = await openLoop(operation, 1000, 0.3, clock)
    assert.equal(latenciesMs.length, 300)
    assert.equal(failed, 0)
    const long = latenciesMs.filter((ms) => ms > 50)
    assert.ok(long.length >= 49 && long.length <= 52, `${long.length} waited more than 50 ms`)
    assert.ok(Math.max(...latenciesMs) >= 100)
  })

  it('counts from the intended start also when the sender itself was held up', async () => {
    const clock = new ManualClock()
    // At the tenth request the process stands still for 50 ms; every answer comes at once.
    const operation = (i: number) => {
      if (i === 10) clock.standStill(50)
      return Promise.resolve()
    }
    const { latenciesMs } = await openLoop(operation, 1000, 0.1, clock)
    assert.equal(latenciesMs.length, 100)
    const long = latenciesMs.filter((ms) => ms >= 25)
    assert.ok(long.length >= 24 && long.length <= 27, `${long.length} waited 25 ms or more`)
  })

  it('counts a request that is never answered with what it waited, and as failed', async () => {
    const clock = new ManualClock()
    const never = new Promise<void>(() => undefined)
    const open = (i: number) => (i === 3 ? never : Promise.resolve())
    // Nobody else moves the time of a closed loop.
    const closed = (i: number) => (i === 3 ? passing(clock, 20_000) : clock.pause(1))
    for (const { latenciesMs, failed, failure } of [
      await openLoop(open, 100, 0.1, clock),
      await closedLoop(closed, 2, 0.1, clock),
    ]) {
      assert.ok(latenciesMs.length >= 10)
      assert.equal(failed, 1)
      assert.match(failure ?? '', /no answer/)
      assert.ok(Math.max(...latenciesMs) >= 10_000)
    }
  })

  it('keeps as many in flight as were asked for, and not one more', async () => {
    const clock = new ManualClock()
    let inFlight = 0
    let most = 0
    const operation = async () => {
      most = Math.max(most, ++inFlight)
      await clock.pause(1)
      inFlight--
    }
    const { latenciesMs } = await closedLoop(operation, 7, 0.1, clock)
    assert.equal(most, 7)
    assert.ok(latenciesMs.length >= 100)
  })

  it('counts failures apart, and ends when there is nothing else', async () => {
    const clock = new ManualClock()
    const refuse = () => Promise.reject(new Error('refused'))
    for (const measured of [
      await closedLoop(refuse, 4, 1e9, clock),
      await openLoop(refuse, 1e6, 1e9, clock),
    ]) {
      assert.equal(measured.latenciesMs.length, 0)
      assert.ok(measured.failed > 1000 && measured.failed < 3000)
      assert.equal(measured.failure, 'refused')
    }
  })
})
