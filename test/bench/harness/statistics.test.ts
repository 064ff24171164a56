import assert from 'node:assert/strict'
import fc from 'fast-check'
import { distributionOf, median, percentile, sorted } from './statistics.ts'

describe('bench statistics', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1)

  it('takes percentiles by the nearest rank', () => {
    assert.equal(percentile(hundred, 0), 1)
    assert.equal(percentile(hundred, 0.5), 50)
    assert.equal(percentile(hundred, 0.99), 99)
    assert.equal(percentile(hundred, 0.999), 100)
    // 0.55 × 100 is more than 55 in binary.
    assert.equal(percentile(hundred, 0.55), 55)
    assert.equal(percentile(hundred, 1), 100)
    assert.equal(percentile([7], 0.5), 7)
    assert.ok(Number.isNaN(percentile([], 0.5)))
  })

  it('gives a sample that at least the share does not exceed, and none smaller does', () => {
    const samples = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1 })
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 1000 }), (values, permille) => {
        const found = percentile(sorted(values), permille / 1000)
        const share = (limit: (value: number) => boolean) =>
          (values.filter(limit).length * 1000) / values.length
        assert.ok(values.includes(found))
        assert.ok(share((value) => value <= found) >= permille - 1e-6)
        assert.ok(share((value) => value < found) < permille)
      }),
    )
  })

  it('takes the middle, or the mean of the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 3, 2]), 2.5)
    assert.equal(median([5]), 5)
    assert.ok(Number.isNaN(median([])))
  })

  it('keeps the shape of a distribution without its samples', () => {
    const { count, quantiles, at } = distributionOf([...hundred].reverse(), 'ms')
    assert.equal(count, 100)
    assert.equal(at[quantiles.indexOf(0.5)], 50)
    assert.equal(at[quantiles.indexOf(0.99)], 99)
    assert.deepEqual([at[0], at.at(-1)], [1, 100])
  })
})
