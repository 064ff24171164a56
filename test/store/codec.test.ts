/**
 * Every decoder of the store, fed with what encoders made, and with what they did not: random
 * bytes, cut ends, changed bytes, counts and lengths that promise more than there is. It refuses
 * with WireError, or returns something that survives being written and read again.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { DEADLINE_MS_MAX } from '../../src/base/call-limits.ts'
import {
  DOTS_MAX,
  JOINED_FACTOR,
  PAGE_BYTES,
  RECORD_BYTES_MAX,
  SCAN_ENTRIES_MAX,
  SIBLINGS_MAX,
  TTL_MS_MAX,
  VECTOR_MAX,
} from '../../src/store/limits.ts'
import type { Edit, ElementValue } from '../../src/store/edit.ts'
import { DELETION } from '../../src/store/edit-of.ts'
import { readHeader, readKey } from '../../src/topology/request-header.ts'
import {
  decodeForwardedWrite,
  decodeWriteOutcome,
  encodeForwardedWrite,
  encodeWriteOutcome,
  type WriteOutcome,
  encodeRead,
  encodeWrite,
  readRecordBytes,
} from '../../src/store/messages.ts'
import {
  decodeAnswer,
  decodedEntries,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type GivenPartition,
  type ScanAnswer,
  type ScanEntry,
  type ScanQuestion,
} from '../../src/store/scan/scan-messages.ts'
import { WHOLE } from '../../src/store/read-answers.ts'
import {
  decodeRecord,
  encodeRecord,
  KINDS,
  type Sibling,
  type StoreRecord,
} from '../../src/store/record.ts'
import {
  contextOfText,
  type Dot,
  readContext,
  contextText,
  writeContext,
} from '../../src/store/version-vector.ts'
import { WireError, WireReader, WireWriter } from '../../src/wire/codec.ts'
import { contextOf, contexts, plain, recordOf, records, writeOf } from './arbitrary.ts'
import { describeFormats, type Format, format } from '../wire/format.ts'

const numbers = fc.maxSafeNat()
const partitions = fc.nat({ max: 65_535 })
const keys = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
const blobs = fc.uint8Array({ maxLength: 40 })
const headers = plain({ topology: numbers, partition: partitions, cfg: numbers })
const lists = { maxLength: 6 }
const elements = fc.array(
  plain<ElementValue>({ kind: fc.constantFrom('bytes', 'text', 'json'), value: blobs }),
  lists,
)
const edits: fc.Arbitrary<Edit> = fc.oneof(
  plain({
    what: fc.constant('put' as const),
    kind: fc.constantFrom(...KINDS),
    value: blobs,
    ttlMs: fc.nat({ max: TTL_MS_MAX }),
  }),
  plain({
    what: fc.constant('count' as const),
    delta: fc.maxSafeInteger(),
    anew: fc.boolean(),
  }),
  plain({ what: fc.constant('add' as const), elements, anew: fc.boolean() }),
  plain({ what: fc.constant('remove' as const), elements }),
)

function readQuestion(bytes: Uint8Array) {
  const from = new WireReader(bytes)
  return {
    header: readHeader(from),
    key: readKey(from),
    wanted: { wholeUpTo: from.uint(), known: from.uint() },
  }
}

function writeQuestion(bytes: Uint8Array) {
  const from = new WireReader(bytes)
  const header = readHeader(from)
  return { header, round: from.uint(), key: readKey(from), record: readRecordBytes(from) }
}

const roots = fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 }))
const scans = plain<ScanQuestion>({
  topology: numbers,
  range: plain({ prefix: fc.string(), after: fc.string(), upTo: fc.option(keys) }),
  limit: fc.nat({ max: SCAN_ENTRIES_MAX }),
  bytes: fc.nat({ max: PAGE_BYTES }),
  partitions: fc.array(partitions, lists),
  given: fc.option(fc.array(plain<GivenPartition>({ sum: numbers, root: roots }), lists)),
})
const scanned = plain<ScanAnswer<StoreRecord>>({
  entries: fc.array(
    plain<ScanEntry<StoreRecord>>({ partition: partitions, key: keys, record: records }),
    lists,
  ),
  done: fc.boolean(),
  roots: fc.array(roots, lists),
})

function encodeScanned({ entries, ...rest }: ScanAnswer<StoreRecord>): Uint8Array {
  const encoded = entries.map((each) => ({ ...each, record: encodeRecord(each.record) }))
  return encodeAnswer({ ...rest, entries: encoded })
}

function decodeScanned(bytes: Uint8Array): ScanAnswer<StoreRecord> {
  const answer = decodeAnswer(bytes)
  if (typeof answer === 'number') throw new WireError('no answer')
  return { ...answer, entries: decodedEntries(answer.entries) }
}

const FORMATS: readonly Format<unknown>[] = [
  format('record', records, encodeRecord, decodeRecord),
  format('question of a scan', scans, encodeQuestion, decodeQuestion),
  format('answer of a scan with its records', scanned, encodeScanned, decodeScanned),
  format(
    'context',
    contexts,
    (context) => {
      const out = new WireWriter()
      writeContext(out, context)
      return out.finish()
    },
    (bytes) => readContext(new WireReader(bytes)),
  ),
  format(
    'read',
    plain({ header: headers, key: keys, wanted: plain({ wholeUpTo: numbers, known: numbers }) }),
    ({ header, key, wanted }) => encodeRead(header, key, wanted),
    readQuestion,
  ),
  format(
    'write',
    plain({ header: headers, round: numbers, key: keys, record: blobs }),
    ({ header, round, key, record }) => encodeWrite(header, round, key, record),
    writeQuestion,
  ),
  format(
    'forwarded write',
    plain({
      topology: numbers,
      key: keys,
      edit: edits,
      context: contexts,
      blind: fc.boolean(),
      level: fc.constantFrom(undefined, 'one', 'quorum', 'all'),
      deadlineMs: fc.nat({ max: DEADLINE_MS_MAX }),
      mark: plain({ boot: numbers, atMs: numbers, ageMs: numbers }),
    }),
    encodeForwardedWrite,
    decodeForwardedWrite,
    ({ mark }) => mark === null,
  ),
  format(
    'outcome of a put, or the number of a topology to ask again by',
    plain({
      mark: plain({ boot: numbers, atMs: numbers }),
      outcome: fc.oneof(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        plain({
          seen: contexts,
          effect: fc.maxSafeInteger(),
          acks: numbers,
          replicas: numbers,
          partial: fc.boolean(),
          siblingCount: numbers,
        }),
      ),
    }),
    ({ mark, outcome }) => {
      if (mark !== null) return encodeWriteOutcome(mark, outcome)
      return olderOutcome(outcome)
    },
    decodeWriteOutcome,
    ({ mark, outcome }) =>
      mark === null || (typeof outcome !== 'number' && outcome.siblingCount === 0),
  ),
]

/** Without its mark and the count of siblings, which are a byte for each number here. */
function olderOutcome(outcome: WriteOutcome | number): Uint8Array {
  const bytes = encodeWriteOutcome({ boot: 0, atMs: 0 }, outcome)
  return bytes.slice(0, typeof outcome === 'number' ? -2 : -3)
}

describeFormats('codec of the store', FORMATS)

describe('limits of lists', () => {
  const cases: Record<
    string,
    [max: number, (count: number) => Uint8Array, (b: Uint8Array) => unknown]
  > = {
    'actors of a vector': [
      VECTOR_MAX * JOINED_FACTOR,
      (count) => encodeRecord(recordOf(contextOf(actors(count)), [])),
      decodeRecord,
    ],
    'writes beyond a vector': [
      DOTS_MAX * JOINED_FACTOR,
      (count) => encodeRecord(recordOf(contextOf(new Map(), dotsOf(count)), [])),
      decodeRecord,
    ],
    siblings: [
      SIBLINGS_MAX * JOINED_FACTOR,
      (count) => encodeRecord(siblings(count)),
      decodeRecord,
    ],
  }

  for (const [name, [max, encode, decode]] of Object.entries(cases)) {
    it(`${name}: ${max}`, () => {
      decode(encode(max))
      assert.throws(() => decode(encode(max + 1)), WireError)
    })
  }

  it('refuses partitions that no topology has', () => {
    assert.throws(
      () => readQuestion(encodeRead({ topology: 1, partition: 65_536, cfg: 1 }, 'k', WHOLE)),
      WireError,
    )
  })

  it('are read as those said them who were built before there were marks and counts of siblings', () => {
    const context = contextOf(new Map([['a', 1]]))
    const edit = { what: 'put', kind: 'text', value: Uint8Array.of(1), ttlMs: 0 } as const
    const asked = { topology: 3, key: 'k', context, blind: true, level: undefined, deadlineMs: 9 }
    const write = { ...asked, edit, mark: { boot: 0, atMs: 0, ageMs: 0 } }
    const bytes = encodeForwardedWrite(write)
    assert.equal(decodeForwardedWrite(bytes.subarray(0, -3)).mark, null)
    const made = { seen: context, effect: 0, acks: 2, replicas: 3, partial: false, siblingCount: 0 }
    for (const outcome of [made, 7]) {
      assert.deepEqual(decodeWriteOutcome(olderOutcome(outcome)), { mark: null, outcome })
    }
  })

  it('refuses a forwarded write of no level, and one that waits longer than any call', () => {
    const context = contextOf(new Map())
    const mark = { boot: 1, atMs: 1, ageMs: 1 }
    const place = { topology: 1, key: 'k', mark }
    const write = { ...place, edit: DELETION, context, blind: true, level: undefined }
    const longest = encodeForwardedWrite({ ...write, deadlineMs: DEADLINE_MS_MAX })
    assert.equal(decodeForwardedWrite(longest).deadlineMs, DEADLINE_MS_MAX)
    const longer = encodeForwardedWrite({ ...write, deadlineMs: DEADLINE_MS_MAX + 1 })
    assert.throws(() => decodeForwardedWrite(longer), WireError)
    const bytes = encodeForwardedWrite({ ...write, level: 'all', deadlineMs: 1 })
    assert.equal(decodeForwardedWrite(bytes).level, 'all')
    // Before the deadline and the mark, a byte each.
    bytes[bytes.length - 5] = 4
    assert.throws(() => decodeForwardedWrite(bytes), WireError)
  })

  it('refuses an empty key, and one that is too long', () => {
    const header = { topology: 1, partition: 1, cfg: 1 }
    assert.throws(() => readQuestion(encodeRead(header, '', WHOLE)), WireError)
    assert.throws(() => readQuestion(encodeRead(header, 'x'.repeat(1025), WHOLE)), WireError)
    assert.equal(readQuestion(encodeRead(header, 'x'.repeat(1024), WHOLE)).key.length, 1024)
  })
})

function actors(count: number): Map<string, number> {
  return new Map(Array.from({ length: count }, (_, i) => [`disk-${1000 + i}`, 1]))
}

function siblings(count: number): StoreRecord {
  const all = Array.from({ length: count }, (_, i) => writeOf({ actor: 'disk-a', n: i + 1 }))
  return recordOf(contextOf(new Map([['disk-a', count]])), all)
}

function dotsOf(count: number): Dot[] {
  return Array.from({ length: count }, (_, i) => ({ actor: 'disk-a', n: i + 1 }))
}

describe('records', () => {
  const encoded = (change: Partial<StoreRecord>): Uint8Array =>
    encodeRecord({ ...siblings(2), ...change })
  const sibling = (dot: Dot): Sibling => writeOf(dot)

  it('have one form: equal records are equal bytes', () => {
    fc.assert(
      fc.property(records, (record) => {
        const vector = new Map([...record.known.vector].reverse())
        const shuffled = { ...record, known: { ...record.known, vector } }
        assert.deepEqual(encodeRecord(shuffled), encodeRecord(record))
      }),
    )
  })

  it('are refused when they contradict themselves', () => {
    const vector = new Map([['disk-a', 1]])
    const known = (...ns: number[]) => {
      return recordOf(
        contextOf(
          vector,
          ns.map((n) => ({ actor: 'disk-a', n })),
        ),
        [],
      )
    }
    for (const wrong of [{ known: known(2).known }, known(1), known(3, 2), known(2, 2)]) {
      assert.throws(() => decodeRecord(encoded(wrong)), /contradicts itself/)
    }
    decodeRecord(encoded(known(2, 3)))
    const twice = [sibling({ actor: 'disk-a', n: 1 }), sibling({ actor: 'disk-a', n: 1 })]
    assert.throws(() => decodeRecord(encoded({ siblings: twice })), /contradicts itself/)
    const disordered = [sibling({ actor: 'disk-a', n: 2 }), sibling({ actor: 'disk-a', n: 1 })]
    assert.throws(() => decodeRecord(encoded({ siblings: disordered })), /contradicts itself/)
  })

  it('are refused in another format, and when they are too large', () => {
    const bytes = encoded({})
    for (const other of [1, 3]) {
      assert.throws(() => decodeRecord(bytes.with(0, other)), new RegExp(`format ${other}`))
    }
    assert.throws(() => decodeRecord(new Uint8Array(RECORD_BYTES_MAX + 1)), /over its limit/)
  })

  it('are refused with an actor or kind that does not exist', () => {
    const record = (actor: number, kind: number): Uint8Array => {
      const out = new WireWriter().uint(2).list(['disk-a'], (to, name) => to.string(name).uint(5))
      out.list([], () => undefined).list([], () => undefined)
      out.list([null], (to) =>
        to.uint(actor).uint(1).uint(0).uint(0).uint(kind).bytes(new Uint8Array()),
      )
      return out
        .list([], () => undefined)
        .list([], () => undefined)
        .finish()
    }
    assert.equal(decodeRecord(record(0, 3)).siblings[0]?.kind, 'tombstone')
    assert.throws(() => decodeRecord(record(1, 0)), /malformed dot/)
    assert.throws(() => decodeRecord(record(0, 4)), /malformed sibling/)
  })
})

describe('versions as text', () => {
  it('give back their context', () => {
    fc.assert(
      fc.property(contexts, (context) => {
        assert.deepEqual(contextOfText(contextText(context, 'k'), 'k'), context)
      }),
    )
  })

  it('are refused when anything in them has changed', () => {
    const alphabet = ['a', 'b', 'X', 'Y', '0', '9', '-', '_']
    fc.assert(
      fc.property(contexts, fc.nat(), fc.constantFrom(...alphabet), (context, at, letter) => {
        const text = contextText(context, 'k')
        const place = at % text.length
        const changed = text.slice(0, place) + letter + text.slice(place + 1)
        const bytes = (of: string): Buffer => Buffer.from(of, 'base64url')
        fc.pre(!bytes(changed).equals(bytes(text)))
        assert.throws(() => contextOfText(changed, 'k'), WireError)
        assert.throws(() => contextOfText(text.slice(0, place), 'k'), WireError)
      }),
    )
  })

  it('are refused when they are made up', () => {
    fc.assert(
      fc.property(fc.string(), (text) => assert.throws(() => contextOfText(text, 'k'), WireError)),
    )
  })
})
