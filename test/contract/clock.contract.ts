/** What every clock promises; run on the system's and on the simulated one. */
import assert from 'node:assert/strict'
import { type Clock, sleep } from '../../src/seams/clock.ts'

/** Runs the body where the clock's time passes. */
export type WithClock = (body: (clock: Clock) => Promise<void>) => Promise<void>

export function clockContract(name: string, withClock: WithClock): void {
  describe(`clock contract: ${name}`, () => {
    const test = (what: string, body: (clock: Clock) => Promise<void>): void => {
      it(what, () => withClock(body))
    }

    test('monotonic time does not go back and passes with timers', async (clock) => {
      let last = clock.monotonicMs()
      for (let i = 0; i < 5; i++) {
        await sleep(clock, 1)
        const now = clock.monotonicMs()
        assert.ok(now >= last + 1, `${now} after ${last}`)
        last = now
      }
    })

    test('wall time is a date in whole milliseconds', async (clock) => {
      const wall = clock.wallMs()
      assert.ok(Number.isInteger(wall) && wall > Date.UTC(2020, 0) && wall < Date.UTC(2100, 0))
    })

    test('a timer never fires before its time', async (clock) => {
      for (const delayMs of [0, 0.3, 1, 2.7, 5]) {
        const start = clock.monotonicMs()
        await sleep(clock, delayMs)
        assert.ok(clock.monotonicMs() - start >= delayMs, `${delayMs} ms`)
      }
    })

    test('timers fire in the order of their times, once', async (clock) => {
      const fired: number[] = []
      for (const delayMs of [12, 4, 8]) clock.after(delayMs, () => fired.push(delayMs))
      await sleep(clock, 30)
      assert.deepEqual(fired, [4, 8, 12])
    })

    test('a cancelled timer never fires; cancelling again or too late does nothing', async (clock) => {
      const fired: string[] = []
      const cancelled = clock.after(2, () => fired.push('cancelled'))
      const soon = clock.soon(() => fired.push('cancelled soon'))
      const kept = clock.after(2, () => fired.push('kept'))
      cancelled.cancel()
      cancelled.cancel()
      soon.cancel()
      await sleep(clock, 10)
      kept.cancel()
      assert.deepEqual(fired, ['kept'])
    })

    test('a timer may cancel another one that is due at the same time', async (clock) => {
      const fired: string[] = []
      const first = clock.after(3, () => {
        fired.push('first')
        second.cancel()
      })
      const second = clock.after(3, () => {
        fired.push('second')
        first.cancel()
      })
      await sleep(clock, 10)
      assert.equal(fired.length, 1)
    })

    test('soon runs after the promises of this turn, and not within the call', async (clock) => {
      const seen: string[] = []
      await new Promise<void>((resolve) => {
        clock.soon(() => {
          seen.push('soon')
          resolve()
        })
        seen.push('sync')
        const chain = Promise.resolve()
          .then(() => seen.push('promise'))
          .then(() => seen.push('promise of promise'))
        chain.catch(assert.fail)
      })
      assert.deepEqual(seen, ['sync', 'promise', 'promise of promise', 'soon'])
    })

    test('soon keeps its order, and may be asked for again from within', async (clock) => {
      const seen: number[] = []
      await new Promise<void>((resolve) => {
        clock.soon(() => {
          seen.push(1)
          clock.soon(() => {
            seen.push(3)
            resolve()
          })
        })
        clock.soon(() => seen.push(2))
      })
      assert.deepEqual(seen, [1, 2, 3])
    })

    test('soon comes at once although nothing else is due', async (clock) => {
      const start = clock.monotonicMs()
      for (let i = 0; i < 10; i++) {
        await new Promise<void>((resolve) => {
          clock.soon(resolve)
        })
      }
      assert.ok(clock.monotonicMs() - start < 500)
    })

    test('delays of a month, for ever and below zero are taken as they are', async (clock) => {
      const fired: string[] = []
      const far = [2 ** 31, 40 * 24 * 3600 * 1000, Number.POSITIVE_INFINITY].map((delayMs) =>
        clock.after(delayMs, () => fired.push(`${delayMs}`)),
      )
      clock.after(-5, () => fired.push('negative'))
      await sleep(clock, 10)
      for (const timer of far) timer.cancel()
      assert.deepEqual(fired, ['negative'])
    })

    test('sleep ends with the reason of its signal', async (clock) => {
      const controller = new AbortController()
      const sleeping = sleep(clock, 60_000, controller.signal)
      controller.abort(new Error('enough'))
      await assert.rejects(sleeping, /enough/)
      await assert.rejects(sleep(clock, 1, controller.signal), /enough/)
    })
  })
}
