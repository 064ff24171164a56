/** What members are asked for a list of registers, and what they answer, as bytes. */
import { PAGE_ENTRIES_MAX } from '../base/call-limits.ts'
import { KEY_BYTES_MAX } from '../base/value.ts'
import type { StorageId } from '../base/ids.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { type Ballot, readBallot, writeBallot } from './ballot.ts'
import { REGISTER_BYTES_MAX } from './limits.ts'

export interface ScanVote {
  readonly key: string
  readonly accepted: Ballot
  readonly value: Uint8Array
}

export interface ScanAnswer {
  readonly votes: readonly ScanVote[]
  /** Last key that was looked at; null: there are no more. */
  readonly end: string | null
  /** Known when the answer left: what is said here holds under no newer one. */
  readonly topology: number
}

export interface ScanQuestion {
  readonly topology: number
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

export function encodeScanQuestion({ topology, prefix, after, limit }: ScanQuestion): Uint8Array {
  return new WireWriter().uint(topology).string(prefix).string(after).uint(limit).finish()
}

/** Throws WireError. */
export function decodeScanQuestion(body: Uint8Array): ScanQuestion {
  const from = new WireReader(body)
  const topology = from.uint()
  const prefix = from.string(KEY_BYTES_MAX)
  const after = from.string(KEY_BYTES_MAX)
  return { topology, prefix, after, limit: from.uint(PAGE_ENTRIES_MAX) }
}

export function encodeScanAnswer(
  self: StorageId,
  { votes, end, topology }: ScanAnswer,
): Uint8Array {
  const out = new WireWriter()
    .string(self)
    .uint(topology)
    .string(end ?? '')
  out.list(votes, (to, { key, accepted, value }) => {
    writeBallot(to.string(key), accepted).bytes(value)
  })
  return out.finish()
}

/** Throws WireError. */
export function decodeScanAnswer(bytes: Uint8Array): {
  readonly storageId: StorageId
  readonly answer: ScanAnswer
} {
  const from = new WireReader(bytes)
  const storageId = from.string(64)
  const topology = from.uint()
  const end = from.string(KEY_BYTES_MAX)
  const votes = from.list(PAGE_ENTRIES_MAX, (each) => {
    const key = each.string(KEY_BYTES_MAX)
    return { key, accepted: readBallot(each), value: each.bytes(REGISTER_BYTES_MAX) }
  })
  return { storageId, answer: { votes, end: end === '' ? null : end, topology } }
}
