import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isAtollError } from '../../src/base/errors.ts'
import { AdmissionKey } from '../../src/mesh/admission-key.ts'
import {
  CERTIFICATE_SKEW_MS,
  checkCertificate,
  decodeCertificate,
  issueCertificate,
  validityFrom,
} from '../../src/mesh/certificate.ts'
import { SimRandom } from '../sim/sim-random.ts'

const random = new SimRandom('certificates')
const key = AdmissionKey.generate(random)
const PEER = '12D3KooWA'
const facts = { peer: PEER, role: 'member', issuedMs: 1.6e12, expiresMs: 2e12 } as const
const expected = { clusterId: key.clusterId, peer: PEER, wallMs: 1.7e12 }

function codeOf(check: () => unknown): string {
  try {
    check()
  } catch (error) {
    if (isAtollError(error)) return error.code
    throw error
  }
  return 'ok'
}

describe('certificate', () => {
  it('is good for its peer, in its cluster and its time', () => {
    const certificate = checkCertificate(issueCertificate(key, facts), expected)
    assert.equal(certificate.role, 'member')
    assert.equal(certificate.clusterId, key.clusterId)
  })

  it('is refused for another peer, another cluster, when expired, and from the future', () => {
    const bytes = issueCertificate(key, facts)
    const code = (change: object): string =>
      codeOf(() => checkCertificate(bytes, { ...expected, ...change }))
    const other = AdmissionKey.generate(random)
    assert.equal(code({ peer: '12D3KooWB' }), 'DENIED')
    assert.equal(code({ clusterId: other.clusterId }), 'WRONG_CLUSTER')
    assert.equal(code({ wallMs: 2e12 + CERTIFICATE_SKEW_MS }), 'ok')
    assert.equal(code({ wallMs: 2e12 + CERTIFICATE_SKEW_MS + 1 }), 'DENIED')
    assert.equal(code({ wallMs: 1.6e12 - CERTIFICATE_SKEW_MS }), 'ok')
    assert.equal(code({ wallMs: 1.6e12 - CERTIFICATE_SKEW_MS - 1 }), 'CLOCK_SKEW')
    assert.equal(code({ wallMs: 5000 }), 'ok', 'a clock that was never set is no measure')
    assert.equal(code({ wallMs: 1.57e12 }), 'ok')
    assert.equal(code({ wallMs: 1.58e12 }), 'CLOCK_SKEW')
  })

  it('that a machine issued in 1970 is good when its clock is set, and before', () => {
    const bytes = issueCertificate(key, { ...facts, ...validityFrom(60_000) })
    for (const wallMs of [5000, 1.7e12, 1.7e12 + 20 * 365 * 86_400_000]) {
      assert.equal(
        codeOf(() => checkCertificate(bytes, { ...expected, wallMs })),
        'ok',
      )
    }
    const { issuedMs, expiresMs } = validityFrom(1.7e12)
    assert.deepEqual([issuedMs, (expiresMs - issuedMs) / 86_400_000], [1.7e12, 3650])
  })

  it('is refused when another key signed it, even one that names the right one', () => {
    const other = AdmissionKey.generate(random)
    const forged = issueCertificate(
      Object.assign(Object.create(other) as AdmissionKey, {
        publicKey: key.publicKey,
        sign: other.sign.bind(other),
      }),
      facts,
    )
    assert.equal(
      codeOf(() => checkCertificate(forged, expected)),
      'DENIED',
    )
  })

  it('is refused with any bit flipped, and cut anywhere', () => {
    const bytes = issueCertificate(key, facts)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.notEqual(
        codeOf(() => checkCertificate(flipped, expected)),
        'ok',
        `bit ${bit}`,
      )
    }
    for (let end = 0; end < bytes.length; end++) {
      const code = codeOf(() => checkCertificate(bytes.subarray(0, end), expected))
      assert.notEqual(code, 'ok')
    }
  })

  it('refuses garbage, also in the place of the key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        assert.equal(
          codeOf(() => checkCertificate(bytes, expected)),
          'DENIED',
        )
      }),
    )
    assert.throws(() => decodeCertificate(new Uint8Array(10_000)))
  })

  it('a signature for one purpose is none for another', () => {
    const body = random.bytes(40)
    assert.notDeepEqual(key.sign('grant', body), key.sign('certificate', body))
  })
})
