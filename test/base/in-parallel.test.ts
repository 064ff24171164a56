import assert from 'node:assert/strict'
import { inParallel } from '../../src/base/in-parallel.ts'

/** What runs, in the order of its beginning; the test ends each. */
class Runs {
  readonly begun: number[] = []
  readonly #ends = new Map<number, PromiseWithResolvers<void>>()

  readonly run = (item: number): Promise<void> => {
    this.begun.push(item)
    const end = Promise.withResolvers<void>()
    this.#ends.set(item, end)
    return end.promise
  }

  async end(item: number, error?: Error): Promise<void> {
    if (error === undefined) this.#ends.get(item)?.resolve()
    else this.#ends.get(item)?.reject(error)
    await new Promise(setImmediate)
  }
}

describe('things to do in parallel', () => {
  it('runs so many at a time, in order, and all of them', async () => {
    const runs = new Runs()
    const all = inParallel(new Set([1, 2, 3, 4]), 2, runs.run)
    assert.deepEqual(runs.begun, [1, 2])
    await runs.end(2)
    assert.deepEqual(runs.begun, [1, 2, 3])
    await runs.end(3)
    await runs.end(1)
    await runs.end(4)
    await all
    assert.deepEqual(runs.begun, [1, 2, 3, 4])
  })

  it('begins nothing after an error, and fails with it when what had begun has ended', async () => {
    const runs = new Runs()
    let failed: unknown = null
    const all = inParallel([1, 2, 3, 4], 2, runs.run).catch((error: unknown) => {
      failed = error
    })
    const first = new Error('first')
    await runs.end(1, first)
    assert.deepEqual([runs.begun, failed], [[1, 2], null])
    await runs.end(2, new Error('second'))
    await all
    assert.deepEqual([runs.begun, failed], [[1, 2], first])
  })

  it('has nothing to do without items', async () => {
    await inParallel([], 3, () => Promise.reject(new Error('called')))
  })
})
