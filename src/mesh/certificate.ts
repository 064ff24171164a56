/**
 * An admission certificate: the cluster's word that a peer belongs to it, in a role. Every hello
 * carries one. It names the admission key, whose fingerprint is the cluster's id, so it is checked
 * with nothing but the id; and it is worth something only to the peer that it names, which the
 * network's handshake proves.
 *
 * It does not say that the peer is still welcome: removal is the topology's (see the mesh's gate).
 * Expiry is judged generously, since a wrong wall clock must not cut a healthy cluster apart.
 */
import { AtollError } from '../base/errors.ts'
import { isClockSet, UNJUDGED_MS_MAX } from '../base/hybrid-time.ts'
import type { ClusterId, PeerId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import {
  type AdmissionKey,
  clusterIdOf,
  isSignedBy,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
} from './admission-key.ts'
import type { Role } from './mesh.ts'

export interface Certificate {
  readonly admissionKey: Uint8Array
  readonly clusterId: ClusterId
  readonly peer: PeerId
  readonly role: Role
  readonly issuedMs: number
  readonly expiresMs: number
}

export const CERTIFICATE_BYTES_MAX = 512
/** Ten years: long enough that none runs out before its disk does. */
const CERTIFICATE_TTL_MS = 10 * 365 * 24 * 3600 * 1000
/** How far the clocks of issuer and reader may be apart. */
export const CERTIFICATE_SKEW_MS = 24 * 3600 * 1000

const FORMAT = 1
const ROLES: readonly Role[] = ['member', 'edge']

export interface CertificateFacts {
  readonly peer: PeerId
  readonly role: Role
  readonly issuedMs: number
  readonly expiresMs: number
}

/**
 * When one that is issued now is good. Where the clock was never set it is good for all time that
 * there may be, else it would have expired as soon as the clock is.
 */
export function validityFrom(wallMs: number): Pick<CertificateFacts, 'issuedMs' | 'expiresMs'> {
  const issuedMs = Math.max(0, Math.floor(wallMs))
  const expiresMs = isClockSet(wallMs) ? issuedMs + CERTIFICATE_TTL_MS : UNJUDGED_MS_MAX
  return { issuedMs, expiresMs }
}

export function issueCertificate(key: AdmissionKey, facts: CertificateFacts): Uint8Array {
  const body = new WireWriter()
    .uint(FORMAT)
    .bytes(key.publicKey)
    .string(facts.peer)
    .uint(ROLES.indexOf(facts.role))
    .uint(facts.issuedMs)
    .uint(facts.expiresMs)
    .finish()
  return new WireWriter().bytes(body).bytes(key.sign('certificate', body)).finish()
}

/** Checks the signature and nothing else. Throws WireError, or DENIED when it is forged. */
export function decodeCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length > CERTIFICATE_BYTES_MAX) throw new WireError('certificate is too large')
  const envelope = new WireReader(bytes)
  const body = envelope.bytes(CERTIFICATE_BYTES_MAX)
  const signature = envelope.bytes(SIGNATURE_BYTES)
  const from = new WireReader(body)
  const format = from.uint()
  if (format !== FORMAT) throw new WireError(`certificate of unknown format ${format}`)
  const admissionKey = from.bytes(PUBLIC_KEY_BYTES)
  const peer = from.string(64)
  const role = ROLES[from.uint(ROLES.length - 1)] as Role
  const issuedMs = from.uint()
  const expiresMs = from.uint()
  if (!isSignedBy(admissionKey, 'certificate', body, signature)) {
    throw new AtollError('DENIED', `the certificate of ${peer} is not genuine`)
  }
  return {
    admissionKey,
    clusterId: clusterIdOf(admissionKey),
    peer,
    role,
    issuedMs,
    expiresMs,
  }
}

export interface Expected {
  readonly clusterId: ClusterId
  /** Proven by the handshake. */
  readonly peer: PeerId
  readonly wallMs: number
}

/** Throws WRONG_CLUSTER, DENIED or CLOCK_SKEW, each with a sentence for the operator. */
export function checkCertificate(bytes: Uint8Array, expected: Expected): Certificate {
  const certificate = decode(bytes)
  const { clusterId, peer, wallMs } = expected
  if (certificate.clusterId !== clusterId) {
    throw new AtollError(
      'WRONG_CLUSTER',
      `${peer} belongs to cluster ${certificate.clusterId}, not to ${clusterId}`,
      { hint: 'two clusters never merge; check the address or the ticket' },
    )
  }
  if (certificate.peer !== peer) {
    throw new AtollError('DENIED', `${peer} shows the certificate of ${certificate.peer}`)
  }
  if (certificate.expiresMs + CERTIFICATE_SKEW_MS < wallMs) {
    throw new AtollError('DENIED', `the certificate of ${peer} has expired`, {
      hint: 'let it join again with a new ticket',
    })
  }
  // A clock that was never set is no measure: many small machines start in 1970, and offline.
  if (isClockSet(wallMs) && certificate.issuedMs - CERTIFICATE_SKEW_MS > wallMs) {
    throw new AtollError('CLOCK_SKEW', `the certificate of ${peer} comes from the future`, {
      hint: 'set the clocks of both machines',
    })
  }
  return certificate
}

function decode(bytes: Uint8Array): Certificate {
  try {
    return decodeCertificate(bytes)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    throw new AtollError('DENIED', 'the certificate is malformed', { cause: error })
  }
}
