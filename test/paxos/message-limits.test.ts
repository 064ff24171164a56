/** What decoders of the registers refuse although it is well formed: too much, or contradictory. */
import { DEADLINE_MS_MAX, PAGE_ENTRIES_MAX } from '../../src/base/call-limits.ts'
import { KEY_BYTES_MAX } from '../../src/base/value.ts'
import assert from 'node:assert/strict'
import { decodeAcceptorRecord, encodeAcceptorRecord } from '../../src/paxos/acceptor.ts'
import { readBallot, writeBallot } from '../../src/paxos/ballot.ts'
import {
  decodeForwarded,
  decodeOutcome,
  encodeForwarded,
  encodeOutcome,
  type Forwarded,
} from '../../src/paxos/forward-messages.ts'
import {
  COMBINED_MAX,
  LIST_KEYS,
  OP_ID_BYTES_MAX,
  RECENT_NAMED_MAX,
  REGISTER_BYTES_MAX,
  VALUE_BYTES_MAX,
  WATCH_KEYS,
} from '../../src/paxos/limits.ts'
import { readPage, writePage } from '../../src/paxos/list-messages.ts'
import type { Header } from '../../src/topology/request-header.ts'
import { encodeAccept, encodePrepare, readAccept, readCounter } from '../../src/paxos/messages.ts'
import {
  ABSENT,
  type Change,
  decodeRegister,
  encodeRegister,
  type Register,
} from '../../src/paxos/register.ts'
import { decodeScanAnswer, encodeScanAnswer } from '../../src/paxos/scan-messages.ts'
import { decodeKeyRevisions, encodeKeyRevisions } from '../../src/paxos/watch-messages.ts'
import { WireError, WireReader, WireWriter } from '../../src/wire/codec.ts'
import { answered, bodyOf, reading } from './messages.ts'

describe('limits of what is read', () => {
  const header: Header = { topology: 1, partition: 1, cfg: 1 }
  const ballot = { cfg: 1, counter: 1, storageId: 'd', boot: 1 }
  const op = { id: 'i', done: { kind: 'changed', revision: 1, number: null } } as const
  const change: Change = { tag: ballot, first: 1, last: 1, operations: [] }
  const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item)
  const register = (more: Partial<Register>): Uint8Array =>
    encodeRegister({ ...ABSENT, changes: 1000, ...more })
  const page = (votes: number): Uint8Array =>
    answered({ votes: many(votes, ['k', ballot] as const), counterMax: 1, after: null }, writePage)
  const forwarded = (more: Partial<Forwarded>): Uint8Array =>
    encodeForwarded({
      topology: 1,
      key: 'k',
      id: 'i',
      since: 0,
      deadlineMs: 1,
      operation: { kind: 'read' },
      ...more,
    })

  const cases: Record<
    string,
    [max: number, encode: (n: number) => Uint8Array, decode: (bytes: Uint8Array) => unknown]
  > = {
    'bytes of a value': [
      VALUE_BYTES_MAX,
      (n) => register({ kind: 'bytes', value: new Uint8Array(n) }),
      decodeRegister,
    ],
    'changes that a register remembers': [
      RECENT_NAMED_MAX,
      (n) => register({ recent: many(n, change) }),
      decodeRegister,
    ],
    'operations of a change': [
      COMBINED_MAX,
      (n) => register({ recent: [{ ...change, operations: many(n, op) }] }),
      decodeRegister,
    ],
    'bytes of an id in a register': [
      OP_ID_BYTES_MAX,
      (n) => register({ recent: [{ ...change, operations: [{ ...op, id: 'x'.repeat(n) }] }] }),
      decodeRegister,
    ],
    'bytes of a register to accept': [
      REGISTER_BYTES_MAX,
      (n) => encodeAccept(header, 'k', { counter: 1, next: 1, value: new Uint8Array(n) }),
      reading(readAccept),
    ],
    'bytes of a key': [
      KEY_BYTES_MAX,
      (n) => encodePrepare(header, 'x'.repeat(n), 1),
      reading(readCounter),
    ],
    'number of a partition': [
      65_535,
      (partition) => encodePrepare({ ...header, partition }, 'k', 1),
      reading(readCounter),
    ],
    'bytes of an id': [OP_ID_BYTES_MAX, (n) => forwarded({ id: 'x'.repeat(n) }), decodeForwarded],
    'time of a forwarded operation': [
      DEADLINE_MS_MAX,
      (deadlineMs) => forwarded({ deadlineMs }),
      decodeForwarded,
    ],
    'keys of a list': [LIST_KEYS, page, (bytes) => bodyOf(bytes, (from) => readPage(from, ''))],
    'keys of a watch': [
      WATCH_KEYS,
      (n) => encodeKeyRevisions(many(n, ['k', 1] as const)),
      decodeKeyRevisions,
    ],
    'votes of a scan': [
      PAGE_ENTRIES_MAX,
      (n) => {
        const votes = many(n, { key: 'k', accepted: ballot, value: new Uint8Array() })
        return encodeScanAnswer('d', { votes, end: null, topology: 1 })
      },
      decodeScanAnswer,
    ],
  }

  for (const [name, [max, encode, decode]] of Object.entries(cases)) {
    it(`${name}: ${max}`, () => {
      decode(encode(max))
      assert.throws(() => decode(encode(max + 1)), WireError)
    })
  }

  it('refuses what contradicts itself', () => {
    const vote = { promised: ballot, accepted: ballot, value: Uint8Array.of(1) }
    const none = { cfg: 0, counter: 0, storageId: '', boot: 0 }
    const higher = { ...ballot, counter: 2 }
    const refused: readonly (() => unknown)[] = [
      () => decodeRegister(encodeRegister({ ...ABSENT, recent: [change] })),
      () => decodeAcceptorRecord(encodeAcceptorRecord({ ...vote, accepted: higher })),
      () => decodeAcceptorRecord(encodeAcceptorRecord({ ...vote, value: new Uint8Array() })),
      () => decodeAcceptorRecord(encodeAcceptorRecord({ ...vote, accepted: none })),
      () => decodeForwarded(forwarded({ id: '' })),
      () => decodeForwarded(forwarded({ key: '' })),
      () =>
        reading(readAccept)(
          encodeAccept(header, 'k', { counter: 1, next: 1, value: new Uint8Array() }),
        ),
      () => reading(readCounter)(encodePrepare(header, 'k', 0)),
    ]
    for (const decode of refused) assert.throws(decode, WireError)
    for (const half of [
      { ...none, cfg: 1 },
      { ...none, boot: 1 },
      { ...none, storageId: 'd' },
      { ...none, counter: 1 },
    ]) {
      const bytes = writeBallot(new WireWriter(), half).finish()
      assert.throws(() => readBallot(new WireReader(bytes)), WireError)
    }
  })

  it('refuses a page of a list that leads back: whoever follows it never ends', () => {
    const empty = { votes: [], counterMax: 0, after: 'k' }
    const out = new WireWriter()
    writePage(out, empty)
    const bytes = out.finish()
    assert.deepEqual(readPage(new WireReader(bytes), 'j'), empty)
    for (const asked of ['k', 'l']) {
      assert.throws(() => readPage(new WireReader(bytes), asked), WireError)
    }
  })

  it('knows one zero', () => {
    const bytes = encodeOutcome({ kind: 'changed', revision: 0, number: -1 })
    assert.equal(bytes.at(-1), 1)
    const outcome = decodeOutcome(bytes.with(-1, 0))
    assert.ok(outcome.kind === 'changed' && Object.is(outcome.number, 0))
  })

  it('refuses a format and numbers of a later version', () => {
    const bytes = encodeRegister(ABSENT)
    assert.throws(() => decodeRegister(bytes.with(0, 3)), /unknown format 3/)
    const late = { ...change, first: Number.MAX_SAFE_INTEGER, last: 2 ** 53 + 20 }
    assert.throws(() => decodeRegister(register({ recent: [late] })), WireError)
  })
})
