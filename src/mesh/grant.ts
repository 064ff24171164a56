/**
 * The signed half of a ticket: who may be admitted with it, in which role, until when and how
 * often. Signed by the admission key, so any member can check all of it but the count, and holds
 * nothing for it; the count is kept by the issuer alone (ticket-book.ts).
 */
import { timingSafeEqual } from 'node:crypto'
import { AtollError } from '../base/errors.ts'
import { isId, type PeerId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { type AdmissionKey, isSignedBy, SIGNATURE_BYTES, sha256 } from './admission-key.ts'
import type { Role } from './mesh.ts'

export interface Grant {
  /** 128 random bits, base32. */
  readonly ticketId: string
  /** sha256 of the secret that the ticket carries and the grant does not. */
  readonly secretHash: Uint8Array
  readonly role: Role
  readonly expiresMs: number
  /** 0: any number. */
  readonly uses: number
  readonly issuer: PeerId
}

export interface SignedGrant {
  readonly grant: Grant
  readonly signature: Uint8Array
}

export const SECRET_BYTES = 16
export const USES_MAX = 1000
const HASH_BYTES = 32
const GRANT_BYTES_MAX = 256
const ROLES: readonly Role[] = ['member', 'edge']

export function signGrant(key: AdmissionKey, grant: Grant): SignedGrant {
  return { grant, signature: key.sign('grant', encodeGrant(grant)) }
}

function encodeGrant(grant: Grant): Uint8Array {
  return new WireWriter()
    .string(grant.ticketId)
    .bytes(grant.secretHash)
    .uint(ROLES.indexOf(grant.role))
    .uint(grant.expiresMs)
    .uint(grant.uses)
    .string(grant.issuer)
    .finish()
}

function decodeGrant(bytes: Uint8Array): Grant {
  const from = new WireReader(bytes)
  const ticketId = from.string(64)
  const secretHash = from.bytes(HASH_BYTES)
  const role = ROLES[from.uint(ROLES.length - 1)] as Role
  const expiresMs = from.uint()
  const uses = from.uint(USES_MAX)
  const issuer = from.string(64)
  if (!isId(ticketId) || secretHash.length !== HASH_BYTES) throw new WireError('no grant')
  return { ticketId, secretHash, role, expiresMs, uses, issuer }
}

export function writeSignedGrant(out: WireWriter, signed: SignedGrant): void {
  out.bytes(encodeGrant(signed.grant)).bytes(signed.signature)
}

/** Throws WireError. Whether it is genuine is another question. */
export function readSignedGrant(from: WireReader): SignedGrant {
  const grant = decodeGrant(from.bytes(GRANT_BYTES_MAX))
  return { grant, signature: from.bytes(SIGNATURE_BYTES) }
}

/** Throws TICKET_INVALID unless the cluster's key signed it and it has not expired. */
export function checkGrant(signed: SignedGrant, publicKey: Uint8Array, wallMs: number): void {
  const { grant, signature } = signed
  if (!isSignedBy(publicKey, 'grant', encodeGrant(grant), signature)) {
    throw ticketError('the ticket was not issued by this cluster')
  }
  // By the admitting member's clock, without grace: what has expired for a person is refused.
  if (grant.expiresMs < wallMs) throw expired()
}

/** Throws TICKET_INVALID unless the bearer knows the ticket's secret. */
export function checkSecret(grant: Grant, secret: Uint8Array): void {
  if (!timingSafeEqual(sha256(secret), grant.secretHash)) {
    throw ticketError('the secret of the ticket is wrong')
  }
}

export function expired(): AtollError {
  return ticketError('the ticket has expired')
}

export function ticketError(message: string): AtollError {
  return new AtollError('TICKET_INVALID', message, {
    hint: 'ask a member for a new one: atoll ticket create',
  })
}
