/** Large records: one replica sends it whole, the others their fingerprint; what differs is all read. */
import assert from 'node:assert/strict'
import { utf8 } from '../../src/base/bytes.ts'
import { entryFingerprint } from '../../src/store/fingerprint.ts'
import { Answers, type ReadAnswer } from '../../src/store/read-answers.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { contextOf, recordOf } from './arbitrary.ts'
import { type Fate, isRead, isSync, isWrite, type Question, StoreWorld } from './world.ts'

const LARGE = 20_000
const large = (letter: string): string => letter.repeat(LARGE)

/** What reads cost from now on: bytes of answers, and questions. */
function costs(world: StoreWorld): { bytes: number; questions: number } {
  const cost = { bytes: 0, questions: 0 }
  world.onAnswer = (question, answer) => {
    if (!isRead(question)) return
    cost.bytes += answer.length
    cost.questions++
  }
  return cost
}

function missing(...names: readonly string[]) {
  return (question: Question): Fate | undefined => {
    const isMissed = isWrite(question) && names.includes(question.to)
    return isMissed || isSync(question) ? 'lost' : undefined
  }
}

const startsOf = (values: readonly unknown[]): string[] =>
  values.map((value) => String(value).slice(0, 1)).sort()

describe('a read of a large value', () => {
  it('travels once to a reader that holds none, whoever sends it', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', large('v'), { write: 'all' }))
    for (let i = 0; i < 3; i++) {
      const cost = costs(world)
      const read = await world.drive(world.kv('d').get('k', { read: 'all' }))
      assert.equal(read?.value, large('v'))
      assert.equal(cost.questions, 3)
      assert.ok(cost.bytes > LARGE && cost.bytes < LARGE + 500, `${cost.bytes} bytes`)
    }
  })

  it('travels not at all to a replica that holds the same', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', large('v'), { write: 'all' }))
    const cost = costs(world)
    const read = await world.drive(world.kv('b').get('k', { read: 'all' }))
    assert.equal(read?.value, large('v'))
    assert.equal(read.acks, 3)
    assert.ok(cost.bytes < 100, `${cost.bytes} bytes`)
  })

  it('is small, and is sent by each', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', 'small', { write: 'all' }))
    const cost = costs(world)
    await world.drive(world.kv('d').get('k', { read: 'all' }))
    assert.equal(cost.questions, 3)
  })

  it('of which one replica has a newer one gives it at once to a replica', async () => {
    const world = await StoreWorld.start(['abc'])
    await world.drive(world.kv('a').put('k', large('o'), { write: 'all' }))
    world.fate = missing('b', 'c')
    await world.drive(world.kv('a').put('k', large('n'), { write: 'one' }))
    world.fate = missing()
    const cost = costs(world)
    const read = await world.drive(world.kv('b').get('k', { read: 'all' }))
    assert.deepEqual(startsOf([read?.value]), ['n'])
    assert.equal(cost.questions, 2)
    await world.wait(20)
    for (const name of ['b', 'c']) assert.deepEqual(startsOf(world.held(name, 'k')), ['n'])
  })

  it('of which each has another one: whoever is asked first, each sends all', async () => {
    for (let turn = 0; turn < 4; turn++) {
      const world = await StoreWorld.start(['abc'], { nodes: 'd' })
      for (let i = 0; i < turn; i++) await world.drive(world.kv('d').get('none'))
      for (const [at, away] of [
        ['a', 'bc'],
        ['b', 'ac'],
        ['c', 'ab'],
      ] as const) {
        world.fate = missing(...away.split(''))
        await world.drive(world.kv(at).put('k', large(at), { write: 'one' }))
      }
      world.fate = missing()
      const read = await world.drive(world.kv('d').get('k', { read: 'all' }))
      assert.deepEqual(startsOf([read?.value, ...(read?.others ?? [])]), ['a', 'b', 'c'])
      await world.wait(20)
      for (const name of 'abc') assert.deepEqual(startsOf(world.held(name, 'k')), ['a', 'b', 'c'])
    }
  })

  it('is answered when the one that should send it whole is silent', async () => {
    const world = await StoreWorld.start(['abc'], { nodes: 'd' })
    await world.drive(world.kv('a').put('k', large('v'), { write: 'all' }))
    for (const silent of 'abc') {
      world.fate = (question) => (isRead(question) && question.to === silent ? 'lost' : undefined)
      const read = await world.drive(world.kv('d').get('k'))
      assert.equal(read?.value, large('v'), silent)
      assert.equal(read.acks, 2)
    }
  })
})

describe('answers of a round', () => {
  it('say what each replica holds, whichever comes first', () => {
    const sibling = { dot: { actor: 'a', n: 1 }, stamp: 1, expiresAtMs: 0, kind: 'text' } as const
    const known = contextOf(new Map([['a', 1]]))
    const record = recordOf(known, [{ ...sibling, value: utf8('v') }])
    const whole = { bytes: encodeRecord(record), record, round: 3 }
    const printed = { print: entryFingerprint('k', record), round: 2 }
    const given = new Map<string, ReadAnswer>([['a', whole]])
    const answers = new Answers('k', given)
    assert.deepEqual([...answers.held], [['a', whole]])
    given.set('b', printed)
    assert.deepEqual(answers.held.get('b'), { ...whole, round: 2 })
    given.set('c', { ...printed, print: printed.print + 1 })
    assert.equal(answers.held.get('c'), null)
    assert.equal(answers.held, answers.held)
    const other = new Answers('k', new Map([['b', printed]]))
    assert.equal(other.held.get('b'), null)
  })
})
