/** The table against a map whose keys are sorted each time. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareKeys } from '../../src/base/bytes.ts'
import { Table } from '../../src/disk/table.ts'
import type { IndexRange } from '../../src/seams/storage.ts'

const key = fc.nat({ max: 4000 }).map((n) => `k${n}`)
const some = fc.option(key, { nil: undefined })

function expected(model: ReadonlyMap<string, number | null>, { from, to, limit }: IndexRange) {
  const all = [...model]
    .filter(([k]) => compareKeys(k, from) >= 0 && (to === undefined || compareKeys(k, to) < 0))
    .sort(([a], [b]) => compareKeys(a, b))
  let left = limit ?? all.length
  return all.filter(([, value]) => left > 0 && (value === null || left-- > 0))
}

describe('table', () => {
  it('gives ranges in order, whatever came between them, up to so many that are not deleted', () => {
    const writes = fc.array(fc.tuple(key, fc.boolean()), { maxLength: 1500, size: 'max' })
    const range = fc.record({
      from: fc.oneof(fc.constant(''), key),
      to: some,
      limit: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(writes, range), { maxLength: 4, size: 'max' }), (steps) => {
        const table = new Table()
        const model = new Map<string, number | null>()
        for (const [step, [entries, { from, to, limit }]] of steps.entries()) {
          for (const [name, isThere] of entries) {
            model.set(name, isThere ? step : null)
            table.set(name, isThere ? new Uint8Array([step]) : null)
          }
          const asked = {
            from,
            ...(to !== undefined && { to }),
            ...(limit !== undefined && { limit }),
          }
          const found = table.range(asked).map(([name, value]) => [name, value?.[0] ?? null])
          assert.deepEqual(found, expected(model, asked))
        }
      }),
      // To shrink so many entries takes longer than to read them.
      { numRuns: 60, endOnFailure: true },
    )
  })
})
