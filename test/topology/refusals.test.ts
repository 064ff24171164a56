/** What is refused is counted always, and told once a peer and reason, within a bound. */
import assert from 'node:assert/strict'
import { NOTED_MAX, type Refusal, Refusals } from '../../src/topology/refusals.ts'

describe('refusals', () => {
  it('are counted by reason, and logged once a peer and reason', () => {
    const told: Refusal[] = []
    const refusals = new Refusals(['far', 'other', 'never'], (each) => void told.push(each))
    for (let i = 0; i < 3; i++) {
      refusals.note('p', 'far', `why ${i}`)
      refusals.note('p', 'other', 'why')
      refusals.note('q', 'far', 'why')
    }
    assert.deepEqual(refusals.counts, { far: 6, other: 3, never: 0 })
    assert.equal(refusals.total, 9)
    assert.deepEqual(told[0], { peer: 'p', reason: 'far', why: 'why 0' })
    const pairs = told.map(({ peer, reason }) => `${peer},${reason}`)
    assert.deepEqual(pairs, ['p,far', 'p,other', 'q,far'])
  })

  it('keep so many in mind and no more; the rest is counted', () => {
    const told: Refusal[] = []
    const refusals = new Refusals(['far'], (each) => void told.push(each))
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < NOTED_MAX + 10; i++) refusals.note(`p${i}`, 'far', 'why')
    }
    assert.equal(refusals.total, 2 * (NOTED_MAX + 10))
    assert.equal(told.length, NOTED_MAX)
  })
})
