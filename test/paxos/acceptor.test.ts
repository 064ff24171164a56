/** The rules of a vote, branch by branch (REGISTERS.md §2), and what chance makes of them (I3, I4). */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type AcceptorRecord,
  mayRemove,
  onAccept,
  onPrepare,
  type Step,
} from '../../src/paxos/acceptor.ts'
import { type Ballot, compareBallots, equalBallots, NO_BALLOT } from '../../src/paxos/ballot.ts'
import { closeBallots } from './arbitrary.ts'

const at = (counter: number, cfg = 1): Ballot => ({ cfg, counter, storageId: 'd', boot: 1 })
const NOTHING = new Uint8Array()
const VALUE = Uint8Array.of(1)
const promised = (ballot: Ballot): AcceptorRecord => ({
  promised: ballot,
  accepted: NO_BALLOT,
  value: NOTHING,
})
const voted = (ballot: Ballot, next = ballot): AcceptorRecord => ({
  promised: next,
  accepted: ballot,
  value: VALUE,
})
const rejectedBy = (step: Step): Ballot | null => (step.kind === 'rejected' ? step.by : null)
const accept = (record: AcceptorRecord | null, floor: Ballot, ballot: Ballot, next = ballot) =>
  onAccept(record, floor, { ballot, next, value: VALUE })

describe('an acceptor that is asked to promise', () => {
  it('does, above what it has promised, and keeps its vote', () => {
    const fresh = onPrepare(null, NO_BALLOT, at(5))
    assert.deepEqual(fresh, { kind: 'granted', record: promised(at(5)) })
    const later = onPrepare(voted(at(5)), NO_BALLOT, at(6))
    assert.deepEqual(later, { kind: 'granted', record: voted(at(5), at(6)) })
  })

  it('answers the same prepare again', () => {
    const again = onPrepare(promised(at(5)), NO_BALLOT, at(5))
    assert.deepEqual(again, { kind: 'granted', record: promised(at(5)) })
  })

  it('refuses what is not above its promise, and says by what', () => {
    assert.deepEqual(rejectedBy(onPrepare(promised(at(5)), NO_BALLOT, at(4))), at(5))
    assert.deepEqual(rejectedBy(onPrepare(voted(at(3), at(5)), NO_BALLOT, at(4))), at(5))
    // The same number of another proposer is another ballot.
    const other = { ...at(5), storageId: 'c' }
    assert.deepEqual(rejectedBy(onPrepare(promised(at(5)), NO_BALLOT, other)), at(5))
  })

  it('holds an absent register to the floor, and a present one to its promise (§5)', () => {
    assert.deepEqual(rejectedBy(onPrepare(null, at(9), at(8))), at(9))
    assert.deepEqual(rejectedBy(onPrepare(null, at(9), at(9))), at(9), 'what was collected is gone')
    assert.equal(onPrepare(null, at(9), at(10)).kind, 'granted')
    assert.equal(onPrepare(promised(at(3)), at(9), at(4)).kind, 'granted')
  })

  it('any ballot of a newer configuration is above all of the older', () => {
    assert.equal(onPrepare(promised(at(1000, 1)), NO_BALLOT, at(1, 2)).kind, 'granted')
    assert.equal(onPrepare(promised(at(1, 2)), NO_BALLOT, at(1000, 1)).kind, 'rejected')
  })
})

describe('an acceptor that is asked to vote', () => {
  it('does, at its promise or above, and promises the next along with it', () => {
    for (const ballot of [at(5), at(6)]) {
      const step = accept(promised(at(5)), NO_BALLOT, ballot, at(7))
      assert.deepEqual(step, { kind: 'granted', record: voted(ballot, at(7)) })
    }
    assert.equal(accept(null, NO_BALLOT, at(1)).kind, 'granted')
  })

  it('refuses below its promise, and does not promise the next then', () => {
    const record = voted(at(3), at(5))
    assert.deepEqual(rejectedBy(accept(record, NO_BALLOT, at(4), at(9))), at(5))
  })

  it('promises never less than its vote', () => {
    const step = accept(null, NO_BALLOT, at(5), at(2))
    assert.deepEqual(step, { kind: 'granted', record: voted(at(5), at(5)) })
  })

  it('refuses an absent register at or below the floor: a late vote brings nothing back', () => {
    assert.deepEqual(rejectedBy(accept(null, at(9), at(8))), at(9))
    assert.deepEqual(rejectedBy(accept(null, at(9), at(9))), at(9))
    assert.equal(accept(null, at(9), at(10)).kind, 'granted')
  })
})

describe('an acceptor that is asked to forget', () => {
  it('does only at the very ballot of its vote', () => {
    assert.equal(mayRemove(voted(at(5), at(7)), at(5)), true)
    assert.equal(mayRemove(voted(at(5), at(7)), at(7)), false)
    assert.equal(mayRemove(voted(at(6)), at(5)), false)
    assert.equal(mayRemove(promised(at(5)), NO_BALLOT), false)
    assert.equal(mayRemove(null, at(5)), false)
  })
})

describe('whatever an acceptor is asked, in whatever order', () => {
  const questions = fc.array(
    fc.tuple(fc.constantFrom('prepare', 'accept'), closeBallots, closeBallots),
    { maxLength: 30 },
  )

  it('it never goes back on a promise or a vote (I4)', () => {
    fc.assert(
      fc.property(questions, fc.option(closeBallots), (asked, floor) => {
        let record: AcceptorRecord | null = null
        for (const [kind, ballot, next] of asked) {
          const bar: Ballot = record === null ? (floor ?? NO_BALLOT) : record.promised
          const step: Step =
            kind === 'prepare'
              ? onPrepare(record, floor ?? NO_BALLOT, ballot)
              : accept(record, floor ?? NO_BALLOT, ballot, next)
          if (step.kind === 'rejected') {
            assert.ok(equalBallots(step.by, bar) && compareBallots(ballot, bar) <= 0)
            continue
          }
          const before: AcceptorRecord = record ?? promised(NO_BALLOT)
          record = step.record
          assert.ok(compareBallots(record.promised, before.promised) >= 0)
          assert.ok(compareBallots(record.accepted, before.accepted) >= 0)
          assert.ok(compareBallots(record.accepted, record.promised) <= 0)
          assert.ok(compareBallots(record.promised, floor ?? NO_BALLOT) > 0)
          if (kind === 'prepare') assert.deepEqual(record.accepted, before.accepted)
        }
      }),
      { numRuns: 300 },
    )
  })
})
