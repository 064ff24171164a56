/**
 * What proposers and acceptors say to each other, as bytes.
 *
 * A request carries the number of the topology that its sender acts on, the partition and its
 * configuration. Ballots of requests are the sender's own, so they are sent as their counter alone:
 * nobody can speak with another's.
 *
 * An answer says by its first number whether it is one (`ANSWERED` and the sender's place among the
 * replicas, so that no disk is counted for another), a rejection by a higher ballot, or a refusal
 * that names the topology to catch up with.
 */
import { type Header, writeHeader } from '../topology/request-header.ts'
import { WireError, type WireReader, WireWriter } from '../wire/codec.ts'
import { type Ballot, readBallot, writeBallot } from './ballot.ts'
import { REGISTER_BYTES_MAX } from './limits.ts'

export type Reply<T> =
  | { readonly kind: 'answer'; readonly place: number; readonly body: T }
  | { readonly kind: 'rejected'; readonly place: number; readonly by: Ballot }
  | { readonly kind: 'stale'; readonly topology: number }

export interface Promised {
  /** NO_BALLOT: nothing was ever accepted. */
  readonly accepted: Ballot
  readonly value: Uint8Array
  /** Everything chosen in earlier configurations has a chosen ballot in this one. */
  readonly installed: boolean
  /** A new revision must exceed it. */
  readonly counterMax: number
}

/** What a replica durably holds of a register. */
export interface Held {
  readonly accepted: Ballot
  /** Null when it was left out for its size. */
  readonly value: Uint8Array | null
  readonly installed: boolean
}

const STALE = 0
const REJECTED = 1
const ANSWERED = 2
const REPLICAS_MAX = 64

/** Of a ballot that is proposed: nobody proposes under number 0. Throws WireError. */
export function readCounter(from: WireReader): number {
  const counter = from.uint()
  if (counter === 0) throw new WireError('a ballot of nobody')
  return counter
}

export function encodePrepare(header: Header, key: string, counter: number): Uint8Array {
  return writeHeader(new WireWriter(), header).string(key).uint(counter).finish()
}

export interface AcceptMessage {
  readonly counter: number
  readonly next: number
  readonly value: Uint8Array
}

export function encodeAccept(header: Header, key: string, message: AcceptMessage): Uint8Array {
  const out = writeHeader(new WireWriter(), header).string(key)
  return out.uint(message.counter).uint(message.next).bytes(message.value).finish()
}

/** Throws WireError. */
export function readAccept(from: WireReader): AcceptMessage {
  const counter = readCounter(from)
  const next = readCounter(from)
  const value = from.bytes(REGISTER_BYTES_MAX)
  if (value.length === 0) throw new WireError('a vote on nothing')
  return { counter, next, value }
}

export function encodeRead(header: Header, key: string, withValue: boolean): Uint8Array {
  return writeHeader(new WireWriter(), header).string(key).bool(withValue).finish()
}

export function encodeRemove(header: Header, key: string, ballot: Ballot): Uint8Array {
  return writeBallot(writeHeader(new WireWriter(), header).string(key), ballot).finish()
}

export function encodeStale(topology: number): Uint8Array {
  return new WireWriter().uint(STALE).uint(topology).finish()
}

export function encodeRejected(place: number, by: Ballot): Uint8Array {
  return writeBallot(new WireWriter().uint(REJECTED).uint(place), by).finish()
}

export function answerWriter(place: number): WireWriter {
  return new WireWriter().uint(ANSWERED).uint(place)
}

/** Throws WireError. */
export function readReply<T>(from: WireReader, readBody: (from: WireReader) => T): Reply<T> {
  const kind = from.uint(ANSWERED)
  if (kind === STALE) return { kind: 'stale', topology: from.uint() }
  const place = from.uint(REPLICAS_MAX)
  if (kind === REJECTED) return { kind: 'rejected', place, by: readBallot(from) }
  return { kind: 'answer', place, body: readBody(from) }
}

export function writePromised(out: WireWriter, promised: Promised): WireWriter {
  const { accepted, value, installed, counterMax } = promised
  return writeBallot(out, accepted).bytes(value).bool(installed).uint(counterMax)
}

export function readPromised(from: WireReader): Promised {
  const accepted = readBallot(from)
  const value = from.bytes(REGISTER_BYTES_MAX)
  return { accepted, value, installed: from.bool(), counterMax: from.uint() }
}

export function writeHeld(out: WireWriter, { accepted, value, installed }: Held): WireWriter {
  writeBallot(out, accepted)
    .bool(installed)
    .bool(value !== null)
  return value === null ? out : out.bytes(value)
}

export function readHeld(from: WireReader): Held {
  const accepted = readBallot(from)
  const installed = from.bool()
  return { accepted, installed, value: from.bool() ? from.bytes(REGISTER_BYTES_MAX) : null }
}
