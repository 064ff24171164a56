/**
 * The hello: the first frame each way on every link, and what is believed of it.
 *
 * It says which versions the sender speaks, of which cluster it is, whose disk and which run of it
 * speaks, in which role, and proves the cluster by a certificate. Who fails the check is told why
 * in one sentence (a refusal), so that both operators can read the reason in their own logs.
 */
import { concatBytes } from '../base/bytes.ts'
import { AtollError } from '../base/errors.ts'
import { type ClusterId, ID_BYTES_MAX, isId, type PeerId, type StorageId } from '../base/ids.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { decodeError, encodeError } from '../wire/error-codec.ts'
import { FRAME } from '../wire/frames.ts'
import { commonVersion, OWN_VERSIONS, type VersionRange } from '../wire/version.ts'
import { CERTIFICATE_BYTES_MAX, checkCertificate } from './certificate.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX, HELLO_BYTES_MAX } from './limits.ts'
import { PAST_MAX } from './lineage.ts'
import type { RemotePeer, Role } from './mesh.ts'

/** What this node says of itself. */
export interface SelfFacts {
  readonly clusterId: ClusterId
  readonly storageId: StorageId
  readonly boot: number
  readonly run: number
  /** Runs of the starts before, newest first. */
  readonly past: readonly number[]
  readonly role: Role
  readonly certificate: Uint8Array
}

export interface Hello extends SelfFacts {
  readonly versions: VersionRange
  readonly addresses: readonly string[]
}

const ROLES: readonly Role[] = ['member', 'edge']
const VERSION_MAX = 65_535

export function encodeHello(
  self: SelfFacts,
  addresses: readonly string[],
  versions: VersionRange = OWN_VERSIONS,
): Uint8Array {
  const body = new WireWriter()
    .uint(versions.min)
    .uint(versions.max)
    .string(self.clusterId)
    .string(self.storageId)
    .uint(self.boot)
    .uint(self.run)
    .uint(ROLES.indexOf(self.role))
    .bytes(self.certificate)
    .list(sendable(addresses), (to, address) => to.string(address))
    .list(self.past.slice(0, PAST_MAX), (to, run) => to.uint(run))
    .finish()
  return tagged(FRAME.HELLO, body)
}

/** As many addresses as leave the hello below its limit. */
function sendable(addresses: readonly string[]): readonly string[] {
  let left = HELLO_BYTES_MAX - CERTIFICATE_BYTES_MAX - 512
  return addresses.slice(0, ADDRESSES_MAX).filter((address) => {
    if (address.length > ADDRESS_BYTES_MAX / 2) return false
    left -= address.length + 2
    return left >= 0
  })
}

/** Throws WireError. */
export function decodeHello(frame: Uint8Array): Hello {
  if (frame[0] !== FRAME.HELLO) throw new WireError('the first frame is not a hello')
  if (frame.length > HELLO_BYTES_MAX) throw new WireError('hello is too large')
  const from = new WireReader(frame.subarray(1))
  const versions = { min: from.uint(VERSION_MAX), max: from.uint(VERSION_MAX) }
  const clusterId = from.string(ID_BYTES_MAX)
  const storageId = from.string(ID_BYTES_MAX)
  const boot = from.uint()
  const run = from.uint()
  const role = ROLES[from.uint(ROLES.length - 1)] as Role
  const certificate = from.bytes(CERTIFICATE_BYTES_MAX)
  const addresses = from.list(ADDRESSES_MAX, (each) => each.string(ADDRESS_BYTES_MAX))
  // Who was built before that was told is still met, so that members can be renewed one by one.
  const past = from.done ? [] : from.list(PAST_MAX, (each) => each.uint())
  return { versions, clusterId, storageId, boot, run, past, role, certificate, addresses }
}

export interface Examined {
  readonly remote: RemotePeer
  readonly past: readonly number[]
  readonly addresses: readonly string[]
}

/** What a hello proves. Throws AtollError: the sentence that the other side is told. */
export function examineHello(
  frame: Uint8Array,
  peer: PeerId,
  self: SelfFacts,
  wallMs: number,
): Examined {
  const hello = decode(frame, peer)
  const wireVersion = commonVersion(hello.versions, OWN_VERSIONS)
  if (wireVersion === null) throw versionError(hello.versions)
  if (hello.clusterId !== self.clusterId) {
    throw new AtollError(
      'WRONG_CLUSTER',
      `${peer} belongs to cluster ${hello.clusterId}, not to ${self.clusterId}`,
      { hint: 'two clusters never merge; check the address' },
    )
  }
  const expected = { clusterId: self.clusterId, peer, wallMs }
  const certificate = checkCertificate(hello.certificate, expected)
  if (certificate.role !== hello.role) {
    throw new AtollError('DENIED', `${peer} is admitted as ${certificate.role}, not ${hello.role}`)
  }
  const { storageId, boot, run, past, role, addresses } = hello
  if (role === 'member' ? !isId(storageId) : storageId !== '') {
    throw new AtollError('DENIED', `${peer} names a storage that its role cannot have`)
  }
  return { remote: { peer, storageId, boot, run, role, wireVersion }, past, addresses }
}

function decode(frame: Uint8Array, peer: PeerId): Hello {
  try {
    return decodeHello(frame)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const why = `${peer} sent something that is no hello: ${error.message}`
    throw new AtollError('DENIED', why, { cause: error })
  }
}

function versionError(theirs: VersionRange): AtollError {
  const ours = OWN_VERSIONS
  const why = `no wire version in common: ${theirs.min}–${theirs.max} against ${ours.min}–${ours.max}`
  return new AtollError('UNSUPPORTED', why, { hint: 'upgrade the older daemon' })
}

export function encodeRefusal(error: AtollError): Uint8Array {
  return tagged(FRAME.REFUSAL, encodeError(error))
}

/** Throws WireError. */
export function decodeRefusal(frame: Uint8Array): AtollError {
  if (frame.length > HELLO_BYTES_MAX) throw new WireError('refusal is too large')
  return decodeError(frame.subarray(1))
}

export function tagged(tag: number, body: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(tag), body])
}
