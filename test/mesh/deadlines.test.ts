import assert from 'node:assert/strict'
import { Deadlines, Expiring } from '../../src/mesh/deadlines.ts'
import { Kernel } from '../sim/kernel.ts'
import type { SimProcess } from '../sim/process.ts'
import { HostClock, SimClock } from '../sim/sim-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'

class Mark extends Expiring {
  readonly #kernel: Kernel
  firedMs: number | null = null
  readonly dueMs: number

  constructor(kernel: Kernel, dueMs: number) {
    super()
    this.#kernel = kernel
    this.dueMs = dueMs
  }

  expire(): void {
    assert.equal(this.firedMs, null, 'fires once')
    this.firedMs = this.#kernel.nowMs
  }
}

interface Bench {
  readonly kernel: Kernel
  readonly process: SimProcess
  readonly clock: SimClock
  readonly deadlines: Deadlines
  readonly pending: () => number
}

function open(): Bench {
  const kernel = new Kernel()
  const process = kernel.spawn('p')
  const clock = new SimClock(kernel, process, new HostClock(kernel))
  return {
    kernel,
    process,
    clock,
    deadlines: new Deadlines(clock),
    pending: () => process.pendingTimers,
  }
}

describe('deadlines', () => {
  it('fire never early and at most a tick late, from 1 ms to many turns of the wheel', async () => {
    const { kernel, deadlines, pending } = open()
    const random = new SimRandom('deadlines')
    await kernel.run(async () => {
      const marks: Mark[] = []
      for (let i = 0; i < 2000; i++) {
        const delayMs =
          random.pick([1, 9, 10, 50, 1000, 10_239, 10_240, 10_250, 50_000]) + random.float()
        const mark = new Mark(kernel, kernel.nowMs + delayMs)
        deadlines.add(mark, delayMs)
        marks.push(mark)
        if (i % 3 === 0) await kernel.sleep(random.float() * 20)
      }
      const cancelled = marks.filter((mark) => mark.firedMs === null).filter((_, i) => i % 4 === 0)
      for (const mark of cancelled) {
        deadlines.remove(mark)
        deadlines.remove(mark)
      }
      await kernel.sleep(70_000)
      for (const mark of marks) {
        if (cancelled.includes(mark)) assert.equal(mark.firedMs, null)
        else {
          const lateMs = (mark.firedMs ?? Number.NaN) - mark.dueMs
          assert.ok(lateMs >= -0.01 && lateMs <= 20.5, `${lateMs}`)
        }
      }
      assert.deepEqual([deadlines.size, pending()], [0, 0])
    })
  })

  it('use one timer however many there are, and none when there is nothing', async () => {
    const { kernel, deadlines, pending } = open()
    await kernel.run(async () => {
      const marks = Array.from({ length: 500 }, (_, i) => new Mark(kernel, 100 + i * 7))
      for (const mark of marks) {
        deadlines.add(mark, mark.dueMs)
        assert.equal(pending(), 1)
      }
      for (const mark of marks) deadlines.remove(mark)
      await kernel.sleep(5000)
      assert.equal(pending(), 0)
      deadlines.add(new Mark(kernel, 0), 100)
      deadlines.stop()
      assert.equal(pending(), 0)
    })
  })

  it('may be set and taken back by those that fire', async () => {
    const { kernel, deadlines } = open()
    await kernel.run(async () => {
      const victim = new Mark(kernel, 100)
      const next = new Mark(kernel, 0)
      class Setter extends Mark {
        override expire(): void {
          super.expire()
          deadlines.remove(victim)
          deadlines.add(next, 1)
        }
      }
      deadlines.add(new Setter(kernel, 0), 90)
      deadlines.add(victim, 92)
      await kernel.sleep(500)
      assert.equal(victim.firedMs, null)
      assert.ok(next.firedMs !== null)
    })
  })

  it('after a stall give what waits in the sockets a turn to be read', async () => {
    const { kernel, process, clock, deadlines } = open()
    await kernel.run(async () => {
      const mark = new Mark(kernel, 100)
      deadlines.add(mark, 100)
      kernel.stall(process, 300)
      let read: number | null = 0
      // In real life the timers of a late loop run before its sockets are read, then `soon`.
      clock.after(100.5, () => {
        read = mark.firedMs
        deadlines.remove(mark)
      })
      await kernel.sleep(500)
      assert.deepEqual([read, mark.firedMs], [null, null])
    })
  })

  it('leave no timer behind when they have stopped, whatever is added later', async () => {
    const { kernel, process, deadlines } = open()
    await kernel.run(async () => {
      const early = new Mark(kernel, 100)
      deadlines.add(early, 100)
      deadlines.stop()
      const late = new Mark(kernel, 50)
      deadlines.add(late, 50)
      assert.equal(process.pendingTimers, 0)
      await kernel.sleep(500)
      assert.deepEqual([early.firedMs, late.firedMs], [null, null])
      deadlines.remove(late)
    })
  })
})
