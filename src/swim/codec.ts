/**
 * Messages as bytes. A frame starts with the digest, a small number of the layer above that rides
 * along (see membership.ts), then the kind, then the fields. Every length has a limit; a message
 * over one, or cut short, throws WireError and changes nothing. Later versions add at the end.
 */
import { unreachable } from '../base/assert.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import type { Claim, MemberRecord } from './claim.ts'
import { factsBytes, readFacts, readStorageId, writeFacts } from './facts.ts'
import {
  ACCUSATIONS_MAX,
  INCARNATION_MAX,
  MEMBERS_MAX,
  PEER_ID_BYTES_MAX,
  RUMOURS_MAX,
  WANTS_MAX,
} from './limits.ts'
import type { MemberState } from './member.ts'
import type { PushPull, SwimMessage } from './messages.ts'

const KINDS = ['ping', 'ping-req', 'ack', 'nack', 'gossip', 'want', 'facts'] as const
const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left']
const SEQ_MAX = 2 ** 32 - 1

export interface Frame {
  readonly digest: number
  readonly message: SwimMessage
}

export function encodeFrame(message: SwimMessage, digest: number): Uint8Array {
  const out = new WireWriter().uint(digest).uint(KINDS.indexOf(message.kind))
  writeMessage(out, message)
  return out.finish()
}

function writeMessage(out: WireWriter, message: SwimMessage): void {
  switch (message.kind) {
    case 'ping':
    case 'ack':
      out.uint(message.seq).list(message.rumours, writeClaim)
      return
    case 'ping-req':
      out.uint(message.seq).string(message.target)
      return
    case 'nack':
      out.uint(message.seq)
      return
    case 'gossip':
      out.list(message.rumours, writeClaim)
      return
    case 'want':
      out.list(message.ids, (to, id) => void to.string(id))
      return
    case 'facts':
      out.list(message.records, writeRecord)
      return
    default:
      unreachable(message)
  }
}

/** Throws WireError. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const from = new WireReader(bytes)
  const digest = from.uint()
  return { digest, message: readMessage(from) }
}

function readMessage(from: WireReader): SwimMessage {
  const kind = KINDS[from.uint(KINDS.length - 1)]
  switch (kind) {
    case 'ping':
    case 'ack':
      return { kind, seq: from.uint(SEQ_MAX), rumours: from.list(RUMOURS_MAX, readClaim) }
    case 'ping-req':
      return { kind, seq: from.uint(SEQ_MAX), target: readPeer(from) }
    case 'nack':
      return { kind, seq: from.uint(SEQ_MAX) }
    case 'gossip':
      return { kind, rumours: from.list(RUMOURS_MAX, readClaim) }
    case 'want':
      return { kind, ids: from.list(WANTS_MAX, readPeer) }
    case 'facts':
      return { kind, records: from.list(WANTS_MAX, readRecord) }
    case undefined:
      throw new WireError('unknown kind of message')
    default:
      return unreachable(kind)
  }
}

export function encodePushPull(exchange: PushPull, digest: number): Uint8Array {
  const out = new WireWriter().uint(digest)
  out.list(exchange.claims, writeClaim).list(exchange.records, writeRecord)
  return out.finish()
}

/** Throws WireError. */
export function decodePushPull(bytes: Uint8Array): PushPull & { readonly digest: number } {
  const from = new WireReader(bytes)
  const digest = from.uint()
  const claims = from.list(MEMBERS_MAX, readClaim)
  return { digest, claims, records: from.list(MEMBERS_MAX, readRecord) }
}

function writeClaim(out: WireWriter, claim: Claim): void {
  out.string(claim.id).uint(STATES.indexOf(claim.state))
  out.uint(claim.incarnation).uint(claim.version).string(claim.storageId)
  out.list(claim.accusations, (to, { by, strong }) => void to.string(by).bool(strong))
}

function readClaim(from: WireReader): Claim {
  const id = readPeer(from)
  const state = STATES[from.uint(STATES.length - 1)] as MemberState
  const incarnation = from.uint(INCARNATION_MAX)
  const version = from.uint(incarnation)
  const storageId = readStorageId(from)
  const accusations = from.list(ACCUSATIONS_MAX, (each) => ({
    by: readPeer(each),
    strong: each.bool(),
  }))
  return { id, state, incarnation, version, storageId, accusations }
}

function writeRecord(out: WireWriter, { claim, facts }: MemberRecord): void {
  writeClaim(out, claim)
  writeFacts(out, facts)
}

function readRecord(from: WireReader): MemberRecord {
  return { claim: readClaim(from), facts: readFacts(from) }
}

function readPeer(from: WireReader): string {
  const id = from.string(PEER_ID_BYTES_MAX)
  if (id === '') throw new WireError('a member without a name')
  return id
}

/** Upper bounds of encoded sizes, for the budgets of messages. */
export function claimBytes(claim: Claim): number {
  let bytes = claim.id.length + claim.storageId.length + 22
  for (const { by } of claim.accusations) bytes += by.length + 2
  return bytes
}

export function recordBytes(record: MemberRecord): number {
  return claimBytes(record.claim) + factsBytes(record.facts)
}
