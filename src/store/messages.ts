/** What coordinators and replicas say to each other, as bytes. */
import { DEADLINE_MS_MAX } from '../base/call-limits.ts'
import { type Header, writeHeader, readKey } from '../topology/request-header.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import type { Level } from './api.ts'
import { readEdit, readSigned, writeEdit, writeSigned } from './edit.ts'
import { RECORD_BYTES_MAX } from './limits.ts'
import { type AgedMark, type Mark, readMark, writeMark } from './mark.ts'
import { type Context, readContext, writeContext } from './version-vector.ts'
import type { Write } from './write.ts'

/** An answer is this alone, or `FRESH` and what was asked for. */
export const FRESH = 0

/** `wholeUpTo`, `known`: see `Wanted` in read-answers.ts. */
export function encodeRead(
  header: Header,
  key: string,
  { wholeUpTo, known }: { readonly wholeUpTo: number; readonly known: number },
): Uint8Array {
  return writeHeader(new WireWriter(), header).string(key).uint(wholeUpTo).uint(known).finish()
}

/** `round`: of collection, when the record was read or made. */
export function encodeWrite(
  header: Header,
  round: number,
  key: string,
  record: Uint8Array,
): Uint8Array {
  return writeHeader(new WireWriter(), header).uint(round).string(key).bytes(record).finish()
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

/** A write that somebody who is no replica hands to one. */
export interface ForwardedWrite extends Write {
  /** Number of the topology by which the sender chose whom to ask. */
  readonly topology: number
  readonly level: Level | undefined
  /** Whole: how long the sender waits. */
  readonly deadlineMs: number
  /** The last one of whoever is asked; null: its sender was built before there were any. */
  readonly mark: AgedMark | null
}

export function encodeForwardedWrite(write: ForwardedWrite): Uint8Array {
  const out = new WireWriter().uint(write.topology).string(write.key)
  writeEdit(out, write.edit)
  writeContext(out, write.context)
  out.bool(write.blind).uint(LEVELS.indexOf(write.level)).uint(write.deadlineMs)
  if (write.mark !== null) writeMark(out, write.mark).uint(write.mark.ageMs)
  return out.finish()
}

/** Throws WireError. */
export function decodeForwardedWrite(bytes: Uint8Array): ForwardedWrite {
  const from = new WireReader(bytes)
  const topology = from.uint()
  const key = readKey(from)
  const edit = readEdit(from)
  const context = readContext(from)
  const blind = from.bool()
  const level = LEVELS[from.uint(LEVELS.length - 1)]
  const deadlineMs = from.uint(DEADLINE_MS_MAX)
  const mark = from.done ? null : { ...readMark(from), ageMs: from.uint() }
  return { topology, key, edit, context, blind, level, deadlineMs, mark }
}

export interface WriteOutcome {
  /** What the writer has seen now. */
  readonly seen: Context
  /** See `Edited`. */
  readonly effect: number
  readonly acks: number
  readonly replicas: number
  readonly partial: boolean
  /** Of the record that was made; 0: nothing was. */
  readonly siblingCount: number
}

/** `outcome`: or the number of a topology by which somebody is to be asked again. */
export function encodeWriteOutcome(mark: Mark, outcome: WriteOutcome | number): Uint8Array {
  const out = new WireWriter()
  if (typeof outcome === 'number') return writeMark(out.uint(outcome), mark).finish()
  const { seen, effect, acks, replicas, partial, siblingCount } = outcome
  writeContext(out.uint(FRESH), seen)
  writeSigned(out, effect).uint(acks).uint(replicas).bool(partial)
  return writeMark(out, mark).uint(siblingCount).finish()
}

export interface MarkedOutcome {
  /** null: who answers was built before there were any. */
  readonly mark: Mark | null
  readonly outcome: WriteOutcome | number
}

/** Throws WireError. */
export function decodeWriteOutcome(bytes: Uint8Array): MarkedOutcome {
  const from = new WireReader(bytes)
  const stale = staleNumber(from)
  if (stale !== null) return { mark: from.done ? null : readMark(from), outcome: stale }
  const seen = readContext(from)
  const effect = readSigned(from)
  const counts = { acks: from.uint(), replicas: from.uint(), partial: from.bool() }
  const mark = from.done ? null : readMark(from)
  const siblingCount = from.done ? 0 : from.uint()
  return { mark, outcome: { seen, effect, ...counts, siblingCount } }
}
