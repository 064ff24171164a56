/** When a question to all replicas is answered: the count against its plain meaning, and the wait. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { AtollError } from '../../src/base/errors.ts'
import { Deadlines } from '../../src/mesh/deadlines.ts'
import type { Level } from '../../src/store/api.ts'
import { Round, type RoundOptions } from '../../src/store/round.ts'
import { Tally, type Verdict } from '../../src/store/tally.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { errorOf } from './error-of.ts'

const LEVELS: readonly (Level | undefined)[] = [undefined, 'one', 'quorum', 'all']

function tallyOf(
  groups: string,
  level: Level | undefined,
  answered: string,
  failed = '',
  required: string | null = null,
): Tally {
  const sets = groups.split(' ').map((group) => group.split(''))
  const tally = new Tally(sets, level, required)
  for (const id of answered) tally.answered(id)
  for (const id of failed) tally.failed(id)
  return tally
}

describe('tally', () => {
  const cases: readonly (readonly [
    what: string,
    groups: string,
    level: Level | undefined,
    answered: string,
    failed: string,
    verdict: Verdict,
  ])[] = [
    ['nobody has answered', 'abc', undefined, '', '', 'waiting'],
    ['one of three', 'abc', undefined, 'a', '', 'waiting'],
    ['a majority of three', 'abc', undefined, 'ab', '', 'met'],
    ['half of four is no majority', 'abcd', 'quorum', 'ab', '', 'waiting'],
    ['a majority of four', 'abcd', 'quorum', 'abc', '', 'met'],
    ['no majority any more, some may still answer', 'abc', undefined, '', 'ab', 'waiting'],
    ['no majority, and nobody is left', 'abc', undefined, 'a', 'bc', 'partial'],
    ['all have failed', 'abc', undefined, '', 'abc', 'failed'],
    ['one is enough', 'abc', 'one', 'c', '', 'met'],
    ['one may still come', 'abc', 'one', '', 'ab', 'waiting'],
    ['quorum cannot be met: refused at once', 'abc', 'quorum', 'a', 'bc', 'failed'],
    ['quorum cannot be met, nobody has answered', 'abc', 'quorum', '', 'bc', 'failed'],
    ['quorum may still be met', 'abc', 'quorum', 'a', 'b', 'waiting'],
    ['all but one', 'abc', 'all', 'ab', '', 'waiting'],
    ['all', 'abc', 'all', 'abc', '', 'met'],
    ['one of all has failed', 'abc', 'all', '', 'c', 'failed'],
    ['a majority of one set', 'abc def', undefined, 'abc', '', 'waiting'],
    ['a majority of each', 'abc def', undefined, 'abef', '', 'met'],
    ['shared ones count in both', 'abc bcd', 'quorum', 'bc', '', 'met'],
    ['one set is lost', 'abc def', 'quorum', 'abc', 'ef', 'failed'],
    ['one set is lost, without a level', 'abc def', undefined, 'abc', 'def', 'partial'],
    ['one of each set', 'abc def', 'one', 'a', 'def', 'failed'],
    ['nobody holds it', '', undefined, '', '', 'failed'],
  ]
  for (const [what, groups, level, answered, failed, verdict] of cases) {
    it(`${level ?? 'no level'}: ${what}: ${verdict}`, () => {
      assert.equal(tallyOf(groups, level, answered, failed).verdict, verdict)
    })
  }

  it('knows no sets: failed, never met', () => {
    for (const level of LEVELS) {
      const tally = new Tally([], level)
      assert.notEqual(tally.verdict, 'met')
    }
    assert.equal(new Tally([], undefined).verdict, 'failed')
  })

  it('is not met without the required answer', () => {
    for (const level of LEVELS) {
      assert.equal(tallyOf('abc', level, 'bc', '', 'a').verdict, 'waiting')
      assert.equal(tallyOf('abc', level, 'bc', 'a', 'a').verdict, 'failed')
      assert.equal(tallyOf('abc', level, 'abc', '', 'a').verdict, 'met')
      assert.equal(tallyOf('abc', level, 'abc', '', 'x').verdict, 'waiting', 'of no set')
      assert.equal(tallyOf('abc', level, 'abcx', '', 'x').verdict, 'met')
    }
  })

  it('takes a late answer, and no late failure', () => {
    const tally = tallyOf('abc', undefined, 'a', 'bc')
    tally.answered('b')
    assert.equal(tally.verdict, 'met')
    tally.failed('a')
    assert.deepEqual(
      [tally.verdict, tally.acks, tally.has('a'), tally.has('c')],
      ['met', 2, true, false],
    )
  })

  it('tells the caller of the set that counts', () => {
    assert.equal(tallyOf('abc cde', undefined, 'acde').acks, 2)
    assert.equal(new Tally([], undefined).acks, 0)
  })

  it('says what counting each set says, whatever the order', () => {
    const ids = ['a', 'b', 'c', 'd', 'e']
    const set = fc.subarray(ids, { minLength: 1 })
    const states = fc.array(fc.constantFrom('answered', 'failed', 'open'), {
      minLength: 5,
      maxLength: 5,
    })
    const sets = fc.array(set, { minLength: 1, maxLength: 2 })
    fc.assert(
      fc.property(sets, states, fc.constantFrom(...LEVELS), (groups, state, level) => {
        const tally = new Tally(groups, level)
        const of = (which: string) => (id: string) => state[ids.indexOf(id)] === which
        for (const id of ids.filter(of('failed'))) tally.failed(id)
        for (const id of ids.filter(of('answered'))) tally.answered(id)
        const needed = ({ length }: readonly string[]): number =>
          level === 'one' ? 1 : level === 'all' ? length : Math.floor(length / 2) + 1
        const got = (group: readonly string[]): number => group.filter(of('answered')).length
        const isMet = groups.every((group) => got(group) >= needed(group))
        assert.equal(tally.verdict === 'met', isMet)
        if (tally.verdict === 'waiting') assert.ok(groups.flat().some(of('open')))
        if (tally.verdict === 'partial') assert.equal(level, undefined)
        if (tally.verdict === 'failed' && level !== undefined) {
          const best = (group: readonly string[]): number =>
            group.length - group.filter(of('failed')).length
          assert.ok(groups.some((group) => best(group) < needed(group)))
        }
      }),
    )
  })
})

interface Asked {
  readonly round: Round<string>
  readonly clock: ManualClock
  readonly deadlines: Deadlines
  readonly answer: (id: string, value: string | number) => Promise<void>
  readonly fail: (id: string, error: Error) => Promise<void>
}

/** A round that has asked these, and decides itself after 100 ms. */
function ask(ids: string, more: Partial<RoundOptions> = {}): Asked {
  const clock = new ManualClock()
  const deadlines = new Deadlines(clock)
  const options = { groups: [['a', 'b', 'c']], level: undefined, signal: undefined, ...more }
  const round = new Round<string>(options)
  const answers = new Map(
    ids.split('').map((id) => [id, Promise.withResolvers<string | number>()] as const),
  )
  for (const [id, { promise }] of answers) round.ask(id, promise)
  round.begin(deadlines, 100)
  return {
    round,
    clock,
    deadlines,
    answer: (id, value) => {
      answers.get(id)?.resolve(value)
      return clock.advance(0)
    },
    fail: (id, error) => {
      answers.get(id)?.reject(error)
      return clock.advance(0)
    },
  }
}

describe('round', () => {
  it('is decided once the level is met, and watches the others to the end', async () => {
    const { round, answer, fail, deadlines } = ask('abc')
    let ends = 0
    round.onFinished(() => void ends++)
    await answer('b', 'B')
    await answer('c', 'C')
    assert.equal(await round.decided, 'met')
    assert.deepEqual([ends, deadlines.size], [0, 0], 'no timer is left')
    await fail('a', new AtollError('TIMEOUT', 'late', { outcome: 'unknown' }))
    assert.equal(ends, 1)
    assert.deepEqual(
      [...round.answers],
      [
        ['b', 'B'],
        ['c', 'C'],
      ],
    )
    assert.deepEqual(round.missed, ['a'])
    let late = 0
    round.onFinished(() => void late++)
    assert.equal(late, 1, 'who asks after the end is told at once')
  })

  it('keeps an answer that comes after the decision', async () => {
    const { round, answer } = ask('abc', { level: 'one' })
    await answer('a', 'A')
    assert.equal(await round.decided, 'met')
    await answer('b', 'B')
    assert.deepEqual([...round.answers.keys()], ['a', 'b'])
  })

  it('is decided at its deadline by what is there', async () => {
    for (const [answers, level, decision] of [
      ['', undefined, 'failed'],
      ['a', undefined, 'partial'],
      ['a', 'quorum', 'failed'],
      ['ab', 'all', 'failed'],
    ] as const) {
      const { round, answer, clock } = ask('abc', { level })
      for (const id of answers) await answer(id, id)
      let decided: string | null = null
      void round.decided.then((each) => (decided = each))
      await clock.advance(90)
      assert.equal(decided, null, 'not early')
      await clock.advance(30)
      assert.equal(decided, decision, `${answers}, ${level}`)
      assert.equal(clock.pending, 0)
    }
  })

  it('fails at its deadline without the required answer, of the sets or not', async () => {
    for (const required of ['a', 'x']) {
      const { round, answer, clock } = ask(`bc${required}`, { required })
      await answer('b', 'B')
      await answer('c', 'C')
      let decided: string | null = null
      void round.decided.then((each) => (decided = each))
      await clock.advance(120)
      assert.equal(decided, 'failed', required)
    }
  })

  it('is decided at once when nobody could be asked', async () => {
    const clock = new ManualClock()
    const round = new Round<string>({ groups: [['a', 'b']], level: undefined, signal: undefined })
    for (const id of 'ab') round.skip(id)
    const deadlines = new Deadlines(clock)
    round.begin(deadlines, 100)
    assert.equal(await round.decided, 'failed')
    assert.deepEqual([round.mayHaveApplied, round.missed], [false, []])
    assert.equal(deadlines.size, 0)
  })

  it('a refusal of a stale question ends it, and the highest number counts', async () => {
    const { round, answer } = ask('abc')
    await answer('a', 'A')
    await answer('b', 7)
    assert.equal(await round.decided, 'stale')
    await answer('c', 5)
    assert.deepEqual([round.staleNumber, round.staleFrom], [7, 'b'])
    assert.deepEqual([...round.answers.keys()], ['a'], 'no refusal is an answer')
    assert.equal(round.tally.acks, 1)
  })

  it('a refusal that comes when nobody asks anew is of a replica that missed it', async () => {
    const { round, answer } = ask('abc')
    await answer('a', 'A')
    await answer('b', 'B')
    assert.equal(await round.decided, 'met')
    await answer('c', 7)
    assert.deepEqual(round.missed, ['c'])

    const aborter = new AbortController()
    const given = ask('abc', { signal: aborter.signal })
    aborter.abort()
    await errorOf(given.round.decided)
    await given.answer('a', 7)
    assert.deepEqual(given.round.missed, ['a'])

    const anew = ask('abc')
    await anew.answer('a', 7)
    await anew.answer('b', 7)
    assert.deepEqual(anew.round.missed, [], 'they are asked anew')
  })

  it('knows whether anybody may have done what was asked', async () => {
    const sure = new AtollError('BUSY', 'no room')
    const unsure = new AtollError('TIMEOUT', 'late', { outcome: 'unknown' })
    const { round, fail, answer } = ask('abc', { level: 'all' })
    assert.equal(round.mayHaveApplied, true, 'all were asked')
    await fail('a', sure)
    await answer('b', 9)
    assert.equal(round.mayHaveApplied, true, 'c has not answered')
    await fail('c', sure)
    assert.equal(round.mayHaveApplied, false)
    assert.equal(round.error, sure)
    const other = ask('a')
    await other.fail('a', unsure)
    assert.equal(other.round.mayHaveApplied, true)
    const done = ask('ab')
    await done.answer('a', 'A')
    await done.fail('b', sure)
    assert.equal(done.round.mayHaveApplied, true)
  })

  it('takes an answer that is none for a write that may have been applied', async () => {
    const round = new Round<true>({ groups: [['x']], level: undefined, signal: undefined })
    round.ask('x', Promise.reject(new Error('malformed')))
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(round.mayHaveApplied)
  })

  it('tells of an error that is none of ours as INTERNAL', async () => {
    const { round, fail } = ask('a')
    await fail('a', new RangeError('odd'))
    assert.deepEqual([round.error?.code, round.error?.message], ['INTERNAL', 'RangeError: odd'])
  })

  it('ends when its caller gives up, and lets go of the signal when it is decided', async () => {
    const aborter = new AbortController()
    const { signal } = aborter
    const given = ask('abc', { signal })
    aborter.abort()
    const error = await errorOf(given.round.decided)
    assert.deepEqual([error.code, error.outcome], ['CANCELLED', 'unknown'])
    const late = ask('abc', { signal })
    assert.equal((await errorOf(late.round.decided)).code, 'CANCELLED')

    const other = new AbortController()
    const met = ask('abc', { signal: other.signal })
    assert.equal(getEventListeners(other.signal, 'abort').length, 1)
    await met.answer('a', 'A')
    await met.answer('b', 'B')
    assert.equal(getEventListeners(other.signal, 'abort').length, 0)
    other.abort()
    assert.equal(await met.round.decided, 'met')
  })
})
