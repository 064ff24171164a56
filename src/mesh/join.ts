/**
 * The joiner's side of an admission.
 *
 * It dials the members that the ticket names, one after the other. Nothing of the ticket leaves
 * before the other side has proven, by a certificate for exactly the peer that the handshake
 * proved, that it belongs to the cluster that the ticket names. A lost answer is no harm: the same
 * ticket may be redeemed again by the same peer, with any member.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'
import { type Link, type Network, NetworkError } from '../seams/network.ts'
import { WireError } from '../wire/codec.ts'
import { FRAME } from '../wire/frames.ts'
import { commonVersion, OWN_VERSIONS } from '../wire/version.ts'
import { AdmissionKey } from './admission-key.ts'
import { checkCertificate } from './certificate.ts'
import { Dialogue } from './dialogue.ts'
import {
  type Admission,
  decodeAdmission,
  decodeProof,
  encodeKnock,
  encodeRedemption,
  type JoinerFacts,
} from './join-messages.ts'
import { DIAL_TIMEOUT_MS } from './limits.ts'
import type { Contact, Ticket } from './ticket.ts'

/** Longer than the admitting member waits for the issuer. */
const DIALOGUE_TIMEOUT_MS = 15_000
const FRAME_BYTES_MAX = 3 * 1024 * 1024

export interface JoinOptions {
  /** Started, under the ticket's network key. */
  readonly network: Network
  readonly clock: Clock
  readonly ticket: Ticket
  readonly self: JoinerFacts
  readonly signal?: AbortSignal
}

/** Rejects with TICKET_INVALID, WRONG_CLUSTER, DENIED, UNREACHABLE… and a sentence each. */
export async function joinCluster(options: JoinOptions): Promise<Admission> {
  let last: AtollError | null = null
  for (const contact of options.ticket.contacts) {
    if (options.signal?.aborted === true) throw new AtollError('CANCELLED', 'joining was cancelled')
    try {
      return await joinThrough(contact, options)
    } catch (error) {
      const told = toldBy(contact.peer, error)
      if (told.code === 'TICKET_INVALID') throw told
      last = last === null || last.code === 'UNREACHABLE' ? told : last
    }
  }
  throw last ?? new AtollError('TICKET_INVALID', 'the ticket names no member')
}

async function joinThrough(contact: Contact, options: JoinOptions): Promise<Admission> {
  const { network, clock, ticket, self } = options
  const link = await dial(network, contact)
  const dialogue = new Dialogue(link, clock, DIALOGUE_TIMEOUT_MS, FRAME_BYTES_MAX)
  const onAbort = (): void => link.abort()
  options.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    dialogue.send(encodeKnock())
    const proof = decodeProof(await dialogue.receive(FRAME.PROOF))
    if (commonVersion(proof.versions, OWN_VERSIONS) === null) {
      throw new AtollError('UNSUPPORTED', `${link.peer} speaks no wire version known here`, {
        hint: 'upgrade the older daemon',
      })
    }
    const { clusterId } = ticket
    const wallMs = clock.wallMs()
    const shown = checkCertificate(proof.certificate, { clusterId, peer: link.peer, wallMs })
    if (shown.role !== 'member') throw new AtollError('DENIED', `${link.peer} may not admit`)
    dialogue.send(encodeRedemption({ ...self, signed: ticket, secret: ticket.secret }))
    const admission = decodeAdmission(await dialogue.receive(FRAME.ADMITTED))
    checkAdmission(admission, options)
    return admission
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
    dialogue.close()
  }
}

function dial(network: Network, contact: Contact): Promise<Link> {
  const { peer, addresses } = contact
  return network.dial(peer, 'join', { addresses, timeoutMs: DIAL_TIMEOUT_MS })
}

/** What we got must serve us: a certificate for us, and the key that made it. */
function checkAdmission(admission: Admission, options: JoinOptions): void {
  const { network, clock, ticket, self } = options
  const { certificate, admissionSeed } = admission
  const expected = { clusterId: ticket.clusterId, peer: network.self, wallMs: clock.wallMs() }
  const own = checkCertificate(certificate, expected)
  const key = admissionSeed === null ? null : new AdmissionKey(admissionSeed)
  const isKeyRight =
    self.role === 'member' ? key?.clusterId === ticket.clusterId : admissionSeed === null
  if (own.role === self.role && isKeyRight) return
  throw new AtollError('DENIED', 'the admitting member sent credentials that do not fit')
}

function toldBy(peer: PeerId, error: unknown): AtollError {
  if (error instanceof AtollError) return error
  if (error instanceof WireError) {
    return new AtollError('DENIED', `${peer} sent something that is no admission`, { cause: error })
  }
  if (!(error instanceof NetworkError)) throw error
  if (error.kind === 'denied') {
    return new AtollError('DENIED', `${peer} is not where the ticket says it is`, {
      hint: 'somebody else uses its address now; ask a member for a new ticket',
      cause: error,
    })
  }
  return new AtollError('UNREACHABLE', `no member named in the ticket can be reached`, {
    hint: 'check that the addresses of the ticket are reachable from this machine',
    cause: error,
  })
}
