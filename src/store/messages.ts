/** What coordinators and replicas say to each other, as bytes. */
import { type Header, writeHeader, readKey } from '../topology/request-header.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import type { Level } from './api.ts'
import { RECORD_BYTES_MAX, VALUE_BYTES_MAX } from './limits.ts'
import { KINDS, type Kind } from './record.ts'
import { type Context, readContext, writeContext } from './version-vector.ts'

/** An answer is this alone, or `FRESH` and what was asked for. */
export const FRESH = 0

export function encodeRead(header: Header, key: string): Uint8Array {
  return writeHeader(new WireWriter(), header).string(key).finish()
}

export function encodeWrite(header: Header, key: string, record: Uint8Array): Uint8Array {
  return writeHeader(new WireWriter(), header).string(key).bytes(record).finish()
}

export function readRecordBytes(from: WireReader): Uint8Array {
  return from.bytes(RECORD_BYTES_MAX)
}

/** The sender's configuration is out of date: here is the number to catch up with. */
export function encodeStale(topology: number): Uint8Array {
  return new WireWriter().uint(topology).finish()
}

/** The number of a newer topology when the answer is a refusal of a stale request, else null. */
export function staleNumber(from: WireReader): number | null {
  const number = from.uint()
  return number === FRESH ? null : number
}

const LEVELS: readonly (Level | undefined)[] = [undefined, 'one', 'quorum', 'all']

export function levelNumber(level: Level | undefined): number {
  return LEVELS.indexOf(level)
}

export function levelOf(number: number): Level | undefined {
  return LEVELS[number]
}

/** A write that somebody who is no replica hands to one. */
export interface ForwardedPut {
  /** Number of the topology by which the sender chose whom to ask. */
  readonly topology: number
  readonly key: string
  readonly kind: Kind
  readonly value: Uint8Array
  readonly context: Context
  /** Replaces what its coordinator holds as well. */
  readonly blind: boolean
  readonly level: number
  readonly deadlineMs: number
}

export function encodeForwardedPut(put: ForwardedPut): Uint8Array {
  const out = new WireWriter()
    .uint(put.topology)
    .string(put.key)
    .uint(KINDS.indexOf(put.kind))
    .bytes(put.value)
  writeContext(out, put.context)
  return out.bool(put.blind).uint(put.level).uint(put.deadlineMs).finish()
}

export function decodeForwardedPut(bytes: Uint8Array): ForwardedPut {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const key = readKey(from)
  const kind = KINDS[from.uint(KINDS.length)]
  if (kind === undefined) throw new WireError('unknown kind of value')
  const value = from.bytes(VALUE_BYTES_MAX)
  const context = readContext(from)
  return {
    topology,
    key,
    kind,
    value,
    context,
    blind: from.bool(),
    level: from.uint(),
    deadlineMs: from.uint(),
  }
}

export interface PutOutcome {
  /** What the writer has seen now. */
  readonly seen: Context
  readonly acks: number
  readonly replicas: number
  readonly partial: boolean
}

export function encodePutOutcome({ seen, acks, replicas, partial }: PutOutcome): Uint8Array {
  const out = new WireWriter().uint(FRESH)
  writeContext(out, seen)
  return out.uint(acks).uint(replicas).bool(partial).finish()
}

/** The outcome, or the number of a newer topology by which somebody else is to be asked. */
export function decodePutOutcome(bytes: Uint8Array): PutOutcome | number {
  const from = new WireReader(bytes)
  const stale = staleNumber(from)
  if (stale !== null) return stale
  const seen = readContext(from)
  return { seen, acks: from.uint(), replicas: from.uint(), partial: from.bool() }
}
