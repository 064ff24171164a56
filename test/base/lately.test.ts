/** Names are remembered for a while, and at most so many: the one not used for longest goes first. */
import assert from 'node:assert/strict'
import { Lately } from '../../src/base/lately.ts'

describe('lately', () => {
  it('lasts as long as it was said, from the last time on', () => {
    let nowMs = 0
    const lately = new Lately({ monotonicMs: () => nowMs }, 100, 8)
    lately.add('a')
    nowMs = 99
    assert.ok(lately.has('a'))
    lately.add('a')
    nowMs = 198
    assert.ok(lately.has('a'))
    nowMs = 199
    assert.ok(!lately.has('a'))
    assert.ok(!lately.has('b'))
  })

  it('is bounded', () => {
    const lately = new Lately({ monotonicMs: () => 0 }, 100, 2)
    const names = ['a', 'b', 'c']
    for (const name of names) lately.add(name)
    assert.deepEqual(
      names.filter((name) => lately.has(name)),
      ['b', 'c'],
    )
  })
})
