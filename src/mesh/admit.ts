/**
 * The member's side of admissions: tickets made and revoked, joiners checked and let in.
 *
 * Everything but the number of uses is checked with nothing but the admission key, so any member
 * can admit. Uses are counted by the issuer, durably, before the answer: another member asks it,
 * and refuses when it cannot be reached. The network key alone admits nobody.
 */
import { AtollError, type ErrorCode } from '../base/errors.ts'
import { isId, type PeerId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Link } from '../seams/network.ts'
import type { Random } from '../seams/random.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { FRAME } from '../wire/frames.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { commonVersion, OWN_VERSIONS } from '../wire/version.ts'
import type { AdmissionKey } from './admission-key.ts'
import { toldError } from './answer.ts'
import { issueCertificate, validityFrom } from './certificate.ts'
import { Dialogue } from './dialogue.ts'
import {
  checkGrant,
  checkSecret,
  readSignedGrant,
  type SignedGrant,
  ticketError,
  writeSignedGrant,
} from './grant.ts'
import {
  decodeKnock,
  decodeRedemption,
  encodeAdmission,
  encodeProof,
  type Redemption,
} from './join-messages.ts'
import type { RemotePeer, Role } from './mesh.ts'
import type { MeshNode } from './mesh-node.ts'
import { type Contact, decodeTicket, encodeTicket, type Ticket } from './ticket.ts'
import { TicketBook, type TicketTerms } from './ticket-book.ts'

export interface AdmitterOptions {
  readonly mesh: MeshNode
  readonly key: AdmissionKey
  readonly networkKey: Uint8Array
  /** This member's own certificate. */
  readonly certificate: Uint8Array
  readonly database: Database
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The newest topology, encoded; empty when there is none yet. */
  readonly topology: () => Uint8Array
  /** Other members and where they are, the best first; for tickets and for joiners. */
  readonly contacts: () => readonly Contact[]
  /** The node's last word on who may join, such as that its disk was removed. */
  readonly gate: (remote: RemotePeer) => ErrorCode | null
}

/** Dialogues at once. */
const DIALOGUES_MAX = 32
const DIALOGUE_TIMEOUT_MS = 12_000
const FRAME_BYTES_MAX = 4096
const ISSUER_TIMEOUT_MS = 5000
/** Contacts named in a ticket beside the issuer: every one makes it longer. */
const TICKET_CONTACTS_MAX = 2

export class Admitter {
  readonly #options: AdmitterOptions
  readonly #book: TicketBook
  readonly #dialogues = new Set<Dialogue>()

  /** Takes over the joiners of the mesh; before the mesh starts. */
  constructor(options: AdmitterOptions) {
    const { mesh, key, database, clock, random } = options
    this.#options = options
    this.#book = new TicketBook(mesh.self.peer, key, database, clock, random)
    mesh.onJoin((link) => this.#onLink(link))
    mesh.handle(REQUEST_KINDS.TICKET_REDEEM, (from, body) => this.#onRedeem(from, body))
    mesh.handle(REQUEST_KINDS.TICKET_REVOKE, (from, body) => this.#onRevoke(from, body))
  }

  /** The text of a new ticket. */
  async createTicket(terms: TicketTerms): Promise<string> {
    const { mesh, key, networkKey, contacts } = this.#options
    const { grant, signature, secret } = await this.#book.create(terms)
    const self = { peer: mesh.self.peer, addresses: mesh.addresses() }
    const others = contacts().filter(({ peer }) => peer !== self.peer)
    return encodeTicket({
      clusterId: key.clusterId,
      networkKey,
      secret,
      grant,
      signature,
      contacts: [self, ...others.slice(0, TICKET_CONTACTS_MAX)],
    })
  }

  /**
   * Ends a ticket; false when it was ended already. Rejects with UNREACHABLE when its issuer
   * cannot be told. One with unlimited uses is not asked about at its issuer, so every member is
   * told; a member that is down now will still admit with it until it expires.
   */
  async revokeTicket(text: string): Promise<boolean> {
    const ticket = decodeTicket(text)
    this.#checkOwn(ticket)
    const { mesh, contacts } = this.#options
    const { grant } = ticket
    const isOwn = grant.issuer === mesh.self.peer
    const others = contacts().map(({ peer }) => peer)
    if (grant.uses === 0) {
      const told = others.filter((peer) => peer !== mesh.self.peer && peer !== grant.issuer)
      await Promise.allSettled(told.map((peer) => this.#tellRevoked(peer, ticket)))
    }
    const news = isOwn || grant.uses === 0 ? await this.#book.revoke(grant) : false
    return isOwn ? news : this.#tellRevoked(grant.issuer, ticket)
  }

  /** Ends the dialogues under way. */
  stop(): void {
    const stopping = new AtollError('UNREACHABLE', 'the member is stopping')
    for (const dialogue of this.#dialogues) dialogue.refuse(stopping)
  }

  async #tellRevoked(peer: PeerId, signed: SignedGrant): Promise<boolean> {
    const out = new WireWriter()
    writeSignedGrant(out, signed)
    const options = { timeoutMs: ISSUER_TIMEOUT_MS }
    const { mesh } = this.#options
    const answer = await mesh.request(peer, REQUEST_KINDS.TICKET_REVOKE, out.finish(), options)
    return new WireReader(answer).bool()
  }

  /** An expired ticket may be revoked as well. */
  #checkOwn(ticket: Ticket): void {
    const { key } = this.#options
    if (ticket.clusterId === key.clusterId) return checkGrant(ticket, key.publicKey, 0)
    throw new AtollError('WRONG_CLUSTER', `the ticket is of cluster ${ticket.clusterId}`, {
      hint: `this is cluster ${key.clusterId}`,
    })
  }

  #onLink(link: Link): void {
    const dialogue = new Dialogue(link, this.#options.clock, DIALOGUE_TIMEOUT_MS, FRAME_BYTES_MAX)
    if (this.#dialogues.size >= DIALOGUES_MAX) {
      dialogue.refuse(new AtollError('BUSY', 'too many joiners at once; try again shortly'))
      return
    }
    this.#dialogues.add(dialogue)
    dialogue.onEnd(() => this.#dialogues.delete(dialogue))
    this.#converse(link, dialogue).catch((error: unknown) => {
      const told = toldError(error)
      const fields = { peer: link.peer, code: told.code, why: told.message }
      this.#options.log.write('warn', 'mesh.join-refused', fields)
      dialogue.refuse(told)
    })
  }

  async #converse(link: Link, dialogue: Dialogue): Promise<void> {
    const { key, certificate, log } = this.#options
    const versions = decodeKnock(await dialogue.receive(FRAME.KNOCK))
    if (commonVersion(versions, OWN_VERSIONS) === null) {
      throw new AtollError('UNSUPPORTED', 'no wire version in common', {
        hint: 'upgrade the older daemon',
      })
    }
    dialogue.send(encodeProof(certificate))
    const redemption = decodeRedemption(await dialogue.receive(FRAME.REDEEM))
    await this.#admit(link.peer, redemption)
    const { role, name } = redemption
    log.write('info', 'mesh.admitted', { peer: link.peer, role, name })
    dialogue.send(
      encodeAdmission({
        certificate: this.#certificateFor(link.peer, role),
        admissionSeed: role === 'member' ? key.seed : null,
        topology: this.#options.topology(),
        contacts: this.#options.contacts(),
      }),
    )
    dialogue.close()
  }

  /** Rejects unless the bearer may be let in; what it resolves to is durable. */
  async #admit(peer: PeerId, redemption: Redemption): Promise<void> {
    const { key, clock, mesh, gate } = this.#options
    const { signed, secret, storageId, role } = redemption
    const { grant } = signed
    checkGrant(signed, key.publicKey, clock.wallMs())
    checkSecret(grant, secret)
    this.#book.checkRevoked(grant)
    if (grant.role !== role) throw ticketError(`the ticket admits as ${grant.role}, not as ${role}`)
    if (role === 'member' ? !isId(storageId) : storageId !== '') {
      throw new AtollError('DENIED', 'the joiner names a storage that its role cannot have')
    }
    const code = gate({ peer, storageId, boot: 0, run: 0, role, wireVersion: OWN_VERSIONS.max })
    if (code !== null) {
      throw new AtollError(code, 'the joiner was removed from this cluster', {
        hint: 'start it on an empty data directory',
      })
    }
    if (grant.uses === 0) return
    if (grant.issuer === mesh.self.peer) await this.#book.redeem(grant, peer)
    else await this.#redeemAtIssuer(signed, peer)
  }

  async #redeemAtIssuer(signed: SignedGrant, peer: PeerId): Promise<void> {
    const out = new WireWriter()
    writeSignedGrant(out, signed)
    const body = out.string(peer).finish()
    const { issuer } = signed.grant
    const options = { timeoutMs: ISSUER_TIMEOUT_MS }
    try {
      await this.#options.mesh.request(issuer, REQUEST_KINDS.TICKET_REDEEM, body, options)
    } catch (error) {
      if (error instanceof AtollError && error.code === 'TICKET_INVALID') throw error
      throw new AtollError('UNREACHABLE', `${issuer}, which issued the ticket, cannot be asked`, {
        hint: 'wait until it is back, or create a ticket on a member that is up',
        cause: error,
      })
    }
  }

  #certificateFor(peer: PeerId, role: Role): Uint8Array {
    const { key, clock } = this.#options
    return issueCertificate(key, { peer, role, ...validityFrom(clock.wallMs()) })
  }

  /** As the issuer: another member admits somebody with our ticket. */
  async #onRedeem(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const reader = new WireReader(body)
    const signed = this.#readFromMember(from, reader)
    const peer = reader.string(64)
    if (signed.grant.issuer !== this.#options.mesh.self.peer) {
      throw ticketError('the ticket was issued by another member')
    }
    await this.#book.redeem(signed.grant, peer)
    return new Uint8Array(0)
  }

  async #onRevoke(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const signed = this.#readFromMember(from, new WireReader(body))
    const news = await this.#book.revoke(signed.grant)
    return new WireWriter().bool(news).finish()
  }

  #readFromMember(from: RemotePeer, reader: WireReader): SignedGrant {
    if (from.role !== 'member') throw new AtollError('DENIED', 'an edge has no say in tickets')
    const signed = readSignedGrant(reader)
    checkGrant(signed, this.#options.key.publicKey, 0)
    return signed
  }
}
