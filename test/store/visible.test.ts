/** What a reader sees of a record, by its own clock. */
import assert from 'node:assert/strict'
import { addCount, contextAfter, joinRecords } from '../../src/store/merge.ts'
import { EMPTY_RECORD, isDead, type Sibling, visibleSiblings } from '../../src/store/record.ts'
import { countOf } from '../../src/store/sums.ts'
import { contextOf, elementOf, recordOf, sumOf, writeOf } from './arbitrary.ts'

describe('what a reader sees', () => {
  const vector = new Map([['disk-a', 9]])
  const put = (expiresAtMs: number): Sibling => {
    return { ...writeOf({ actor: 'disk-a', n: 1 }), kind: 'text', expiresAtMs }
  }

  it('ends with the time of a value, which is deleted by its own write', () => {
    const record = recordOf(contextOf(vector), [put(500)])
    assert.equal(visibleSiblings(record, 499).length, 1)
    assert.equal(isDead(record, 499), false)
    assert.equal(visibleSiblings(record, 500).length, 0)
    assert.equal(isDead(record, 500), true)
    const { known } = record
    assert.deepEqual(joinRecords(record, { ...record, siblings: [] }), { ...record, siblings: [] })
    assert.equal(contextAfter(record, known, { actor: 'disk-a', n: 1 }), known)
  })

  it('does not end when a value has no such time', () => {
    assert.equal(isDead(recordOf(contextOf(vector), [put(0)]), Number.MAX_SAFE_INTEGER), false)
  })

  it('is nothing when there are only deletions, all elements are gone, all sums replaced', () => {
    const gone = recordOf(contextOf(vector), [{ ...put(0), kind: 'tombstone' }])
    assert.equal(isDead(gone, 0), true)
    assert.equal(isDead(EMPTY_RECORD, 0), true)
    const [earlier, last] = [sumOf('disk-a', 2), sumOf('disk-a', 3)]
    const counting = { ...gone, known: { ...gone.known, sums: [last] } }
    assert.equal(isDead({ ...gone, elements: [elementOf({ actor: 'disk-a', n: 3 })] }, 0), false)
    assert.equal(isDead(counting, 0), false)
    assert.equal(isDead({ ...counting, replaced: [earlier] }, 0), false)
    assert.equal(isDead({ ...counting, replaced: [last] }, 0), true)
  })

  it('is a nought when additions make nothing', () => {
    const up = addCount(EMPTY_RECORD, { actor: 'disk-a', n: 1 }, 5)
    const down = addCount(up, { actor: 'disk-b', n: 1 }, -5)
    assert.equal(countOf(down.known.sums, down.replaced), 0n)
    assert.equal(isDead(down, 0), false)
  })
})
