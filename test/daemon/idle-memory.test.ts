import assert from 'node:assert/strict'
import { collectWhenIdle, memoryOfProcess } from '../../src/daemon/idle-memory.ts'

const MB = 1024 * 1024

/** Runs checks until `busy` shares are used up; returns at which of them it collected. */
async function collections(busy: readonly number[], held: readonly number[]): Promise<number[]> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const collected: number[] = []
  let check = -1
  const stop = collectWhenIdle(
    {
      busyShare: () => {
        if (++check === busy.length) resolve()
        return busy[check] ?? 1
      },
      heldBytes: () => (held[check] ?? 0) * MB - (collected.includes(check) ? 50 * MB : 0),
      collect: () => void collected.push(check),
    },
    1,
  )
  // The timer keeps no process alive.
  const alive = setTimeout(() => undefined, 10_000)
  await promise
  clearTimeout(alive)
  stop()
  return collected
}

describe('memory of an idle daemon', () => {
  it('is collected when the heap has grown, once', async () => {
    assert.deepEqual(await collections([0, 0, 0, 0.05], [100, 60, 65, 67]), [0, 3])
  })

  it('is left alone while there is work', async () => {
    assert.deepEqual(await collections([0.5, 0.2, 0.11], [500, 500, 500]), [])
  })

  it('falls when it is collected', () => {
    const use = memoryOfProcess()
    let garbage: Uint8Array[] = Array.from({ length: 64 }, () => new Uint8Array(MB))
    const before = use.heldBytes()
    assert.equal(garbage.length, 64)
    garbage = []
    use.collect()
    assert.ok(before - use.heldBytes() > 48 * MB)
    assert.ok(use.busyShare() >= 0)
  })
})
