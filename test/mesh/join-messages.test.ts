/**
 * The messages of an admission, which strangers send: what they give back, and what they refuse
 * when cut, changed, random or over their limits.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { idFromBytes } from '../../src/base/ids.ts'
import { SEED_BYTES, SIGNATURE_BYTES } from '../../src/mesh/admission-key.ts'
import { CERTIFICATE_BYTES_MAX } from '../../src/mesh/certificate.ts'
import { type Grant, SECRET_BYTES, USES_MAX } from '../../src/mesh/grant.ts'
import {
  type Admission,
  decodeAdmission,
  decodeKnock,
  decodeProof,
  decodeRedemption,
  encodeAdmission,
  encodeKnock,
  encodeProof,
  encodeRedemption,
  NAME_BYTES_MAX,
  type Proof,
  type Redemption,
  TOPOLOGY_BYTES_MAX,
} from '../../src/mesh/join-messages.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX } from '../../src/mesh/limits.ts'
import type { Role } from '../../src/mesh/mesh.ts'
import type { Contact } from '../../src/mesh/ticket.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { FRAME } from '../../src/wire/frames.ts'
import { OWN_VERSIONS, type VersionRange } from '../../src/wire/version.ts'
import { plain } from '../store/arbitrary.ts'
import { describeFormats, type Format, format } from '../wire/format.ts'

const VERSION_MAX = 65_535
const CONTACTS_MAX = 64

const some = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes })
const blobs = fc.uint8Array({ maxLength: 40 })
const ids = some(16).map((bytes) => idFromBytes(bytes))
const peers = fc.string({ maxLength: 20 })
const roles = fc.constantFrom<Role>('member', 'edge')
const versions = plain<VersionRange>({
  min: fc.nat({ max: VERSION_MAX }),
  max: fc.nat({ max: VERSION_MAX }),
})
const grants = plain<Grant>({
  ticketId: ids,
  secretHash: some(32),
  role: roles,
  expiresMs: fc.maxSafeNat(),
  uses: fc.nat({ max: USES_MAX }),
  issuer: peers,
})
const redemptions = plain<Redemption>({
  signed: plain({ grant: grants, signature: some(SIGNATURE_BYTES) }),
  secret: some(SECRET_BYTES),
  storageId: fc.oneof(fc.constant(''), ids),
  name: fc.string({ unit: 'grapheme', maxLength: 20 }),
  role: roles,
})
const contacts = plain<Contact>({ peer: peers, addresses: fc.array(peers, { maxLength: 4 }) })
const admissions = plain<Admission>({
  certificate: blobs,
  admissionSeed: fc.option(some(SEED_BYTES)),
  topology: blobs,
  contacts: fc.array(contacts, { maxLength: 4 }),
})

/** As a peer of any version writes it; ours writes its own. */
function knockOf({ min, max }: VersionRange): Uint8Array {
  return new WireWriter().uint(min).uint(max).finish()
}

function proofOf({ versions: { min, max }, certificate }: Proof): Uint8Array {
  return new WireWriter().uint(min).uint(max).bytes(certificate).finish()
}

/** What a decoder is given: the frame without its tag. */
function bodyOf(frame: Uint8Array, tag: number): Uint8Array {
  assert.equal(frame[0], tag)
  return frame.subarray(1)
}

const redemptionOf = (each: Redemption) => bodyOf(encodeRedemption(each), FRAME.REDEEM)
const admissionOf = (each: Admission) => bodyOf(encodeAdmission(each), FRAME.ADMITTED)

const FORMATS: readonly Format<unknown>[] = [
  format('knock', versions, knockOf, decodeKnock),
  format('proof', plain<Proof>({ versions, certificate: blobs }), proofOf, decodeProof),
  format('redemption', redemptions, redemptionOf, decodeRedemption),
  format('admission', admissions, admissionOf, decodeAdmission),
]

describeFormats('messages of an admission', FORMATS)

describe('limits of an admission', () => {
  const redemption: Redemption = {
    signed: {
      grant: {
        ticketId: idFromBytes(new Uint8Array(16)),
        secretHash: new Uint8Array(32),
        role: 'member',
        expiresMs: 1,
        uses: USES_MAX,
        issuer: 'i'.repeat(64),
      },
      signature: new Uint8Array(SIGNATURE_BYTES),
    },
    secret: new Uint8Array(SECRET_BYTES),
    storageId: 's'.repeat(64),
    name: 'n'.repeat(NAME_BYTES_MAX),
    role: 'edge',
  }
  const contact: Contact = {
    peer: 'p'.repeat(64),
    addresses: Array.from({ length: ADDRESSES_MAX }, () => 'a'.repeat(ADDRESS_BYTES_MAX)),
  }
  const admission: Admission = {
    certificate: new Uint8Array(CERTIFICATE_BYTES_MAX),
    admissionSeed: new Uint8Array(SEED_BYTES),
    topology: new Uint8Array(TOPOLOGY_BYTES_MAX),
    contacts: Array.from({ length: CONTACTS_MAX }, () => contact),
  }

  function withGrant(change: Partial<Grant>): Redemption {
    const { signed } = redemption
    return { ...redemption, signed: { ...signed, grant: { ...signed.grant, ...change } } }
  }

  it('are told as our own versions', () => {
    assert.deepEqual(decodeKnock(bodyOf(encodeKnock(), FRAME.KNOCK)), OWN_VERSIONS)
    const certificate = new Uint8Array(CERTIFICATE_BYTES_MAX)
    const proof = decodeProof(bodyOf(encodeProof(certificate), FRAME.PROOF))
    assert.deepEqual(proof, { versions: OWN_VERSIONS, certificate })
  })

  it('hold for a knock and a proof', () => {
    const certificate = new Uint8Array(CERTIFICATE_BYTES_MAX + 1)
    assert.throws(() => decodeProof(proofOf({ versions: OWN_VERSIONS, certificate })), WireError)
    const top = VERSION_MAX + 1
    for (const wrong of [
      { min: top, max: 1 },
      { min: 1, max: top },
    ]) {
      assert.throws(() => decodeKnock(knockOf(wrong)), WireError)
      const proof = { versions: wrong, certificate: new Uint8Array() }
      assert.throws(() => decodeProof(proofOf(proof)), WireError)
    }
  })

  it('hold for a redemption', () => {
    assert.deepEqual(decodeRedemption(redemptionOf(redemption)), redemption)
    const { signed } = redemption
    const wrong: Readonly<Record<string, Redemption>> = {
      secret: { ...redemption, secret: new Uint8Array(SECRET_BYTES + 1) },
      storage: { ...redemption, storageId: 's'.repeat(65) },
      name: { ...redemption, name: `${redemption.name}n` },
      signature: { ...redemption, signed: { ...signed, signature: new Uint8Array(65) } },
      'ticket id': withGrant({ ticketId: 'UPPER' }),
      'short hash': withGrant({ secretHash: new Uint8Array(31) }),
      'long hash': withGrant({ secretHash: new Uint8Array(33) }),
      uses: withGrant({ uses: USES_MAX + 1 }),
      issuer: withGrant({ issuer: 'i'.repeat(65) }),
      'size of the grant': withGrant({ issuer: 'i'.repeat(256) }),
    }
    for (const [what, each] of Object.entries(wrong)) {
      assert.throws(() => decodeRedemption(redemptionOf(each)), WireError, what)
    }
    const bytes = redemptionOf(redemption)
    assert.throws(() => decodeRedemption(bytes.with(bytes.length - 1, 2)), WireError, 'role')
  })

  it('hold for an admission', () => {
    assert.deepEqual(decodeAdmission(admissionOf(admission)), admission)
    const wrong: Readonly<Record<string, Admission>> = {
      certificate: { ...admission, certificate: new Uint8Array(CERTIFICATE_BYTES_MAX + 1) },
      seed: { ...admission, admissionSeed: new Uint8Array(SEED_BYTES + 1) },
      topology: { ...admission, topology: new Uint8Array(TOPOLOGY_BYTES_MAX + 1) },
      peer: { ...admission, contacts: [{ ...contact, peer: 'p'.repeat(65) }] },
      address: { ...admission, contacts: [{ ...contact, addresses: ['a'.repeat(257)] }] },
    }
    for (const [what, each] of Object.entries(wrong)) {
      assert.throws(() => decodeAdmission(admissionOf(each)), WireError, what)
    }
  })

  it('hold for how many contacts an admission names, of how many addresses', () => {
    const more: Contact = { ...contact, addresses: [...contact.addresses, 'more'] }
    const sent = { ...admission, contacts: [...admission.contacts, contact].map(() => more) }
    assert.deepEqual(decodeAdmission(admissionOf(sent)), admission, 'as many are sent as may be')
    const head = () => new WireWriter().bytes(blob).bytes(blob).bytes(blob)
    const blob = new Uint8Array()
    const crowd = head().list([...admission.contacts, contact], (to) => to.string('p').uint(0))
    assert.throws(() => decodeAdmission(crowd.finish()), WireError)
    const wide = head().list([more], (to, { peer, addresses }) =>
      to.string(peer).list(addresses, (each, text) => each.string(text)),
    )
    assert.throws(() => decodeAdmission(wide.finish()), WireError)
  })
})
