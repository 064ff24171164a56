/** Every decoder of what replicas say to each other to become equal. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { KEY_BYTES_MAX } from '../../src/base/value.ts'
import { FINGERPRINT_LIMIT } from '../../src/store/fingerprint.ts'
import { SYNC_ENTRIES } from '../../src/store/limits.ts'
import {
  decodeDigestQuestion,
  decodeDigests,
  decodeKeysAnswer,
  decodeKeysQuestion,
  decodeSums,
  decodeSumsQuestion,
  DIGESTS_MAX,
  encodeDigestQuestion,
  encodeDigests,
  encodeKeysAnswer,
  encodeKeysQuestion,
  encodeSums,
  encodeSumsQuestion,
  NODES_MAX,
  SPANS_MAX,
  type SpanSums,
  TURNS,
} from '../../src/store/sync/compare-messages.ts'
import {
  decodeAnswers,
  decodeQuestions,
  encodeAnswers,
  encodeQuestions,
  QUESTIONS_MAX,
} from '../../src/store/sync/courier-messages.ts'
import { LEVEL_MAX, type Span } from '../../src/store/sync/leaf-tree.ts'
import {
  decodePullAnswers,
  decodePullQuestion,
  decodeRecords,
  encodePullAnswers,
  encodePullQuestion,
  encodeRecords,
} from '../../src/store/sync/sync-messages.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { plain } from './arbitrary.ts'
import { describeFormats, type Format, format } from '../wire/format.ts'

const numbers = fc.maxSafeNat()
const partitions = fc.nat({ max: 65_535 })
const keys = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const blobs = fc.uint8Array({ maxLength: 40 })
const prints = fc.nat({ max: FINGERPRINT_LIMIT - 1 })
const lists = { maxLength: 6 }
const someSpans: fc.Arbitrary<Span[]> = fc.array(
  plain<Span>({ from: fc.oneof(fc.constant(''), keys), to: fc.option(keys) }),
  lists,
)
const spanSums: fc.Arbitrary<SpanSums> = fc.option(
  fc
    .tuple(fc.nat({ max: LEVEL_MAX }), prints, fc.array(fc.tuple(keys, prints), lists))
    .map(([level, first, others]) => {
      const nodes = others.map(([from, sum]) => ({ from, sum }))
      return { level, nodes: [{ from: '', sum: first }, ...nodes] }
    }),
)

const { KV_SYNC_SUMS, KV_SYNC_KEYS, KV_SYNC_PULL, KV_SYNC_PUSH } = REQUEST_KINDS
const kinds = [KV_SYNC_SUMS, KV_SYNC_KEYS, KV_SYNC_PULL, KV_SYNC_PUSH] as const

const ERA = { cfg: 1, round: 0 }
const eras = plain({ cfg: numbers, round: numbers })

const FORMATS: readonly Format<unknown>[] = [
  format(
    'digest question',
    plain({
      topology: numbers,
      partitions: fc.array(partitions, lists).map((all) => all.sort((a, b) => a - b)),
      digest: prints,
    }),
    encodeDigestQuestion,
    decodeDigestQuestion,
  ),
  format(
    'digests',
    fc.oneof(fc.constant('same' as const), fc.array(fc.option(prints), lists)),
    encodeDigests,
    decodeDigests,
  ),
  format(
    'sums question',
    plain({
      topology: numbers,
      partition: partitions,
      turn: fc.constantFrom(...TURNS),
      root: prints,
      spans: someSpans,
    }),
    encodeSumsQuestion,
    decodeSumsQuestion,
  ),
  format(
    'sums',
    fc.oneof(fc.constantFrom('busy' as const, 'same' as const), fc.array(spanSums, lists)),
    encodeSums,
    decodeSums,
  ),
  format(
    'keys question',
    plain({
      topology: numbers,
      partition: partitions,
      spans: someSpans,
      after: fc.string(),
      upTo: fc.string(),
      prints: fc.array(prints, lists),
    }),
    encodeKeysQuestion,
    decodeKeysQuestion,
  ),
  format(
    'answer about keys',
    plain({
      upTo: fc.string(),
      found: fc.array(fc.boolean(), lists),
      entries: fc.array(fc.tuple(keys, prints), lists),
    }),
    encodeKeysAnswer,
    decodeKeysAnswer,
  ),
  format(
    'pull question',
    plain({
      topology: numbers,
      partition: partitions,
      takes: fc.boolean(),
      keys: fc.array(plain({ key: keys, head: blobs }), lists),
    }),
    encodePullQuestion,
    decodePullQuestion,
  ),
  format(
    'answers to a pull',
    plain({
      era: eras,
      answers: fc.array(plain({ lacks: fc.boolean(), record: blobs }), lists),
    }),
    encodePullAnswers,
    decodePullAnswers,
  ),
  format(
    'records',
    plain({
      topology: numbers,
      partition: partitions,
      era: eras,
      records: fc.array(fc.tuple(keys, blobs), lists),
    }),
    encodeRecords,
    decodeRecords,
  ),
  format(
    'questions together',
    fc.array(plain({ kind: fc.constantFrom(...kinds), body: blobs }), lists),
    encodeQuestions,
    decodeQuestions,
  ),
  format(
    'answers together',
    fc.array(fc.oneof(blobs, fc.constantFrom('again' as const, 'alone' as const)), lists),
    encodeAnswers,
    decodeAnswers,
  ),
]

describeFormats('codec of anti-entropy', FORMATS)

describe('bounds of the messages of anti-entropy', () => {
  const repeated = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item)
  const at = { topology: 1, partition: 1 }
  const answerOf = (entries: readonly (readonly [string, number])[]) =>
    encodeKeysAnswer({ upTo: '', found: [], entries })
  const nodes = (count: number) => repeated(count, { from: 'k', sum: 1 })
  const cases: Record<
    string,
    [max: number, (count: number) => Uint8Array, (b: Uint8Array) => unknown]
  > = {
    'partitions of a digest question': [
      DIGESTS_MAX,
      (count) => encodeDigestQuestion({ topology: 1, partitions: repeated(count, 1), digest: 1 }),
      decodeDigestQuestion,
    ],
    digests: [DIGESTS_MAX, (count) => encodeDigests(repeated(count, 1)), decodeDigests],
    'spans of a question': [
      SPANS_MAX,
      (count) => {
        const spans = repeated(count, { from: 'a', to: 'b' })
        return encodeSumsQuestion({ ...at, turn: 'none', root: 0, spans })
      },
      decodeSumsQuestion,
    ],
    'spans of an answer': [SPANS_MAX, (count) => encodeSums(repeated(count, null)), decodeSums],
    'nodes of a span': [
      NODES_MAX,
      (count) => encodeSums([{ level: 0, nodes: nodes(count) }]),
      decodeSums,
    ],
    'level of a node': [LEVEL_MAX, (level) => encodeSums([{ level, nodes: nodes(1) }]), decodeSums],
    'fingerprints of a question': [
      SYNC_ENTRIES,
      (count) => {
        const question = { ...at, spans: [], after: '', upTo: '', prints: repeated(count, 1) }
        return encodeKeysQuestion(question)
      },
      decodeKeysQuestion,
    ],
    'what was found of them': [
      SYNC_ENTRIES,
      (count) => encodeKeysAnswer({ upTo: '', found: repeated(count, true), entries: [] }),
      decodeKeysAnswer,
    ],
    'keys of an answer': [
      SYNC_ENTRIES,
      (count) => answerOf(repeated(count, ['k', 1] as const)),
      decodeKeysAnswer,
    ],
    'bytes of a key': [
      KEY_BYTES_MAX,
      (count) => answerOf([['x'.repeat(count), 1]]),
      decodeKeysAnswer,
    ],
    'bytes of a key like the one before': [
      KEY_BYTES_MAX,
      (count) => {
        return answerOf([
          ['x'.repeat(KEY_BYTES_MAX), 1],
          ['x'.repeat(count), 1],
        ])
      },
      decodeKeysAnswer,
    ],
    'keys of a pull': [
      SYNC_ENTRIES,
      (count) => {
        const asked = repeated(count, { key: 'k', head: new Uint8Array() })
        return encodePullQuestion({ ...at, takes: true, keys: asked })
      },
      decodePullQuestion,
    ],
    'answers to a pull': [
      SYNC_ENTRIES,
      (count) => {
        const answers = repeated(count, { lacks: true, record: new Uint8Array() })
        return encodePullAnswers({ era: ERA, answers })
      },
      decodePullAnswers,
    ],
    'records of a push': [
      SYNC_ENTRIES,
      (count) => {
        const records = repeated(count, ['k', new Uint8Array()] as const)
        return encodeRecords({ ...at, era: ERA, records })
      },
      decodeRecords,
    ],
    'questions together': [
      QUESTIONS_MAX,
      (count) => encodeQuestions(repeated(count, { kind: KV_SYNC_SUMS, body: new Uint8Array() })),
      decodeQuestions,
    ],
    'answers together': [
      QUESTIONS_MAX,
      (count) => encodeAnswers(repeated(count, 'again' as const)),
      decodeAnswers,
    ],
  }

  for (const [name, [max, encode, decode]] of Object.entries(cases)) {
    it(`${name}: ${max}`, () => {
      decode(encode(max))
      assert.throws(() => decode(encode(max + 1)), WireError)
    })
  }

  it('refuse other questions among those that travel together', () => {
    for (const kind of [REQUEST_KINDS.KV_SYNC_MANY, REQUEST_KINDS.KV_WRITE]) {
      const bytes = new WireWriter().uint(1).uint(kind).bytes(new Uint8Array()).finish()
      assert.throws(() => decodeQuestions(bytes), WireError)
    }
  })

  it('refuse partitions that no topology has', () => {
    const beyond = { topology: 1, partition: 65_536 }
    const sums = encodeSumsQuestion({ ...beyond, turn: 'none', root: 0, spans: [] })
    assert.throws(() => decodeSumsQuestion(sums), WireError)
    const keysQuestion = encodeKeysQuestion({
      ...beyond,
      spans: [],
      after: '',
      upTo: '',
      prints: [],
    })
    assert.throws(() => decodeKeysQuestion(keysQuestion), WireError)
    const pull = encodePullQuestion({ ...beyond, takes: true, keys: [] })
    assert.throws(() => decodePullQuestion(pull), WireError)
    assert.throws(
      () => decodeRecords(encodeRecords({ ...beyond, era: ERA, records: [] })),
      WireError,
    )
    for (const wrong of [[65_536], [60_000, 65_536]]) {
      const digests = encodeDigestQuestion({ topology: 1, partitions: wrong, digest: 0 })
      assert.throws(() => decodeDigestQuestion(digests), WireError)
    }
  })

  it('refuse sums that are not as many as the nodes', () => {
    const wrong = new WireWriter().uint(0).uint(1).bool(true).uint(0)
    wrong.list(['a'], (to, key) => to.uint(0).bytes(Buffer.from(key)))
    assert.throws(() => decodeSums(wrong.bytes(new Uint8Array(6)).finish()), WireError)
  })

  it('give keys in less than half of their bytes', () => {
    const entries = Array.from({ length: 100 }, (_, i) => [`user/profile/${i}`, i] as const)
    const plainBytes = entries.reduce((sum, [key]) => sum + key.length + 6, 0)
    assert.ok(answerOf(entries).length < plainBytes / 1.7)
  })
})
