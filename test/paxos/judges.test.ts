/** When answers are enough, as tables: phase 1, phase 2 (REGISTERS.md §2), reads (§3), deletes (§5). */
import assert from 'node:assert/strict'
import { AcceptJudge } from '../../src/paxos/accept-judge.ts'
import { NO_BALLOT } from '../../src/paxos/ballot.ts'
import { blocking, majority, placeNumber } from '../../src/paxos/place.ts'
import { PrepareJudge } from '../../src/paxos/prepare-judge.ts'
import { ReadJudge } from '../../src/paxos/read-judge.ts'
import { encodeRegister } from '../../src/paxos/register.ts'
import { UnanimityJudge } from '../../src/paxos/tombstones.ts'
import { Obstacles } from '../../src/paxos/verdicts.ts'
import {
  ballotAt,
  FAR,
  hear,
  isTooFarAhead,
  placeFor,
  promiseOf,
  registerOf,
  rejected,
  textOf,
  voteOf,
} from './judging.ts'

/** Asked of a judge, and what it has come to. */
type Row = readonly [what: string, sets: string, heard: string, verdict: string]

function tell(rows: readonly Row[], judged: (sets: string, heard: string) => string): void {
  for (const [what, sets, heard, verdict] of rows) {
    it(`${what}: ${sets} hears ${heard}`, () => assert.equal(judged(sets, heard), verdict))
  }
}

describe('majorities', () => {
  it('meet, and so do a majority and what blocks it (§2, "Even groups")', () => {
    const groups = [1, 2, 3, 4, 5, 6, 7].map((size) => Array.from({ length: size }, () => 'x'))
    assert.deepEqual(groups.map(majority), [1, 2, 2, 3, 3, 4, 4])
    assert.deepEqual(groups.map(blocking), [1, 1, 2, 2, 3, 3, 4])
  })

  it('count disks by their place: of the new set, of the old one, of none', () => {
    const numbers = ['a', 'c', 'd', 'e', 'x'].map((id) => placeNumber(placeFor('abc<cde'), id))
    assert.deepEqual(numbers, [0, 2, 33, 34, -1])
    assert.equal(placeNumber(placeFor('abc'), 'd'), -1)
  })
})

/** The base's text and whether it is chosen, or why it failed; and how many were not waited for. */
function prepared(sets: string, heard: string): string {
  const result = hear(new PrepareJudge(placeFor(sets), isTooFarAhead), heard)
  if (result === null) return 'waits'
  const { verdict, left } = result
  if (verdict.kind !== 'prepared') return `${verdict.kind}, ${left} left`
  return `${textOf(verdict.register)} ${verdict.isChosen ? 'chosen' : 'open'}, ${left} left`
}

describe('phase 1', () => {
  tell(
    [
      ['takes a majority', 'abc', 'a=-', 'waits'],
      ['of promises', 'abc', 'a=- b=-', 'null chosen, 0 left'],
      ['one counts once', 'abc', 'a=- a=-', 'waits'],
      ['of replicas', 'abc', 'a=- x=- y=-', 'waits'],
      ['of five, three', 'abcde', 'a=- b=-', 'waits'],
      ['builds on the highest vote', 'abc', 'a=3 b=7', '7 open, 0 left'],
      ['in whichever order', 'abc', 'a=7 b=3', '7 open, 0 left'],
      ['a newer configuration is higher', 'abc', 'a=9@4 b=1', '1 open, 0 left'],
      ['a vote is above none', 'abc', 'a=- b=1', '1 open, 0 left'],
      ['the same vote of a majority is chosen', 'abc', 'a=7 b=7', '7 chosen, 0 left'],
      ['but not of an older configuration', 'abc', 'a=7@4 b=7@4', '7@4 open, 0 left'],
      ['of two, one is enough, and shows nothing chosen', 'ab', 'a=7', '7 open, 0 left'],
      ['of four, two', 'abcd', 'a=- b=-', 'null open, 0 left'],
      ['of four, not one', 'abcd', 'a=-', 'waits'],
      ['is lost with the majority', 'abc', 'a=- b? c?', 'few, 0 left'],
      ['says what stands in the way', 'abc', 'a<9 b<5', 'rejected, 0 left'],
      ['one rejection does not', 'abc', 'a<9 b=- c=-', 'null chosen, 0 left'],
      ['catches up with a newer topology', 'abc', 'a=- b>9 c=-', 'stale, 1 left'],
      ['and not with one that it has', 'abc', 'b>8 a=- c=-', 'null chosen, 0 left'],
      ['counts nobody whose clock is wild', 'abc', `a<${FAR} b=- c=-`, 'null chosen, 0 left'],
    ],
    prepared,
  )
})

describe('phase 1 while the partition moves', () => {
  tell(
    [
      ['takes the old set too', 'abc<def', 'a=- b=- c=-', 'waits'],
      ['a majority of it', 'abc<def', 'a=- b=- d=-', 'waits'],
      ['and shows nothing chosen', 'abc<def', 'a=- b=- d=- e=-', 'null open, 0 left'],
      ['the old set alone is not enough', 'abc<def', 'd=7@4 e=7@4 f=7@4 a=-', 'waits'],
      ['finds what the old set has', 'abc<def', 'a=- b=- d=7@4 e=-', '7@4 open, 0 left'],
      ['unless all that promise are installed', 'abc<def', 'a=-! b=-!', 'null chosen, 0 left'],
      ['one of two is not enough', 'abc<def', 'a=-! b=-', 'waits'],
      ['nor two of three', 'abc<def', 'a=-! b=- c=-!', 'waits'],
      ['nor the old set', 'abc<def', 'd=-! a=- b=-', 'waits'],
      ['unless one has voted under this configuration', 'abc<def', 'a=7 b=-', '7 open, 0 left'],
      ['a vote of the older one is none', 'abc<def', 'a=7@4 b=-', 'waits'],
      ['nor does it count at the old set', 'abc<def', 'd=7 a=- b=-', 'waits'],
      ['installed, with a vote of a majority', 'abc<def', 'a=7! b=7!', '7 chosen, 0 left'],
      ['who is in both sets counts in both', 'abc<bcd', 'b=- c=-', 'null open, 0 left'],
      ['and only there', 'abc<cde', 'a=- c=-', 'waits'],
      ['an old set of two blocks by one', 'abc<de', 'a=- b=- e=7@4', '7@4 open, 0 left'],
      ['waits for the rest of the old set', 'abc<def', 'd? e? a=- b=-', 'waits'],
    ],
    prepared,
  )

  it('says in the end which set it lacks', () => {
    const judge = new PrepareJudge(placeFor('abc<def'), isTooFarAhead)
    for (const id of 'abcd') judge.onReply(id, promiseOf(null))
    assert.deepEqual(judge.late(), { kind: 'few', answered: 1, needed: 2, replicas: 3 })
  })
})

describe('what the next ballot has to exceed', () => {
  it('is the highest in the way, whoever said it', () => {
    const judge = new PrepareJudge(placeFor('abc'), isTooFarAhead)
    judge.onReply('a', rejected(5))
    assert.deepEqual(judge.onReply('b', rejected(3)), { kind: 'rejected', by: ballotAt(5) })
  })

  it('floors, votes and revisions, so that versions only grow (I11)', () => {
    const judge = new PrepareJudge(placeFor('abc'), isTooFarAhead)
    judge.onReply('a', promiseOf('7', { counterMax: 40 }))
    const verdict = judge.onReply('b', promiseOf('9', { counterMax: 20 }))
    assert.equal(verdict?.kind === 'prepared' && verdict.counterMax, 40)
    const moved = new PrepareJudge(placeFor('abc<def'), isTooFarAhead)
    for (const id of 'abd') moved.onReply(id, promiseOf(null))
    const last = moved.onReply('e', promiseOf(null, { counterMax: 50 }))
    assert.equal(last?.kind === 'prepared' && last.counterMax, 50)
    const value = encodeRegister(registerOf('v', { revision: 60 }))
    const shown = new PrepareJudge(placeFor('a'), isTooFarAhead).onReply(
      'a',
      promiseOf('7', { value }),
    )
    assert.equal(shown?.kind === 'prepared' && shown.counterMax, 60)
  })

  it('a promise of a wild clock does not count', () => {
    const judge = new PrepareJudge(placeFor('abc'), isTooFarAhead)
    assert.equal(judge.onReply('a', promiseOf(null, { counterMax: FAR })), null)
    assert.equal(judge.onReply('b', promiseOf(null)), null)
    const verdict = judge.onReply('c', promiseOf(null))
    assert.equal(verdict?.kind === 'prepared' && verdict.counterMax, 0)
  })

  it('is, where most are wild, the lowest of those: it is this clock that is wrong', () => {
    const obstacles = new Obstacles(['a', 'b', 'c'], isTooFarAhead)
    assert.equal(obstacles.by, NO_BALLOT)
    for (const _ of 'twice') obstacles.note('a', ballotAt(FAR + 9))
    assert.equal(obstacles.by, NO_BALLOT)
    obstacles.note('b', ballotAt(4))
    assert.deepEqual(obstacles.by, ballotAt(4))
    obstacles.note('c', ballotAt(FAR + 3))
    assert.deepEqual(obstacles.by, ballotAt(FAR + 3))
  })
})

describe('phase 2', () => {
  tell(
    [
      ['takes a majority', 'abc', 'a=-', 'waits'],
      ['one counts once', 'abc', 'a=- a=-', 'waits'],
      ['of votes', 'abc', 'a=- b=-', 'chosen'],
      ['of the current replicas alone', 'abc<def', 'd=- e=- f=- a=-', 'waits'],
      ['of two, both', 'ab', 'a=-', 'waits'],
      ['of four, not two', 'abcd', 'a=- b=-', 'waits'],
      ['of four, three', 'abcd', 'a=- b=- d=-', 'chosen'],
      ['of one, that', 'a', 'a=-', 'chosen'],
      ['bears a rejection', 'abc', 'a<5 b=- c=-', 'chosen'],
      ['not two', 'abc', 'a<5 b<6', 'rejected'],
      ['names no wild clock', 'abc', `a<${FAR} b?`, 'few'],
      ['is lost with the majority', 'abc', 'a? b?', 'few'],
      ['catches up', 'abc', 'a=- b>9', 'stale'],
      ['not with what it has', 'abc', 'a=- b>8 c=-', 'chosen'],
    ],
    (sets, heard) => {
      return hear(new AcceptJudge(placeFor(sets), isTooFarAhead), heard)?.verdict.kind ?? 'waits'
    },
  )
})

describe('a read', () => {
  tell(
    [
      ['takes a majority', 'abc', 'a=7', 'few'],
      ['that shows one vote', 'abc', 'a=7 b=7', '7 shown'],
      ['and not the higher of two', 'abc', 'a=7 b=9', 'divided'],
      ['ignores what is under way', 'abc', 'a=7 b=9 c=7', '7 shown'],
      ['of replicas', 'abc', 'a=7 x=7 y=7', 'few'],
      ['of two, both', 'ab', 'a=7', 'few'],
      ['of four, three', 'abcd', 'a=7 b=7', 'few'],
      ['never of an older configuration', 'abc', 'a=7@4! b=7@4! c=7@4!', 'divided'],
      ['nor while it moves', 'abc<def', 'a=7@4! b=7@4! c=7@4!', 'divided'],
      ['shows that there is nothing', 'abc', 'a=- b=-', '0 shown'],
      ['not where the old set may have it', 'abc<def', 'a=- b=- c=-', 'divided'],
      ['one that is installed is not enough', 'abc<def', 'a=-! b=-', 'divided'],
      ['all of a majority are', 'abc<def', 'a=-! b=-!', '0 shown'],
      ['a vote and none differ', 'abc', 'a=7 b=-', 'divided'],
      ['takes the value from whoever sent it', 'abc', 'a=7~ b=7', '7 shown'],
      ['or says that nobody did', 'abc', 'a=7~ b=7~', '7 left out'],
      ['catches up', 'abc', 'a=7 b>9', 'stale'],
      ['not with what it has', 'abc', 'a=7 b>8 c=7', '7 shown'],
    ],
    (sets, heard) => {
      const judge = new ReadJudge(placeFor(sets))
      const verdict = hear(judge, heard)?.verdict ?? judge.late()
      if (verdict.kind !== 'agreed') return verdict.kind
      return `${verdict.accepted.counter} ${verdict.value === null ? 'left out' : 'shown'}`
    },
  )
})

describe('a tombstone may be forgotten', () => {
  const judged = (votes: readonly (string | null)[], text: string | null): string => {
    const judge = new UnanimityJudge(placeFor('abc'))
    for (const [i, vote] of votes.entries()) {
      const value = vote === null ? null : encodeRegister(registerOf(text))
      const body = { accepted: voteOf(vote), value, installed: true }
      const verdict = judge.onReply('abc'[i] ?? '', { kind: 'answer', place: 0, body })
      if (verdict !== null) return verdict.kind
    }
    return 'waits'
  }

  it('when every replica has voted for it at one ballot of this configuration (I9)', () => {
    assert.equal(judged(['7', '7'], null), 'waits')
    assert.equal(judged(['7', '7', '7'], null), 'same')
    assert.equal(judged(['7', '7', '9'], null), 'differ')
    assert.equal(judged(['7', '7', null], null), 'differ')
    assert.equal(judged(['7@4', '7@4', '7@4'], null), 'differ')
    assert.equal(judged(['7', '7', '7'], 'text'), 'open', 'it is none')
  })

  it('and not while one of them is away', () => {
    const judge = new UnanimityJudge(placeFor('abc'))
    assert.equal(judge.onMissing().kind, 'open')
    assert.equal(judge.onReply('a', { kind: 'stale', topology: 8 })?.kind, 'open')
    assert.equal(judge.late().kind, 'open')
  })
})
