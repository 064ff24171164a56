/** Questions of repair that travel together: bounded, each answered, and none held up by another. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import type { PeerId } from '../../src/base/ids.ts'
import type { Mesh } from '../../src/mesh/mesh.ts'
import { SYNC_BYTES } from '../../src/store/limits.ts'
import { Courier } from '../../src/store/sync/courier.ts'
import {
  ANSWERS_BYTES_MAX,
  decodeAnswers,
  decodeQuestions,
  encodeAnswers,
  QUESTIONS_MAX,
  type SyncAnswer,
} from '../../src/store/sync/courier-messages.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { ManualClock } from '../topology/manual-clock.ts'

const { KV_SYNC_KEYS, KV_SYNC_MANY, KV_SYNC_PULL } = REQUEST_KINDS

interface Sent {
  readonly kind: number
  readonly body: Uint8Array
  readonly answer: (bytes: Uint8Array) => void
  readonly fail: (error: unknown) => void
}

function courierAt() {
  const clock = new ManualClock()
  const sent: Sent[] = []
  const mesh = {
    request: (_: PeerId, kind: number, body: Uint8Array) =>
      new Promise((answer, fail) => void sent.push({ kind, body, answer, fail })),
  }
  const { signal } = new AbortController()
  const options = { mesh: mesh as unknown as Mesh, clock, signal }
  const courier = new Courier(options, 'peer' as PeerId)
  /** Questions by their first byte; `done` has the answers' first bytes, or errors. */
  const done = new Map<number, number | string>()
  const ask = (
    n: number,
    bytes = 1,
    kind: typeof KV_SYNC_KEYS | typeof KV_SYNC_PULL = KV_SYNC_KEYS,
  ) => {
    courier
      .ask(kind, () => new Uint8Array(bytes).fill(n))
      .then(
        (answer) => done.set(n, answer[0] ?? -1),
        (error: unknown) => done.set(n, (error as AtollError).code),
      )
  }
  const numbersIn = ({ kind, body }: Sent): number[] => {
    return (kind === KV_SYNC_MANY ? decodeQuestions(body) : [{ body }]).map((q) => q.body[0] ?? -1)
  }
  /** To each the double of its number, or what `but` says of it. */
  const answer = async (which: number, but: Record<number, SyncAnswer> = {}): Promise<void> => {
    const message = sent[which] as Sent
    const answers = numbersIn(message).map((n) => but[n] ?? Uint8Array.of(2 * n))
    const [first] = answers
    if (message.kind === KV_SYNC_MANY) message.answer(encodeAnswers(answers))
    else message.answer(first as Uint8Array)
    await clock.advance(1)
  }
  return { clock, sent, ask, done, numbersIn, answer }
}

const inOrder = <T>(done: ReadonlyMap<number, T>): [number, T][] => {
  return [...done].sort(([a], [b]) => a - b)
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('a courier', () => {
  it('takes one question as it is, and those of one turn in one message', async () => {
    const { clock, sent, ask, done, numbersIn, answer } = courierAt()
    ask(1)
    await clock.advance(1)
    for (const n of [2, 3, 4]) ask(n)
    await clock.advance(1)
    assert.deepEqual(
      sent.map(({ kind }) => kind),
      [KV_SYNC_KEYS, KV_SYNC_MANY],
    )
    assert.deepEqual(sent.map(numbersIn), [[1], [2, 3, 4]])
    await answer(1)
    await answer(0)
    assert.deepEqual(inOrder(done), [
      [1, 2],
      [2, 4],
      [3, 6],
      [4, 8],
    ])
  })

  it('has two messages under way; what is asked meanwhile goes together', async () => {
    const { clock, sent, ask, numbersIn, answer } = courierAt()
    for (const n of upTo(6)) {
      ask(n)
      await clock.advance(1)
    }
    assert.deepEqual(sent.map(numbersIn), [[0], [1]])
    await answer(0)
    assert.deepEqual(sent.map(numbersIn), [[0], [1], [2, 3, 4, 5]])
  })

  it('makes no message of more than so many questions or bytes', async () => {
    const { clock, sent, ask, numbersIn, answer } = courierAt()
    for (const n of upTo(QUESTIONS_MAX + 1)) ask(n)
    await clock.advance(1)
    assert.deepEqual(
      sent.map((each) => numbersIn(each).length),
      [QUESTIONS_MAX, 1],
    )
    for (const n of upTo(4)) ask(n, SYNC_BYTES / 2)
    await answer(0)
    assert.deepEqual(sent.map(numbersIn).at(-1), [0, 1])
    await answer(1)
    assert.deepEqual(sent.map(numbersIn).at(-1), [2, 3])
  })

  it('makes a question when it goes and not before', async () => {
    const { clock, sent, ask, answer } = courierAt()
    for (const n of upTo(2)) {
      ask(n)
      await clock.advance(1)
    }
    ask(2, SYNC_BYTES * 8)
    await clock.advance(10)
    assert.equal(
      sent.reduce((sum, { body }) => sum + body.length, 0),
      2,
    )
    await answer(0)
    assert.ok((sent[2]?.body.length ?? 0) > SYNC_BYTES)
  })

  it('asks again for what had no room, first, and alone what was refused', async () => {
    const { clock, sent, ask, done, numbersIn, answer } = courierAt()
    for (const n of [1, 2, 3, 4]) ask(n)
    await clock.advance(1)
    ask(5)
    ask(6)
    await answer(0, { 2: 'again', 3: 'alone', 4: 'again' })
    assert.deepEqual(sent.map(numbersIn), [[1, 2, 3, 4], [5, 6], [3]])
    await answer(1)
    assert.deepEqual(sent.map(numbersIn).at(-1), [2, 4])
    assert.equal(sent[2]?.kind, KV_SYNC_KEYS)
    sent[2]?.fail(new AtollError('CONFLICT', 'no'))
    await answer(3)
    assert.deepEqual(inOrder(done), [
      [1, 2],
      [2, 4],
      [3, 'CONFLICT'],
      [4, 8],
      [5, 10],
      [6, 12],
    ])
  })

  it('tells each of its questions when a message fails, and goes on', async () => {
    const { clock, sent, ask, done, answer } = courierAt()
    for (const n of [1, 2]) ask(n)
    await clock.advance(1)
    sent[0]?.fail(new AtollError('UNREACHABLE', 'no path'))
    await clock.advance(1)
    ask(3)
    await clock.advance(1)
    await answer(1)
    assert.deepEqual(
      [...done],
      [
        [1, 'UNREACHABLE'],
        [2, 'UNREACHABLE'],
        [3, 6],
      ],
    )
  })

  it('waits for no answers that are too few', async () => {
    const { clock, sent, ask, done } = courierAt()
    for (const n of [1, 2]) ask(n)
    await clock.advance(1)
    sent[0]?.answer(encodeAnswers([Uint8Array.of(1)]))
    await clock.advance(1)
    assert.deepEqual([...done.keys()], [1, 2])
  })

  it('does not ask for ever who never has room', async () => {
    const { clock, sent, ask, done } = courierAt()
    for (const n of [1, 2]) ask(n)
    await clock.advance(1)
    sent[0]?.answer(encodeAnswers(['again', 'again']))
    await clock.advance(100)
    assert.deepEqual([[...done.keys()], sent.length], [[1, 2], 1])
  })

  it('tells answers one a turn', async () => {
    const { clock, sent, ask, done } = courierAt()
    for (const n of [1, 2, 3]) ask(n)
    await clock.advance(1)
    const seen: number[] = []
    sent[0]?.answer(encodeAnswers([1, 2, 3].map((n) => Uint8Array.of(n))))
    for (let i = 0; i < 8; i++) {
      await Promise.resolve()
      seen.push(done.size)
    }
    assert.equal(seen.at(-1), 1)
    await clock.advance(1)
    assert.equal(done.size, 3)
  })
})

describe('answers of one message', () => {
  it('have bounded bytes; the first that is there always fits', () => {
    const large = new Uint8Array(ANSWERS_BYTES_MAX + 1)
    const half = new Uint8Array(ANSWERS_BYTES_MAX / 2)
    const told = (answers: readonly SyncAnswer[]) =>
      decodeAnswers(encodeAnswers(answers)).map((a) => (typeof a === 'string' ? a : a.length))
    assert.deepEqual(told([large, large, 'alone']), [large.length, 'again', 'alone'])
    assert.deepEqual(told(['again', half, half, half]), [
      'again',
      half.length,
      half.length,
      'again',
    ])
  })
})
