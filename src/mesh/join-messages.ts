/**
 * The four messages of an admission, in order: the joiner knocks, the member proves which cluster
 * it is of, the joiner redeems its ticket, the member admits it. Either may refuse instead.
 */
import type { PeerId, StorageId } from '../base/ids.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { FRAME } from '../wire/frames.ts'
import { OWN_VERSIONS, type VersionRange } from '../wire/version.ts'
import { SEED_BYTES } from './admission-key.ts'
import { CERTIFICATE_BYTES_MAX } from './certificate.ts'
import { readSignedGrant, SECRET_BYTES, type SignedGrant, writeSignedGrant } from './grant.ts'
import { tagged } from './hello.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX } from './limits.ts'
import type { Role } from './mesh.ts'
import type { Contact } from './ticket.ts'

export const NAME_BYTES_MAX = 256
export const TOPOLOGY_BYTES_MAX = 2 * 1024 * 1024
const CONTACTS_MAX = 64
const VERSION_MAX = 65_535
const ROLES: readonly Role[] = ['member', 'edge']

export interface Proof {
  readonly versions: VersionRange
  readonly certificate: Uint8Array
}

/** What the joiner says of itself; its peer id is proven by the handshake. */
export interface JoinerFacts {
  /** '' for an edge. */
  readonly storageId: StorageId
  readonly name: string
  readonly role: Role
}

export interface Redemption extends JoinerFacts {
  readonly signed: SignedGrant
  readonly secret: Uint8Array
}

export interface Admission {
  readonly certificate: Uint8Array
  /** Members alone get it, to admit others. */
  readonly admissionSeed: Uint8Array | null
  /** The newest topology that the admitting member knows, as the topology layer encodes it. */
  readonly topology: Uint8Array
  readonly contacts: readonly Contact[]
}

export function encodeKnock(): Uint8Array {
  const out = new WireWriter().uint(OWN_VERSIONS.min).uint(OWN_VERSIONS.max)
  return tagged(FRAME.KNOCK, out.finish())
}

export function decodeKnock(body: Uint8Array): VersionRange {
  const from = new WireReader(body)
  return { min: from.uint(VERSION_MAX), max: from.uint(VERSION_MAX) }
}

export function encodeProof(certificate: Uint8Array): Uint8Array {
  const { min, max } = OWN_VERSIONS
  const body = new WireWriter().uint(min).uint(max).bytes(certificate).finish()
  return tagged(FRAME.PROOF, body)
}

export function decodeProof(body: Uint8Array): Proof {
  const from = new WireReader(body)
  const versions = { min: from.uint(VERSION_MAX), max: from.uint(VERSION_MAX) }
  return { versions, certificate: from.bytes(CERTIFICATE_BYTES_MAX) }
}

export function encodeRedemption(redemption: Redemption): Uint8Array {
  const out = new WireWriter()
  writeSignedGrant(out, redemption.signed)
  out.bytes(redemption.secret).string(redemption.storageId).string(redemption.name)
  out.uint(ROLES.indexOf(redemption.role))
  return tagged(FRAME.REDEEM, out.finish())
}

export function decodeRedemption(body: Uint8Array): Redemption {
  const from = new WireReader(body)
  const signed = readSignedGrant(from)
  const secret = from.bytes(SECRET_BYTES)
  const storageId = from.string(64)
  const name = from.string(NAME_BYTES_MAX)
  const role = ROLES[from.uint(ROLES.length - 1)] as Role
  return { signed, secret, storageId, name, role }
}

export function encodeAdmission(admission: Admission): Uint8Array {
  const out = new WireWriter()
    .bytes(admission.certificate)
    .bytes(admission.admissionSeed ?? new Uint8Array(0))
    .bytes(admission.topology)
    .list(admission.contacts.slice(0, CONTACTS_MAX), (to, { peer, addresses }) =>
      to.string(peer).list(addresses.slice(0, ADDRESSES_MAX), (each, text) => each.string(text)),
    )
  return tagged(FRAME.ADMITTED, out.finish())
}

export function decodeAdmission(body: Uint8Array): Admission {
  const from = new WireReader(body)
  const certificate = from.bytes(CERTIFICATE_BYTES_MAX)
  const seed = from.bytes(SEED_BYTES)
  const topology = from.bytes(TOPOLOGY_BYTES_MAX)
  const contacts = from.list(CONTACTS_MAX, (each) => {
    const peer: PeerId = each.string(64)
    const addresses = each.list(ADDRESSES_MAX, (address) => address.string(ADDRESS_BYTES_MAX))
    return { peer, addresses }
  })
  const admissionSeed = seed.length === SEED_BYTES ? seed : null
  return { certificate, admissionSeed, topology, contacts }
}
