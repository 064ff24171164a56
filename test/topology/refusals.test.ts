/** What is refused is counted always, and logged once a peer and reason, within a bound. */
import assert from 'node:assert/strict'
import { NOTED_MAX, Refusals } from '../../src/topology/refusals.ts'
import { type LogLine, recordingLog } from './fakes.ts'

describe('refusals', () => {
  it('are counted by reason, and logged once a peer and reason', () => {
    const lines: LogLine[] = []
    const refusals = new Refusals('part.refused', ['far', 'other', 'never'], recordingLog(lines))
    for (let i = 0; i < 3; i++) {
      refusals.note('p', 'far', `why ${i}`)
      refusals.note('p', 'other', 'why')
      refusals.note('q', 'far', 'why')
    }
    assert.deepEqual(refusals.counts, { far: 6, other: 3, never: 0 })
    assert.equal(refusals.total, 9)
    assert.deepEqual(lines[0], {
      event: 'part.refused',
      fields: { peer: 'p', reason: 'far', why: 'why 0' },
    })
    const pairs = lines.map(({ fields }) => [fields.peer, fields.reason].join())
    assert.deepEqual(pairs, ['p,far', 'p,other', 'q,far'])
  })

  it('keep so many in mind and no more; the rest is counted', () => {
    const lines: LogLine[] = []
    const refusals = new Refusals('part.refused', ['far'], recordingLog(lines))
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < NOTED_MAX + 10; i++) refusals.note(`p${i}`, 'far', 'why')
    }
    assert.equal(refusals.total, 2 * (NOTED_MAX + 10))
    assert.equal(lines.length, NOTED_MAX)
  })
})
