import assert from 'node:assert/strict'
import { figure, ratioOf, type Row } from './results.ts'
import { sectionText } from './table.ts'

function row(what: string, rounds: readonly number[]): Row {
  return { what, setting: '1 in flight', figures: { throughput: figure('/s', 'more', rounds) } }
}

describe('bench ratios', () => {
  it('are the median of the ratios of each round, not the ratio of the medians', () => {
    // The machine was slow in the second round, for both.
    const ratio = ratioOf('throughput', row('ours', [200, 20, 300]), row('theirs', [100, 10, 100]))
    assert.deepEqual(ratio?.rounds, [2, 2, 3])
    assert.equal(ratio?.median, 2)
    assert.deepEqual([ratio?.low, ratio?.high], [2, 3])
  })

  it('are not made where nothing can be divided', () => {
    assert.equal(ratioOf('p50', row('ours', [1]), row('theirs', [1])), null)
    assert.equal(ratioOf('throughput', row('ours', [1]), row('theirs', [0])), null)
    assert.deepEqual(ratioOf('throughput', row('o', [1, 1]), row('t', [0, 2]))?.rounds, [0.5])
    assert.deepEqual(ratioOf('throughput', row('o', [1, 1]), row('t', [2]))?.rounds, [0.5])
  })

  it('say which way is better, and how far rounds differ', () => {
    const ours = row('ours', [100, 300, 200])
    const theirs = row('theirs', [100, 100, 100])
    const text = sectionText({
      name: 'x',
      title: 'X',
      seconds: 1.2,
      failure: null,
      notes: ['a note'],
      rows: [ours, theirs],
      ratios: [ratioOf('throughput', ours, theirs) ?? assert.fail()],
      files: [],
    })
    assert.match(text, /ours +200 ±50%/)
    assert.match(text, /ours ÷ theirs, 1 in flight +2× \(1–3\)/)
    assert.match(text, /- a note/)
  })
})
