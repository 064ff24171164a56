/**
 * What one ballot makes of the operations that wait (REGISTERS.md §2, "Combining", "Unknown
 * outcome"): one after the other, each once, and no word on what nobody can know.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type Call,
  dropAttempts,
  fold,
  type Fold,
  noteAttempt,
  noteChosen,
  type Outcome,
} from '../../src/paxos/fold.ts'
import {
  COMBINED_MAX,
  OP_ID_BYTES_MAX,
  RECENT_MAX,
  RECENT_NAMED_MAX,
} from '../../src/paxos/limits.ts'
import type { Operation } from '../../src/paxos/operation.ts'
import { ABSENT, decodeRegister, encodeRegister, type Register } from '../../src/paxos/register.ts'
import { ballotAt, textOf } from './judging.ts'

const add = (by = 1): Operation => ({ kind: 'add', by })
const set = (text: string, revision?: number): Operation => ({
  kind: 'set',
  condition: revision === undefined ? null : { revision },
  valueKind: 'text',
  value: new TextEncoder().encode(text),
})
const del = (revision?: number): Operation => ({
  kind: 'delete',
  condition: revision === undefined ? null : { revision },
})
const READ: Operation = { kind: 'read' }

function call(operation: Operation, more: Partial<Call> = {}): Call {
  return { operation, id: null, since: null, attempts: [], ...more }
}

/** What is chosen of a fold, as the next one finds it. */
function chosen({ register }: Fold): Register {
  return decodeRegister(encodeRegister(register))
}

/** So many changes by others, from this counter on. */
function changed(base: Register, count: number, counter: number): Register {
  let register = base
  for (let i = 0; i < count; i++) {
    register = chosen(fold(register, ballotAt(counter + i), [call(set(`v${i}`))]))
  }
  return register
}

const shown = (outcome: Outcome | undefined): string => {
  if (outcome === undefined) return 'none'
  if (outcome.kind === 'changed') return `${outcome.revision} ${outcome.number}`
  return outcome.kind === 'kept' ? outcome.reason : outcome.kind
}
const outcomesOf = ({ outcomes }: Fold): string[] => outcomes.map(shown)

describe('operations that share a ballot', () => {
  it('happen one after the other, each on what those before it did', () => {
    const calls = [call(add(5)), call(add(2)), call(READ), call(set('x')), call(READ), call(del())]
    const folded = fold(ABSENT, ballotAt(100), calls)
    assert.deepEqual(outcomesOf(folded), ['100 5', '101 7', 'read', '102 null', 'read', '103 null'])
    const [, , sum, , text] = folded.outcomes
    assert.equal(sum?.kind === 'kept' && textOf(sum.register), '7')
    assert.equal(text?.kind === 'kept' && textOf(text.register), 'x')
    assert.deepEqual([folded.register.kind, folded.register.revision], ['absent', 103])
  })

  it('are one change, whose tag is the ballot’s', () => {
    const folded = fold(ABSENT, ballotAt(100), [call(add()), call(add())])
    const { changes, recent } = folded.register
    assert.equal(changes, 1)
    assert.deepEqual(recent, [
      { tag: { counter: 100, storageId: 'p', boot: 1 }, first: 100, last: 101, operations: [] },
    ])
  })

  it('that change nothing leave it as it was', () => {
    const base = changed(ABSENT, 1, 100)
    const folded = fold(base, ballotAt(200), [call(READ), call(set('x', 7)), call(add())])
    assert.deepEqual(outcomesOf(folded), ['read', 'conflict', 'not-a-number'])
    assert.ok(!folded.isChanged && folded.register === base)
  })

  it('give it versions above all before, and not below the ballot’s counter (I11)', () => {
    const far = { ...ABSENT, revision: 1000 }
    assert.deepEqual(outcomesOf(fold(far, ballotAt(100), [call(add())])), ['1001 1'])
    assert.deepEqual(outcomesOf(fold(far, ballotAt(5000), [call(add())])), ['5000 1'])
  })

  it('remember the last changes alone', () => {
    const register = changed(ABSENT, RECENT_MAX + 3, 100)
    assert.deepEqual([register.recent.length, register.changes], [RECENT_MAX, RECENT_MAX + 3])
    assert.equal(register.recent[0]?.first, 100 + RECENT_MAX + 2)
  })

  it('as many as may, with ids as long as may be, are a register that can be read', () => {
    let register = ABSENT
    for (let i = 1; i <= RECENT_MAX; i++) {
      const calls = Array.from({ length: COMBINED_MAX }, (_, j) =>
        call(add(), { id: `${i}-${j}-`.padEnd(OP_ID_BYTES_MAX, 'x') }),
      )
      register = chosen(fold(register, ballotAt(1000 * i), calls))
    }
    assert.equal(textOf(register), String(COMBINED_MAX * RECENT_MAX))
  })
})

describe('conditions', () => {
  const base = changed(ABSENT, 1, 100)
  const gone = chosen(fold(base, ballotAt(200), [call(del())]))
  const table: readonly (readonly [string, Register, Operation, string])[] = [
    ['the current version', base, set('x', 100), '300 null'],
    ['another', base, set('x', 99), 'conflict'],
    ['absence of what is there', base, set('x', 0), 'conflict'],
    ['absence of what never was', ABSENT, set('x', 0), '300 null'],
    ['absence of what was deleted', gone, set('x', 0), '300 null'],
    ['the version of a deletion', gone, set('x', 200), 'conflict'],
    ['none', gone, set('x'), '300 null'],
    ['the current version, to delete', base, del(100), '300 null'],
    ['another, to delete', base, del(99), 'conflict'],
    ['none, to delete what is deleted', gone, del(), 'read'],
    ['a sum of nothing', gone, add(-3), '300 -3'],
    ['a sum of text', base, add(), 'not-a-number'],
  ]
  for (const [what, register, operation, outcome] of table) {
    it(what, () => {
      assert.deepEqual(outcomesOf(fold(register, ballotAt(300), [call(operation)])), [outcome])
    })
  }

  it('sums stay in 53 bits, and are of whole numbers as we write them', () => {
    const of = (text: string, kind: Register['kind'] = 'text') => ({
      ...ABSENT,
      kind,
      value: new TextEncoder().encode(text),
      revision: 1,
    })
    const sum = (register: Register, by: number) =>
      outcomesOf(fold(register, ballotAt(5), [call(add(by))]))[0]
    assert.equal(sum(of('9007199254740991'), 1), 'overflow')
    assert.equal(sum(of('-9007199254740991'), -1), 'overflow')
    assert.equal(sum(of('9007199254740990', 'json'), 1), '5 9007199254740991')
    for (const text of ['', '1.5', '1e3', '"1"', ' 1', '0x1', '9'.repeat(17), '9'.repeat(21)]) {
      assert.equal(sum(of(text), 1), 'not-a-number', text)
    }
    assert.equal(sum(of('1', 'bytes'), 1), 'not-a-number')
  })
})

describe('an operation that was proposed before', () => {
  const attempt = (base: Register, counter: number, each: Call): Fold => {
    const folded = fold(base, ballotAt(counter), [each])
    const [outcome] = folded.outcomes
    if (outcome !== undefined) noteAttempt(each, ballotAt(counter), outcome)
    return folded
  }

  it('is known by its ballot, and does not happen again', () => {
    const each = call(add())
    const first = attempt(ABSENT, 100, each)
    const after = changed(chosen(first), 3, 200)
    const again = fold(after, ballotAt(300), [each])
    assert.deepEqual(outcomesOf(again), ['100 1'])
    assert.equal(again.isChanged, false)
  })

  it('by a ballot that lost happens with another', () => {
    const each = call(add(), {})
    const base = changed(ABSENT, 1, 50)
    attempt(base, 100, each)
    const rival = chosen(fold(base, ballotAt(101), [call(set('5'))]))
    assert.deepEqual(outcomesOf(fold(rival, ballotAt(300), [each])), ['300 6'])
  })

  it('by several ballots is found by whichever was chosen', () => {
    const each = call(add())
    const base = changed(ABSENT, 1, 50)
    const first = attempt(fold(base, ballotAt(60), [call(set('1'))]).register, 100, each)
    attempt(chosen(fold(base, ballotAt(60), [call(set('1'))])), 200, each)
    assert.deepEqual(outcomesOf(fold(chosen(first), ballotAt(300), [each])), ['100 2'])
  })

  it('is doubtful when what was newest before it is out of sight', () => {
    const each = call(set('x'))
    const base = changed(ABSENT, 2, 10)
    attempt(base, 100, each)
    const last = changed(base, RECENT_MAX - 1, 200)
    assert.deepEqual(outcomesOf(fold(last, ballotAt(900), [each])), ['900 null'])
    const more = changed(base, RECENT_MAX, 200)
    assert.deepEqual(outcomesOf(fold(more, ballotAt(900), [each])), ['unknown'])
  })

  it('is not doubtful while the register remembers everything', () => {
    const each = call(add())
    attempt(ABSENT, 100, each)
    const full = changed(ABSENT, RECENT_MAX, 200)
    assert.deepEqual(outcomesOf(fold(full, ballotAt(900), [each])), ['not-a-number'])
    const over = changed(ABSENT, RECENT_MAX + 1, 200)
    assert.deepEqual(outcomesOf(fold(over, ballotAt(900), [each])), ['unknown'])
  })
})

describe('an attempt that came to nothing', () => {
  const tried = (counter: number, more: Partial<Call> = {}): Call => {
    return call(add(), {
      attempts: [{ ballot: ballotAt(counter), revision: counter, number: 1 }],
      ...more,
    })
  }
  const base = changed(ABSENT, 2, 10)

  it('is out of the world when something above it is chosen that does not have it', () => {
    const each = tried(100, { since: 11 })
    const other = changed(base, 1, 200)
    dropAttempts([each], other, ballotAt(200))
    assert.deepEqual(each.attempts, [])
    noteChosen(other, [each])
    assert.equal(each.since, 200)
  })

  it('is not, while what is chosen lies below it: others may have voted for it', () => {
    const each = tried(100, { since: 11 })
    dropAttempts([each], base, ballotAt(11))
    assert.deepEqual([each.attempts.length, each.since], [1, 11])
    const twice = tried(100)
    noteAttempt(twice, ballotAt(300), { kind: 'changed', revision: 300, number: 1 })
    dropAttempts([twice], changed(base, 1, 200), ballotAt(200))
    assert.equal(twice.attempts.length, 2)
  })

  it('nor when it is in it, or may be', () => {
    const each = tried(200)
    dropAttempts([each], changed(base, 1, 200), ballotAt(300))
    assert.equal(each.attempts.length, 1)
    const old = tried(100)
    dropAttempts([old], changed(base, 2 * RECENT_MAX, 200), ballotAt(300))
    assert.equal(old.attempts.length, 1)
  })

  it('counts whichever ballot was first: a clock that is set back makes lower ones', () => {
    const twice = tried(300)
    noteAttempt(twice, ballotAt(100), { kind: 'changed', revision: 100, number: 1 })
    dropAttempts([twice], changed(base, 1, 200), ballotAt(200))
    assert.equal(twice.attempts.length, 2)
    const folded = fold(changed(base, RECENT_MAX, 200), ballotAt(400), [twice])
    assert.deepEqual(outcomesOf(folded), ['unknown'])
  })

  it('is noted once, however often its change is voted for', () => {
    const each = tried(100)
    noteAttempt(each, ballotAt(300), { kind: 'changed', revision: 100, number: 1 })
    assert.equal(each.attempts.length, 1)
  })
})

describe('an operation of a name', () => {
  const once = (operation: Operation, since: number | null = null): Call =>
    call(operation, { id: 'once', since })

  it('happens once, within a ballot and after it', () => {
    const folded = fold(ABSENT, ballotAt(100), [once(add()), call(add()), once(add())])
    assert.deepEqual(outcomesOf(folded), ['100 1', '101 2', '100 1'])
    const later = fold(changed(chosen(folded), 2, 200), ballotAt(300), [once(add())])
    assert.deepEqual(outcomesOf(later), ['100 1'])
  })

  it('that changed nothing does so for ever: it is remembered as a change without a version', () => {
    const base = changed(ABSENT, 1, 100)
    const refused = fold(base, ballotAt(200), [once(set('x', 0))])
    assert.deepEqual([outcomesOf(refused)[0], refused.isChanged], ['conflict', true])
    assert.equal(refused.register.revision, base.revision)
    const gone = chosen(fold(chosen(refused), ballotAt(300), [call(del())]))
    assert.deepEqual(outcomesOf(fold(gone, ballotAt(400), [once(set('x', 0))])), ['conflict'])
    assert.deepEqual(outcomesOf(fold(gone, ballotAt(400), [call(set('x', 0))])), ['400 null'])
    const within = fold(base, ballotAt(200), [once(set('x', 0)), call(del()), once(set('x', 0))])
    assert.deepEqual(outcomesOf(within), ['conflict', '200 null', 'conflict'])
    const nothing = fold(ABSENT, ballotAt(200), [once(del())])
    const there = chosen(fold(chosen(nothing), ballotAt(300), [call(set('v'))]))
    assert.deepEqual(outcomesOf(fold(there, ballotAt(400), [once(del())])), ['read'])
  })

  it('is not done when too much has happened since', () => {
    const base = changed(ABSENT, 1, 100)
    const last = changed(base, RECENT_MAX - 1, 200)
    assert.deepEqual(outcomesOf(fold(last, ballotAt(900), [once(set('x'), 100)])), ['900 null'])
    const more = changed(base, RECENT_MAX, 200)
    const overrun = fold(more, ballotAt(900), [once(set('x'), 100)])
    assert.deepEqual(outcomesOf(overrun), ['overrun'])
    assert.equal(overrun.isChanged, false)
    assert.deepEqual(outcomesOf(fold(more, ballotAt(900), [once(set('x'), 0)])), ['overrun'])
    assert.deepEqual(outcomesOf(fold(more, ballotAt(900), [once(set('x'))])), ['900 null'])
  })

  it('is not done when it may have happened in a life that was forgotten', () => {
    const born = { ...ABSENT, born: 100 }
    assert.deepEqual(fold(born, ballotAt(900), [once(set('x'), 99)]).outcomes, [
      { kind: 'overrun', revision: 100 },
    ])
    for (const since of [0, 100, 150, null]) {
      assert.deepEqual(outcomesOf(fold(born, ballotAt(900), [once(set('x'), since)])), ['900 null'])
    }
    const anew = changed(born, 2, 200)
    assert.equal(anew.born, 100)
    assert.deepEqual(fold(anew, ballotAt(900), [once(set('x'), 99)]).outcomes, [
      { kind: 'overrun', revision: 201 },
    ])
    for (const since of [0, 100, 150, 200, 201]) {
      assert.deepEqual(outcomesOf(fold(anew, ballotAt(900), [once(set('x'), since)])), ['900 null'])
    }
  })

  it('refusals that are remembered bring nothing into sight that is out of it', () => {
    let register = changed(ABSENT, 2, 100)
    for (let i = 0; i < RECENT_MAX; i++) {
      const refused = call(set('x', 0), { id: `r${i}` })
      register = chosen(fold(register, ballotAt(200 + i), [refused]))
    }
    assert.equal(register.revision, 101)
    assert.deepEqual(outcomesOf(fold(register, ballotAt(900), [once(set('x'), 100)])), ['overrun'])
    // Nothing has changed since: what was refused then would be refused again, and is not done twice.
    assert.deepEqual(outcomesOf(fold(register, ballotAt(900), [once(set('x'), 101)])), ['900 null'])
  })

  it('reads whatever has happened since', () => {
    const more = changed(ABSENT, 3 * RECENT_MAX, 100)
    assert.deepEqual(outcomesOf(fold(more, ballotAt(900), [once(READ, 0)])), ['read'])
    assert.deepEqual(outcomesOf(fold(more, ballotAt(900), [once({ kind: 'touch' }, 0)])), ['read'])
  })
})

describe('what waits while others change the register', () => {
  it('has not happened up to what is chosen, and need not fear for what comes', () => {
    let register = changed(ABSENT, 2, 100)
    const waits = call(set('x'), { id: 'w', since: 101 })
    const others = call(set('x'), { id: 'o', since: null })
    for (let i = 0; i < 3 * RECENT_MAX; i++) {
      register = changed(register, 1, 200 + i)
      noteChosen(register, [waits, others])
    }
    assert.deepEqual(outcomesOf(fold(register, ballotAt(900), [waits])), ['900 null'])
    assert.equal(others.since, null)
  })

  it('but what happened elsewhere meanwhile is not taken for not done', () => {
    const base = changed(ABSENT, 2, 100)
    const waits = call(set('x'), { id: 'w', since: 101 })
    const twin = chosen(fold(base, ballotAt(150), [call(set('x'), { id: 'w' })]))
    noteChosen(twin, [waits])
    assert.equal(waits.since, 101)
    const after = changed(twin, RECENT_NAMED_MAX, 200)
    noteChosen(after, [waits])
    assert.equal(waits.since, 101, 'nobody can tell')
    assert.deepEqual(outcomesOf(fold(after, ballotAt(900), [waits])), ['overrun'])
  })
})

describe('whatever is lost, chosen, or asked again', () => {
  it('each operation happens at most once, and what was told holds (I1)', () => {
    const ballots = fc.array(
      fc.record({
        isChosen: fc.boolean(),
        // Which of the five calls are in it; all of one proposer.
        who: fc.subarray([0, 1, 2, 3, 4], { minLength: 1 }),
      }),
      { maxLength: 25 },
    )
    fc.assert(
      fc.property(ballots, (rounds) => {
        const calls = [0, 1, 2, 3, 4].map((i) => call(add(10 ** i), { id: i < 2 ? `n${i}` : null }))
        const told = new Map<number, string>()
        let register = ABSENT
        let counter = 100
        for (const { isChosen, who } of rounds) {
          const ballot = ballotAt((counter += 100))
          const live = who.filter((i) => !told.has(i)).map((i) => calls[i] as Call)
          const folded = fold(register, ballot, live)
          for (const [i, each] of live.entries()) {
            noteAttempt(each, ballot, folded.outcomes[i] as Outcome)
          }
          if (!isChosen) continue
          register = chosen(folded)
          for (const [i, each] of live.entries()) {
            told.set(calls.indexOf(each), shown(folded.outcomes[i]))
          }
        }
        const sum = Number(textOf(register) ?? 0)
        const digits = String(sum).padStart(5, '0').split('').reverse()
        assert.ok(
          digits.every((digit) => digit === '0' || digit === '1'),
          String(sum),
        )
        for (const [i, outcome] of told) {
          if (outcome !== 'unknown') assert.equal(digits[i], '1', `${i}: ${outcome}`)
        }
      }),
      { numRuns: 300 },
    )
  })
})
