import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { Kernel } from '../sim/kernel.ts'
import { HostClock, SimClock } from '../sim/sim-clock.ts'
import { clockContract } from './clock.contract.ts'

/** Node ends when nothing but our timers is left, so something else must hold it. */
async function holding(body: () => Promise<void>): Promise<void> {
  const holder = setInterval(() => undefined, 1000)
  try {
    await body()
  } finally {
    clearInterval(holder)
  }
}

clockContract('system', (body) => holding(() => body(new SystemClock())))

for (const drift of [1, 0.999, 1.7]) {
  clockContract(`simulated, drift ${drift}`, async (body) => {
    const kernel = new Kernel()
    const host = new HostClock(kernel)
    host.drift = drift
    await kernel.run(() => body(new SimClock(kernel, kernel.spawn('p'), host)))
  })
}

describe('system clock', () => {
  it('does not keep a process alive', () => {
    const clock = new URL('../../src/adapters/system-clock.ts', import.meta.url).href
    const program = `
      const { SystemClock } = await import(${JSON.stringify(clock)})
      const clock = new SystemClock()
      clock.after(60_000, () => undefined)
      clock.after(Infinity, () => undefined)
      console.log('end')
    `
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      timeout: 10_000,
      encoding: 'utf8',
    })
    assert.equal(run.signal, null)
    assert.equal(run.stdout, 'end\n')
  })
})

describe('simulated clock', () => {
  it('lets the wall clock jump and race, and the monotonic one not', async () => {
    const kernel = new Kernel()
    const host = new HostClock(kernel)
    const clock = new SimClock(kernel, kernel.spawn('p'), host)
    await kernel.run(async () => {
      const [wall, mono] = [clock.wallMs(), clock.monotonicMs()]
      host.jump(3_600_000)
      assert.equal(clock.wallMs() - wall, 3_600_000)
      host.jump(-24 * 3_600_000)
      assert.equal(clock.wallMs() - wall, -23 * 3_600_000)
      host.setWallRate(2)
      const before = clock.wallMs()
      await kernel.sleep(1000)
      assert.equal(clock.wallMs() - before, 2000)
      assert.equal(clock.monotonicMs() - mono, 1000)
    })
  })

  it('counts the timers that are pending', async () => {
    const kernel = new Kernel()
    const process = kernel.spawn('p')
    const clock = new SimClock(kernel, process, new HostClock(kernel))
    await kernel.run(async () => {
      const timer = clock.after(10, () => undefined)
      clock.soon(() => undefined)
      assert.equal(process.pendingTimers, 2)
      await kernel.sleep(1)
      assert.equal(process.pendingTimers, 1)
      timer.cancel()
      timer.cancel()
      assert.equal(process.pendingTimers, 0)
    })
  })
})
