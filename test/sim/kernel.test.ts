import assert from 'node:assert/strict'
import { Kernel, SimulationError } from './kernel.ts'
import { HostClock, SimClock } from './sim-clock.ts'
import { SimRandom } from './sim-random.ts'

describe('sim kernel', () => {
  it('runs events by time, then by order of scheduling, with promises in between', async () => {
    const kernel = new Kernel()
    const seen: string[] = []
    await kernel.run(async () => {
      kernel.schedule(null, 20, 'timer', () => seen.push('c'))
      kernel.schedule(null, 10, 'timer', () => {
        seen.push('a')
        const chain = Promise.resolve()
          .then(() => undefined)
          .then(() => seen.push('a, later'))
        chain.then(assert.ok, assert.fail)
      })
      kernel.schedule(null, 10, 'timer', () => seen.push('b'))
      await kernel.sleep(1)
    })
    assert.deepEqual(seen, ['a', 'a, later', 'b', 'c'])
  })

  it('keeps order among thousands of events, cancelled ones taken out', async () => {
    const kernel = new Kernel()
    const random = new SimRandom('heap')
    const times: number[] = []
    await kernel.run(async () => {
      for (let i = 0; i < 20_000; i++) {
        const cancelled = random.chance(0.6)
        const event = kernel.schedule(null, random.int(5000), 'timer', () => {
          assert.ok(!cancelled, 'a cancelled event ran')
          times.push(kernel.nowUs)
        })
        if (cancelled) kernel.cancel(event)
      }
      await kernel.sleep(10)
    })
    assert.ok(times.length > 7000)
    assert.ok(times.every((time, i) => i === 0 || time >= (times[i - 1] ?? 0)))
    assert.equal(kernel.pending, 0)
  })

  it('never runs an event of a process that died, nor settles its promises', async () => {
    const kernel = new Kernel()
    const process = kernel.spawn('p')
    await kernel.run(async () => {
      const clock = new SimClock(kernel, process, new HostClock(kernel))
      const late = new Promise<void>((resolve) => {
        clock.after(10, resolve)
      })
      const settled = (): void => assert.fail('settled')
      late.then(settled, settled)
      await kernel.sleep(5)
      kernel.kill(process)
      clock.after(1, assert.fail)
      await kernel.sleep(100)
    })
  })

  it('holds the events of a paused process and runs them in order when it goes on', async () => {
    const kernel = new Kernel()
    const process = kernel.spawn('p')
    const seen: [number, number][] = []
    await kernel.run(async () => {
      for (const n of [1, 2, 3]) {
        kernel.schedule(process, n * 1000, 'timer', () => seen.push([n, kernel.nowMs]))
      }
      kernel.pause(process)
      await kernel.sleep(50)
      assert.deepEqual(seen, [])
      kernel.resume(process)
      await kernel.sleep(1)
    })
    assert.deepEqual(seen, [
      [1, 50],
      [2, 50],
      [3, 50],
    ])
  })

  it('delays everything of a stalled event loop, and nothing of another', async () => {
    const kernel = new Kernel()
    const [busy, idle] = [kernel.spawn('busy'), kernel.spawn('idle')]
    const seen: [string, number][] = []
    await kernel.run(async () => {
      kernel.stall(busy, 30)
      kernel.schedule(busy, 10_000, 'timer', () => seen.push(['busy', kernel.nowMs]))
      kernel.schedule(idle, 10_000, 'timer', () => seen.push(['idle', kernel.nowMs]))
      await kernel.sleep(40)
    })
    assert.deepEqual(seen, [
      ['idle', 10],
      ['busy', 30],
    ])
  })

  it('gives the hash of what happened, and another one when something else did', async () => {
    const run = async (extra: number): Promise<string> => {
      const kernel = new Kernel()
      await kernel.run(async () => {
        for (let i = 0; i < 100; i++) kernel.schedule(null, i * 3, 'timer', () => undefined, i)
        kernel.schedule(null, extra, 'timer', () => undefined)
        await kernel.sleep(10)
      })
      return kernel.traceHash
    }
    assert.equal(await run(50), await run(50))
    assert.notEqual(await run(50), await run(51))
  })

  it('fails on an exception, on an unhandled rejection, on silence and on a busy loop', async () => {
    const boom = new Error('boom')
    const failing: [RegExp, (kernel: Kernel) => void][] = [
      [
        /boom/,
        (kernel) => {
          kernel.schedule(null, 1, 'timer', () => {
            throw boom
          })
        },
      ],
      [
        /boom/,
        (kernel) => {
          kernel.schedule(null, 1, 'timer', () => {
            void Promise.reject(boom)
          })
        },
      ],
      [/nothing is left/, () => undefined],
      [
        /without time moving/,
        (kernel) => {
          const again = (): void => void kernel.schedule(null, 0, 'timer', again)
          again()
        },
      ],
    ]
    for (const [message, arrange] of failing) {
      const kernel = new Kernel()
      const run = kernel.run(async () => {
        arrange(kernel)
        await new Promise(() => undefined)
      })
      await assert.rejects(run, message)
    }
  })

  it('stops at its limit of virtual time', async () => {
    const kernel = new Kernel({ limitMs: 1000 })
    await assert.rejects(
      kernel.run(() => kernel.sleep(2000)),
      SimulationError,
    )
  })

  it('catches whoever goes past the seams, also when the exception is swallowed', async () => {
    const touches: [string, () => unknown][] = [
      ['now', () => Date.now()],
      ['new Date', () => new Date()],
      ['random', () => Math.random()],
      ['setTimeout', () => setTimeout(() => undefined, 1)],
      ['timeout', () => AbortSignal.timeout(1)],
      ['now', () => performance.now()],
    ]
    for (const [name, touch] of touches) {
      const kernel = new Kernel()
      const run = kernel.run(async () => {
        try {
          touch()
        } catch {
          // As code under test might.
        }
        await kernel.sleep(1)
      })
      await assert.rejects(run, new RegExp(`${name}.* inside the simulation`))
    }
    assert.ok(Date.now() > 0 && new Date().getTime() > 0 && Math.random() < 1, 'given back')
    assert.equal(new Date(5).getTime(), 5)
  })
})
