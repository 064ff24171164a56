/** What proposers and acceptors of a slot say to each other. */
import { isId, type StorageId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { type Ballot, readBallot, writeBallot } from './ballot.ts'
import { TOPOLOGY_BYTES_MAX } from './limits.ts'
import { type Accepted, readAccepted, writeAccepted } from './slot-state.ts'

export interface Prepare {
  readonly slot: number
  readonly ballot: Ballot
}

export interface Accept extends Prepare {
  /** An encoded topology. */
  readonly record: Uint8Array
}

/** A root that is past the slot: it is decided. */
export interface Decided {
  readonly kind: 'decided'
  /** The topology that the root holds. */
  readonly number: number
}

/** A higher ballot was here. */
export interface Rejected {
  readonly kind: 'rejected'
  readonly promised: Ballot
}

export interface Promised {
  readonly kind: 'promised'
  /** Whose disk remembers it: proposers count disks, not peers. */
  readonly storageId: StorageId
  readonly accepted: Accepted | null
}

export interface Voted {
  readonly kind: 'voted'
  readonly storageId: StorageId
}

export type PrepareReply = Promised | Rejected | Decided
export type AcceptReply = Voted | Rejected | Decided

const DECIDED = 0
const REJECTED = 1
const YES = 2

export function encodePrepare({ slot, ballot }: Prepare): Uint8Array {
  const out = new WireWriter().uint(slot)
  writeBallot(out, ballot)
  return out.finish()
}

export function decodePrepare(bytes: Uint8Array): Prepare {
  return readPrepare(new WireReader(bytes))
}

export function encodeAccept({ slot, ballot, record }: Accept): Uint8Array {
  const out = new WireWriter().uint(slot)
  writeBallot(out, ballot)
  return out.bytes(record).finish()
}

export function decodeAccept(bytes: Uint8Array): Accept {
  const from = new WireReader(bytes)
  return { ...readPrepare(from), record: from.bytes(TOPOLOGY_BYTES_MAX).slice() }
}

export function encodeReply(reply: PrepareReply | AcceptReply): Uint8Array {
  const out = new WireWriter()
  switch (reply.kind) {
    case 'decided':
      return out.uint(DECIDED).uint(reply.number).finish()
    case 'rejected':
      out.uint(REJECTED)
      writeBallot(out, reply.promised)
      return out.finish()
    case 'promised':
      out.uint(YES).string(reply.storageId)
      writeAccepted(out, reply.accepted)
      return out.finish()
    case 'voted':
      return out.uint(YES).string(reply.storageId).finish()
  }
}

export function decodePrepareReply(bytes: Uint8Array): PrepareReply {
  return decodeReply(bytes, (from, storageId) => {
    return { kind: 'promised', storageId, accepted: readAccepted(from) }
  })
}

export function decodeAcceptReply(bytes: Uint8Array): AcceptReply {
  return decodeReply(bytes, (_from, storageId) => ({ kind: 'voted', storageId }))
}

function decodeReply<Yes>(
  bytes: Uint8Array,
  readYes: (from: WireReader, storageId: StorageId) => Yes,
): Yes | Rejected | Decided {
  const from = new WireReader(bytes)
  const kind = from.uint(YES)
  if (kind === DECIDED) return { kind: 'decided', number: from.uint() }
  if (kind === REJECTED) return { kind: 'rejected', promised: readBallot(from) }
  const storageId = from.string(64)
  if (!isId(storageId)) throw new WireError('malformed storage id')
  return readYes(from, storageId)
}

function readPrepare(from: WireReader): Prepare {
  return { slot: from.uint(), ballot: readBallot(from) }
}
