/**
 * A ticket as text: all that a machine needs to join, to be pasted from one terminal to another.
 *
 * `atoll1`, then base32 of the fields and their CRC32. One changed character is always noticed,
 * and so is a cut end; blanks and line ends, which terminals like to add, are ignored. A ticket is
 * a secret: it carries the private network's key and the right to be admitted.
 */
import { crc32 } from 'node:zlib'
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'
import { concatBytes } from '../base/bytes.ts'
import { AtollError } from '../base/errors.ts'
import {
  type ClusterId,
  isId,
  type PeerId,
  peerIdFromPublicKey,
  publicKeyOfPeer,
} from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, sha256 } from './admission-key.ts'
import { type Grant, SECRET_BYTES, type SignedGrant, USES_MAX } from './grant.ts'
import { ADDRESS_BYTES_MAX } from './limits.ts'

/** Where a member can be dialled. */
export interface Contact {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

export interface Ticket extends SignedGrant {
  readonly clusterId: ClusterId
  readonly networkKey: Uint8Array
  readonly secret: Uint8Array
  /** Members that can admit, the issuer first. */
  readonly contacts: readonly Contact[]
}

const PREFIX = 'atoll1'
const NETWORK_KEY_BYTES = 32
const ID_BYTES = 16
const CRC_BYTES = 4
const CONTACTS_MAX = 8
const CONTACT_ADDRESSES_MAX = 4
/** Longer texts are not looked at. */
const TEXT_LENGTH_MAX = 16_384

export function encodeTicket(ticket: Ticket): string {
  const { grant, contacts } = ticket
  const out = new WireWriter()
    .bytes(fromString(ticket.clusterId, 'base32'))
    .bytes(ticket.networkKey)
    .bytes(ticket.secret)
    .bytes(fromString(grant.ticketId, 'base32'))
    .bool(grant.role === 'member')
    .uint(grant.expiresMs)
    .uint(grant.uses)
    .bytes(keyOf(grant.issuer))
    .bytes(ticket.signature)
    .list(contacts.slice(0, CONTACTS_MAX), (to, { peer, addresses }) =>
      to
        .bytes(keyOf(peer))
        .list(addresses.slice(0, CONTACT_ADDRESSES_MAX), (each, text) => each.string(text)),
    )
  return textOf(out.finish())
}

function textOf(body: Uint8Array): string {
  const check = new Uint8Array(CRC_BYTES)
  new DataView(check.buffer).setUint32(0, crc32(body))
  return PREFIX + toString(concatBytes([body, check]), 'base32')
}

function keyOf(peer: PeerId): Uint8Array {
  const key = publicKeyOfPeer(peer)
  if (key === null) throw new AtollError('INTERNAL', `${peer} is no peer id`)
  return key
}

/** Throws TICKET_INVALID with one sentence that says what is wrong with the text. */
export function decodeTicket(text: string): Ticket {
  const plain = text.length > TEXT_LENGTH_MAX ? '' : text.replaceAll(/\s+/g, '')
  if (!/^atoll\d/.test(plain)) throw malformed('this is not an atoll ticket')
  if (!plain.startsWith(PREFIX)) throw malformed('the ticket is of a version unknown here')
  const body = checkedBody(plain)
  if (body === null) throw malformed('the ticket is damaged or cut short')
  try {
    return readTicket(new WireReader(body))
  } catch (error) {
    if (error instanceof WireError) throw malformed('the ticket is damaged or cut short')
    throw error
  }
}

function checkedBody(text: string): Uint8Array | null {
  let bytes: Uint8Array
  try {
    bytes = fromString(text.slice(PREFIX.length), 'base32')
  } catch {
    return null
  }
  const end = bytes.length - CRC_BYTES
  if (end < 0) return null
  const body = bytes.subarray(0, end)
  // Compared as text: bits of the last character that mean nothing are checked as well.
  return textOf(body) === text ? body : null
}

function readTicket(from: WireReader): Ticket {
  const clusterId = toString(exactly(from, ID_BYTES), 'base32')
  const networkKey = exactly(from, NETWORK_KEY_BYTES)
  const secret = exactly(from, SECRET_BYTES)
  const ticketId = toString(exactly(from, ID_BYTES), 'base32')
  const role = from.bool() ? 'member' : 'edge'
  const expiresMs = from.uint()
  const uses = from.uint(USES_MAX)
  const issuer = peerIdFromPublicKey(exactly(from, PUBLIC_KEY_BYTES))
  const signature = exactly(from, SIGNATURE_BYTES)
  const contacts = from.list(CONTACTS_MAX, (each) => ({
    peer: peerIdFromPublicKey(exactly(each, PUBLIC_KEY_BYTES)),
    addresses: each.list(CONTACT_ADDRESSES_MAX, (address) => address.string(ADDRESS_BYTES_MAX)),
  }))
  if (!isId(clusterId) || contacts.length === 0) throw new WireError('no ticket')
  const grant: Grant = { ticketId, secretHash: sha256(secret), role, expiresMs, uses, issuer }
  return { clusterId, networkKey, secret, grant, signature, contacts }
}

function exactly(from: WireReader, length: number): Uint8Array {
  const bytes = from.bytes(length)
  if (bytes.length !== length) throw new WireError('a field is too short')
  return bytes
}

function malformed(message: string): AtollError {
  return new AtollError('TICKET_INVALID', message, {
    hint: `copy the whole ticket: one word that begins with ${PREFIX}`,
  })
}
