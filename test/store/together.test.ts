/** Several partitions compared beside each other: their questions travel together, within bounds. */
import assert from 'node:assert/strict'
import { SYNC_BYTES } from '../../src/store/limits.ts'
import { databaseKey, placeOf } from '../../src/store/place.ts'
import { encodeRecord } from '../../src/store/record.ts'
import { encodeSumsQuestion } from '../../src/store/sync/compare-messages.ts'
import { decodeAnswers, encodeQuestions } from '../../src/store/sync/courier-messages.ts'
import { EMPTY_CONTEXT, contextText } from '../../src/store/version-vector.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { contextOf, recordOf, writeOf } from './arbitrary.ts'
import { keysOf, movedOf, partitioned } from './planted.ts'
import { isSync, isWrite, type Question, StoreWorld } from './world.ts'

const NOTHING = contextText(EMPTY_CONTEXT, '')
const isMany = ({ kind }: Question): boolean => kind === REQUEST_KINDS.KV_SYNC_MANY

/** b has none of what a wrote; they have not spoken of it yet. */
async function apart(keys: readonly string[], value: Uint8Array): Promise<StoreWorld> {
  const world = await StoreWorld.start(partitioned('ab', 32))
  await world.wait(1000)
  world.fate = (q) => (isWrite(q) || isSync(q) ? 'unreachable' : undefined)
  for (const key of keys) await world.drive(world.kv('a').put(key, value))
  return world
}

describe('partitions that are compared beside each other', () => {
  it('share messages', async () => {
    const keys = keysOf(400)
    const world = await apart(keys, new Uint8Array(10))
    let messages = 0
    world.onAnswer = (q) => void (messages += isSync(q) || isMany(q) ? 1 : 0)
    world.fate = () => undefined
    await world.until('b has all', () => keys.every((key) => world.held('b', key).length > 0))
    // Each of 32 partitions asks four or five questions.
    assert.ok(messages < 50, `${messages}`)
    assert.equal(movedOf(world), keys.length)
  })

  it('bound what comes in one message, and all of it comes', async () => {
    const keys = keysOf(200)
    const world = await apart(keys, new Uint8Array(50_000))
    let most = 0
    world.onAnswer = (q, answer) => void (most = Math.max(most, isMany(q) ? answer.length : 0))
    // b asks, and takes.
    world.fate = (q) => (isWrite(q) || (isSync(q) && q.from === 'a') ? 'unreachable' : undefined)
    await world.until('b has all', () => keys.every((key) => world.held('b', key).length > 0))
    assert.ok(most > 100_000 && most < SYNC_BYTES + 2 * 50_000, `${most}`)
    assert.equal(movedOf(world), keys.length)
  })

  it('do not hold up each other when one of them is refused', async () => {
    const keys = keysOf(60)
    const world = await apart([...keys, 'large'], new Uint8Array(200))
    const { partition } = placeOf(world.latest, 'large')
    // As large as can be: whatever comes to it is over the limit.
    const dots = [1, 2, 3].map((n) => ({ actor: 'planted', n }))
    const siblings = dots.map((dot) => {
      return { ...writeOf(dot), kind: 'bytes' as const, value: new Uint8Array(2 ** 20 - 50) }
    })
    const value = encodeRecord(recordOf(contextOf(new Map([['planted', 3]])), siblings))
    const write = { key: databaseKey(partition, 'large'), value }
    await world.drive(world.node('b').database?.commit([write]) ?? Promise.resolve())
    world.crash('b', { power: false })
    await world.boot('b')
    // Of all of them both have something that the other lacks.
    for (const key of keys) {
      await world.drive(world.kv('b').put(key, 'b', { context: NOTHING, write: 'one' }))
    }
    world.fate = (q) => (isSync(q) && q.from === 'b' ? 'unreachable' : undefined)
    await world.until('b has all', () => keys.every((key) => world.held('b', key).length > 1), 5000)
    await world.wait(5000)
    const refused = world.node('a').lines.filter(({ event }) => event === 'store.record-refused')
    assert.deepEqual(
      [...new Set(refused.map(({ fields }) => fields?.['partition']))],
      [partition],
      'that partition alone',
    )
  })
})

describe('questions in one message', () => {
  it('do not hold up each other when one of them is refused', async () => {
    const world = await StoreWorld.start(['ab'])
    const place = { topology: world.latest.number, partition: 0 }
    const sums = encodeSumsQuestion({ ...place, turn: 'none', root: 0, spans: [] })
    const questions = encodeQuestions([
      { kind: REQUEST_KINDS.KV_SYNC_PUSH, body: new Uint8Array([9]) },
      { kind: REQUEST_KINDS.KV_SYNC_SUMS, body: sums },
    ])
    const { id } = world.node('b').member
    const asked = world.node('a').mesh.request(id, REQUEST_KINDS.KV_SYNC_MANY, questions, {
      timeoutMs: 1000,
    })
    const [refused, answered] = decodeAnswers(await world.drive(asked))
    assert.equal(refused, 'alone')
    assert.ok(answered instanceof Uint8Array)
  })
})

describe('a disk that holds what its trees were not told', () => {
  it('says so within a round for each partition, and repairs the others', async () => {
    const world = await StoreWorld.start(partitioned('ab', 4))
    await world.drive(world.kv('a').put('k', 'v', { write: 'all' }))
    await world.wait(20_000)
    const stored = world
      .node('a')
      .database?.get(databaseKey(placeOf(world.latest, 'k').partition, 'k'))
    const lost = databaseKey(placeOf(world.latest, 'lost').partition, 'lost')
    const commit = world.node('a').database?.commit([{ key: lost, value: stored ?? null }])
    await world.drive(commit ?? Promise.resolve())
    await world.wait(4 * 15_000)
    const wrong = world.node('a').lines.filter(({ event }) => event === 'store.tree-wrong')
    assert.equal(wrong.length, 1)
    await world.until('b has it', () => world.held('b', 'lost').length > 0, 30_000)
  })
})
