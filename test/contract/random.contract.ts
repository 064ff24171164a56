/** What every source of chance promises; the statistical bounds fail once in 10^9 runs or less. */
import assert from 'node:assert/strict'
import { type Random, shuffled } from '../../src/seams/random.ts'

export function randomContract(name: string, make: () => Random): void {
  describe(`random contract: ${name}`, () => {
    it('float is uniform in [0, 1)', () => {
      const random = make()
      const draws = Array.from({ length: 10_000 }, () => random.float())
      assert.ok(draws.every((x) => x >= 0 && x < 1))
      const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length
      assert.ok(Math.abs(mean - 0.5) < 0.02, `mean ${mean}`)
      assert.ok(new Set(draws).size > 9_990, 'more than 32 bits of it vary')
    })

    it('int is uniform in [0, bound), for small bounds and huge ones', () => {
      const random = make()
      const counts = [0, 0, 0, 0, 0, 0, 0]
      for (let i = 0; i < 70_000; i++) {
        const value = random.int(7)
        counts[value] = (counts[value] ?? 0) + 1
      }
      assert.equal(counts.length, 7)
      for (const count of counts) assert.ok(Math.abs(count - 10_000) < 650, counts.join(' '))
      assert.equal(random.int(1), 0)
      const huge = Array.from({ length: 1000 }, () => random.int(Number.MAX_SAFE_INTEGER))
      assert.ok(huge.every((x) => Number.isSafeInteger(x) && x >= 0))
      assert.ok(Math.max(...huge) > Number.MAX_SAFE_INTEGER * 0.9)
      assert.ok(huge.some((x) => x % 2 === 1) && huge.some((x) => x % 2 === 0))
    })

    it('int refuses what is no bound', () => {
      const random = make()
      for (const bound of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        assert.throws(() => random.int(bound), RangeError)
      }
    })

    it('bytes has the length asked for, fresh each time, and the caller may keep it', () => {
      const random = make()
      const lengths = [0, 1, 3, 16, 32, 255, 256, 257, 5000, 70_000]
      const all = lengths.map((length) => random.bytes(length))
      assert.deepEqual(
        all.map(({ length }) => length),
        lengths,
      )
      const kept = random.bytes(16)
      const copy = Uint8Array.from(kept)
      for (let i = 0; i < 1000; i++) random.bytes(16)
      assert.deepEqual(kept, copy)
      const seen = new Set(
        Array.from({ length: 10_000 }, () => Buffer.from(random.bytes(16)).toString('hex')),
      )
      assert.equal(seen.size, 10_000)
      const big = random.bytes(70_000)
      const ones = big.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0)
      assert.ok(Math.abs(ones / big.length - 4) < 0.05, `${ones / big.length} bits of 8 are set`)
    })

    it('shuffles uniformly', () => {
      const random = make()
      const counts = new Map<string, number>()
      for (let i = 0; i < 24_000; i++) {
        const order = shuffled(random, ['a', 'b', 'c', 'd']).join('')
        counts.set(order, (counts.get(order) ?? 0) + 1)
      }
      assert.equal(counts.size, 24)
      for (const count of counts.values()) assert.ok(Math.abs(count - 1000) < 210)
    })
  })
}
