/**
 * The acceptor: one replica's vote on one register (REGISTERS.md §2; CASPaxos, Rystsov 2018, after
 * Lamport's synod).
 *
 * Safety rests on two habits. An acceptor never goes back on a promise, and it never speaks before
 * it remembers: the caller makes `record` durable, and only then sends the answer. The record lies
 * in storage, one a key, so the rules are functions and hold no state.
 *
 * A register that was collected has no record. In its place stands the partition's floor, below
 * which nothing is promised or accepted: else a late message would bring a deleted value back.
 */
import { assert } from '../base/assert.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import {
  type Ballot,
  compareBallots,
  equalBallots,
  higherBallot,
  isBallot,
  NO_BALLOT,
  readBallot,
  writeBallot,
} from './ballot.ts'
import { REGISTER_BYTES_MAX } from './limits.ts'

export interface AcceptorRecord {
  readonly promised: Ballot
  /** NO_BALLOT until the first vote; then `accepted` ≤ `promised`. */
  readonly accepted: Ballot
  /** An encoded register; empty until the first vote. */
  readonly value: Uint8Array
}

/** What to make durable (null: nothing), then to answer: yes, or the ballot that stands above. */
export type Step =
  | { readonly kind: 'granted'; readonly record: AcceptorRecord }
  | { readonly kind: 'rejected'; readonly by: Ballot }

const NOTHING = new Uint8Array()
const UNTOUCHED: AcceptorRecord = { promised: NO_BALLOT, accepted: NO_BALLOT, value: NOTHING }

/**
 * An equal ballot is answered again: it is the same prepare, sent twice. No other proposer can bear
 * it, since a ballot carries its proposer's disk and boot number.
 */
export function onPrepare(record: AcceptorRecord | null, floor: Ballot, ballot: Ballot): Step {
  const { accepted, value, promised } = record ?? UNTOUCHED
  const bar = record === null ? floor : promised
  const isAgain = record !== null && equalBallots(ballot, promised)
  if (!isAgain && compareBallots(ballot, bar) <= 0) return { kind: 'rejected', by: bar }
  return { kind: 'granted', record: checked({ promised: ballot, accepted, value }) }
}

/**
 * `next` is the proposer's prepare for its next round, sent along; a vote that is refused must not
 * register it.
 */
export function onAccept(
  record: AcceptorRecord | null,
  floor: Ballot,
  { ballot, next, value }: { ballot: Ballot; next: Ballot; value: Uint8Array },
): Step {
  if (record === null) {
    if (compareBallots(ballot, floor) <= 0) return { kind: 'rejected', by: floor }
  } else if (compareBallots(ballot, record.promised) < 0) {
    return { kind: 'rejected', by: record.promised }
  }
  const promised = higherBallot(ballot, next)
  return { kind: 'granted', record: checked({ promised, accepted: ballot, value }) }
}

/** Whether a tombstone that all replicas accepted at `ballot` may be dropped here. */
export function mayRemove(record: AcceptorRecord | null, ballot: Ballot): boolean {
  return record !== null && isBallot(ballot) && equalBallots(record.accepted, ballot)
}

export function encodeAcceptorRecord(record: AcceptorRecord): Uint8Array {
  const out = writeBallot(new WireWriter(), record.promised)
  return writeBallot(out, record.accepted).bytes(record.value).finish()
}

/** Throws WireError. `value` is a view of `bytes`. */
export function decodeAcceptorRecord(bytes: Uint8Array): AcceptorRecord {
  const from = new WireReader(bytes)
  const promised = readBallot(from)
  const accepted = readBallot(from)
  const value = from.bytes(REGISTER_BYTES_MAX)
  if (compareBallots(accepted, promised) > 0) throw new WireError('a vote above its promise')
  if (isBallot(accepted) !== value.length > 0) throw new WireError('a vote without a value')
  return { promised, accepted, value }
}

function checked(record: AcceptorRecord): AcceptorRecord {
  assert(compareBallots(record.accepted, record.promised) <= 0, 'accepted ≤ promised')
  return record
}
