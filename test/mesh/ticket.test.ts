import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isAtollError } from '../../src/base/errors.ts'
import { AdmissionKey, sha256 } from '../../src/mesh/admission-key.ts'
import { checkGrant, checkSecret, signGrant } from '../../src/mesh/grant.ts'
import { decodeTicket, encodeTicket, type Ticket } from '../../src/mesh/ticket.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { ed25519FromSeed, ed25519PublicBytes, peerIdFromPublicKey } from '../../src/base/ids.ts'

const random = new SimRandom('tickets')
const key = AdmissionKey.generate(random)
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

function newPeer(): string {
  return peerIdFromPublicKey(ed25519PublicBytes(ed25519FromSeed(random.bytes(32))))
}

function newTicket(change: Partial<Ticket['grant']> = {}): Ticket {
  const secret = random.bytes(16)
  const issuer = newPeer()
  const grant = {
    ticketId: 'abcdefghijklmnopqrstuvwx2a',
    secretHash: sha256(secret),
    role: 'member',
    expiresMs: 1_900_000_000_000,
    uses: 1,
    issuer,
    ...change,
  } as const
  return {
    clusterId: key.clusterId,
    networkKey: random.bytes(32),
    secret,
    ...signGrant(key, grant),
    contacts: [
      { peer: issuer, addresses: ['/ip4/10.0.0.1/tcp/4001', '/ip6/::1/tcp/4001'] },
      { peer: newPeer(), addresses: ['/dns4/island.example/tcp/4001'] },
    ],
  }
}

function isInvalid(error: unknown): boolean {
  return isAtollError(error, 'TICKET_INVALID') && error.hint !== undefined
}

describe('ticket text', () => {
  it('carries everything there and back', () => {
    for (const role of ['member', 'edge'] as const) {
      for (const uses of [0, 1, 1000]) {
        const ticket = newTicket({ role, uses })
        assert.deepEqual(decodeTicket(encodeTicket(ticket)), ticket)
      }
    }
  })

  it('bears what terminals add: blanks, line ends, a wrapped line', () => {
    const ticket = newTicket()
    const text = encodeTicket(ticket)
    assert.deepEqual(decodeTicket(`  ${text.slice(0, 80)}\r\n  ${text.slice(80)}\n`), ticket)
  })

  it('notices every change of one character, wherever it is', () => {
    const text = encodeTicket(newTicket())
    for (let i = 0; i < text.length; i++) {
      for (const other of [...ALPHABET.split(''), 'A', '0', '-', 'é']) {
        if (other === text[i]) continue
        const changed = text.slice(0, i) + other + text.slice(i + 1)
        assert.throws(() => decodeTicket(changed), isInvalid, `${i} ${other}`)
      }
    }
  })

  it('notices a cut end, a lost character, a doubled one and swapped ones', () => {
    const text = encodeTicket(newTicket())
    for (let i = 0; i < text.length; i++) {
      assert.throws(() => decodeTicket(text.slice(0, i)), isInvalid)
      assert.throws(() => decodeTicket(text.slice(0, i) + text.slice(i + 1)), isInvalid)
      assert.throws(() => decodeTicket(text.slice(0, i + 1) + text.slice(i)), isInvalid)
      if (text[i] === text[i + 1] || i + 1 === text.length) continue
      const swapped = `${text.slice(0, i)}${text[i + 1]}${text[i]}${text.slice(i + 2)}`
      assert.throws(() => decodeTicket(swapped), isInvalid)
    }
  })

  it('says which kind of wrong', () => {
    const message = (text: string): string => {
      try {
        decodeTicket(text)
      } catch (error) {
        if (isAtollError(error, 'TICKET_INVALID')) return error.message
        throw error
      }
      return 'no error'
    }
    assert.equal(message('hello'), 'this is not an atoll ticket')
    assert.equal(message(''), 'this is not an atoll ticket')
    assert.equal(message('x'.repeat(1_000_000)), 'this is not an atoll ticket')
    assert.equal(message('atoll2abc'), 'the ticket is of a version unknown here')
    assert.equal(message('atoll1abc'), 'the ticket is damaged or cut short')
  })

  it('refuses any garbage with TICKET_INVALID and nothing else', () => {
    const check = (text: string): void => assert.throws(() => decodeTicket(text), isInvalid)
    fc.assert(fc.property(fc.string(), check))
    const base32 = fc.stringMatching(/^[a-z2-7]{0,600}$/)
    fc.assert(fc.property(base32, (text) => check(`atoll1${text}`)))
  })
})

describe('grant', () => {
  it('is good under its key, with its secret, in its time', () => {
    const ticket = newTicket()
    checkGrant(ticket, key.publicKey, ticket.grant.expiresMs)
    checkSecret(ticket.grant, ticket.secret)
  })

  it('is worth nothing when any field of it was changed', () => {
    const { grant, signature } = newTicket()
    const changes = [
      { ticketId: 'bbcdefghijklmnopqrstuvwx2a' },
      { secretHash: sha256(random.bytes(4)) },
      { role: 'edge' },
      { expiresMs: grant.expiresMs + 1 },
      { uses: 0 },
      { issuer: newPeer() },
    ] as const
    for (const change of changes) {
      const forged = { grant: { ...grant, ...change }, signature }
      assert.throws(() => checkGrant(forged, key.publicKey, 0), isInvalid)
    }
  })

  it('is worth nothing under another key, with another secret, after its time', () => {
    const ticket = newTicket()
    const other = AdmissionKey.generate(random)
    assert.throws(() => checkGrant(ticket, other.publicKey, 0), isInvalid)
    assert.throws(() => checkSecret(ticket.grant, random.bytes(16)), isInvalid)
    assert.throws(() => checkSecret(ticket.grant, new Uint8Array(0)), isInvalid)
    const lateMs = ticket.grant.expiresMs + 1
    assert.throws(() => checkGrant(ticket, key.publicKey, lateMs), isInvalid)
  })
})
