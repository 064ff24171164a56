/**
 * Every decoder of the registers, fed with what encoders made, and with what they did not: random
 * bytes, cut ends, changed bytes, counts and lengths that promise more than there is. It refuses
 * with WireError, or returns something that survives being written and read again.
 */
import { DEADLINE_MS_MAX, PAGE_ENTRIES_MAX } from '../../src/base/call-limits.ts'
import fc from 'fast-check'
import {
  type AcceptorRecord,
  decodeAcceptorRecord,
  encodeAcceptorRecord,
} from '../../src/paxos/acceptor.ts'
import { readBallot, writeBallot } from '../../src/paxos/ballot.ts'
import {
  decodeForwarded,
  decodeOutcome,
  encodeForwarded,
  encodeOutcome,
  type Forwarded,
} from '../../src/paxos/forward-messages.ts'
import { type ListedPage, readPage, writePage } from '../../src/paxos/list-messages.ts'
import type { Header } from '../../src/topology/request-header.ts'
import {
  encodeAccept,
  encodePrepare,
  encodeRead,
  encodeRejected,
  encodeRemove,
  encodeStale,
  type Held,
  type Promised,
  readAccept,
  readCounter,
  readHeld,
  readPromised,
  readReply,
  writeHeld,
  writePromised,
} from '../../src/paxos/messages.ts'
import { readOperation, writeOperation } from '../../src/paxos/operation.ts'
import { decodeRegister, encodeRegister } from '../../src/paxos/register.ts'
import {
  decodeScanAnswer,
  decodeScanQuestion,
  encodeScanAnswer,
  encodeScanQuestion,
} from '../../src/paxos/scan-messages.ts'
import { decodeKeyRevisions, encodeKeyRevisions } from '../../src/paxos/watch-messages.ts'
import { WireError, WireReader, WireWriter } from '../../src/wire/codec.ts'
import {
  ballots,
  ballotsOrNone,
  blobs,
  integers,
  keys,
  numbers,
  operations,
  plain,
  positive,
  promisedAndAccepted,
  registers,
} from './arbitrary.ts'
import { answered, bodyOf, reading } from './messages.ts'
import { describeFormats, type Format, format } from '../wire/format.ts'

const partitions = fc.nat({ max: 65_535 })
const headers = plain<Header>({ topology: numbers, partition: partitions, cfg: numbers })
const votes = fc.uint8Array({ minLength: 1, maxLength: 40 })
const ids = fc.string({ minLength: 1, maxLength: 20 })
const revisions = fc.array(fc.tuple(keys, numbers), { maxLength: 6 })

const records: fc.Arbitrary<AcceptorRecord> = promisedAndAccepted.chain(([promised, accepted]) =>
  plain<AcceptorRecord>({
    promised: fc.constant(promised),
    accepted: fc.constant(accepted),
    value: accepted.counter === 0 ? fc.constant(new Uint8Array()) : votes,
  }),
)

function asked<T>(
  name: string,
  bodies: fc.Arbitrary<T>,
  encode: (value: { header: Header; key: string; body: T }) => Uint8Array,
  read: (from: WireReader) => T,
) {
  return format(name, plain({ header: headers, key: keys, body: bodies }), encode, reading(read))
}

const FORMATS: readonly Format<unknown>[] = [
  format(
    'ballot',
    ballotsOrNone,
    (ballot) => writeBallot(new WireWriter(), ballot).finish(),
    (bytes) => readBallot(new WireReader(bytes)),
  ),
  format('register', registers, encodeRegister, decodeRegister),
  format('record of an acceptor', records, encodeAcceptorRecord, decodeAcceptorRecord),
  format(
    'operation',
    operations,
    (operation) => writeOperation(new WireWriter(), operation).finish(),
    (bytes) => readOperation(new WireReader(bytes)),
  ),
  asked(
    'prepare',
    positive,
    ({ header, key, body }) => encodePrepare(header, key, body),
    readCounter,
  ),
  asked(
    'accept',
    plain({ counter: positive, next: positive, value: votes }),
    ({ header, key, body }) => encodeAccept(header, key, body),
    readAccept,
  ),
  asked(
    'read',
    fc.boolean(),
    ({ header, key, body }) => encodeRead(header, key, body),
    (from) => from.bool(),
  ),
  asked('remove', ballots, ({ header, key, body }) => encodeRemove(header, key, body), readBallot),
  format(
    'promise',
    plain<Promised>({
      accepted: ballotsOrNone,
      value: blobs,
      installed: fc.boolean(),
      counterMax: numbers,
    }),
    (body) => answered(body, writePromised),
    (bytes) => bodyOf(bytes, readPromised),
  ),
  format(
    'answer to a read',
    plain<Held>({ accepted: ballotsOrNone, value: fc.option(blobs), installed: fc.boolean() }),
    (body) => answered(body, writeHeld),
    (bytes) => bodyOf(bytes, readHeld),
  ),
  format(
    'page of a list',
    plain<ListedPage>({
      votes: fc.array(fc.tuple(keys, ballots), { maxLength: 6 }),
      counterMax: numbers,
      after: fc.option(keys),
    }),
    (body) => answered(body, writePage),
    (bytes) => bodyOf(bytes, (from) => readPage(from, '')),
  ),
  format(
    'rejection',
    plain({ kind: fc.constant('rejected' as const), place: fc.nat({ max: 64 }), by: ballots }),
    ({ place, by }) => encodeRejected(place, by),
    (bytes) => {
      const reply = readReply(new WireReader(bytes), () => null)
      if (reply.kind !== 'rejected') throw new WireError('no rejection')
      return reply
    },
  ),
  format(
    'refusal',
    plain({ kind: fc.constant('stale' as const), topology: numbers }),
    ({ topology }) => encodeStale(topology),
    (bytes) => {
      const reply = readReply(new WireReader(bytes), () => null)
      if (reply.kind !== 'stale') throw new WireError('no refusal')
      return reply
    },
  ),
  format(
    'forwarded operation',
    plain<Forwarded>({
      topology: numbers,
      key: keys,
      id: ids,
      since: numbers,
      deadlineMs: fc.nat({ max: DEADLINE_MS_MAX }),
      operation: operations,
    }),
    encodeForwarded,
    decodeForwarded,
  ),
  format(
    'outcome',
    fc.oneof(
      plain({
        kind: fc.constant('changed' as const),
        revision: numbers,
        number: fc.option(integers),
      }),
      plain({
        kind: fc.constant('kept' as const),
        reason: fc.constantFrom('read', 'conflict', 'not-a-number', 'overflow'),
        register: registers.map((register) => ({ ...register, recent: [] })),
      }),
      fc.constant({ kind: 'unknown' as const }),
      plain({ kind: fc.constant('overrun' as const), revision: numbers }),
    ),
    encodeOutcome,
    decodeOutcome,
  ),
  format('keys and revisions', revisions, encodeKeyRevisions, decodeKeyRevisions),
  format(
    'question of a scan',
    plain({
      topology: numbers,
      prefix: fc.string(),
      after: fc.string(),
      limit: fc.nat({ max: PAGE_ENTRIES_MAX }),
    }),
    encodeScanQuestion,
    decodeScanQuestion,
  ),
  format(
    'answer of a scan',
    plain({
      storageId: ids,
      answer: plain({
        votes: fc.array(plain({ key: keys, accepted: ballots, value: blobs }), { maxLength: 4 }),
        end: fc.option(keys),
        topology: numbers,
      }),
    }),
    ({ storageId, answer }) => encodeScanAnswer(storageId, answer),
    decodeScanAnswer,
  ),
]

describeFormats('codec of the registers', FORMATS)
