/**
 * What a member remembers of tickets: those that it issued, with everybody who was admitted with
 * them, and revocations that it heard of.
 *
 * A use is counted in the database before the answer that admits is sent; the same peer counts
 * once however often it asks, since its first answer may have been lost. Entries are kept until
 * the ticket has expired, and their number is bounded.
 */
import { AtollError } from '../base/errors.ts'
import { idFromBytes, type PeerId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Clock } from '../seams/clock.ts'
import type { Random } from '../seams/random.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { type AdmissionKey, sha256 } from './admission-key.ts'
import {
  expired,
  type Grant,
  SECRET_BYTES,
  type SignedGrant,
  signGrant,
  ticketError,
  USES_MAX,
} from './grant.ts'
import type { Role } from './mesh.ts'

export interface TicketTerms {
  readonly ttlMs: number
  /** 0: any number; at most 1000 otherwise. */
  readonly uses: number
  readonly role: Role
}

export interface IssuedGrant extends SignedGrant {
  readonly secret: Uint8Array
}

interface Entry {
  readonly expiresMs: number
  readonly uses: number
  readonly revoked: boolean
  readonly admitted: readonly PeerId[]
}

/** Issued and revoked tickets that have not expired. */
const ENTRIES_MAX = 1024
const TTL_MS_MAX = 10 * 365 * 24 * 3600 * 1000
/** An entry outlives its ticket: clocks differ. */
const KEEP_MS = 3600_000
const PREFIX = 'ticket/'
const PREFIX_END = 'ticket0'

export class TicketBook {
  readonly #database: Database
  readonly #key: AdmissionKey
  readonly #clock: Clock
  readonly #random: Random
  readonly #self: PeerId

  constructor(self: PeerId, key: AdmissionKey, database: Database, clock: Clock, random: Random) {
    this.#self = self
    this.#key = key
    this.#database = database
    this.#clock = clock
    this.#random = random
  }

  /** Durable when it resolves. Rejects with USAGE, or BUSY when too many are outstanding. */
  async create(terms: TicketTerms): Promise<IssuedGrant> {
    const { ttlMs, uses, role } = terms
    if (!(ttlMs > 0 && ttlMs <= TTL_MS_MAX)) throw usage('a ticket lives for 1 ms to 10 years')
    if (!Number.isInteger(uses) || uses < 0 || uses > USES_MAX) {
      throw usage(`a ticket has 1 to ${USES_MAX} uses, or 0 for any number`)
    }
    await this.#makeRoom()
    const secret = this.#random.bytes(SECRET_BYTES)
    const grant: Grant = {
      ticketId: idFromBytes(this.#random.bytes(16)),
      secretHash: sha256(secret),
      role,
      expiresMs: Math.ceil(this.#clock.wallMs() + ttlMs),
      uses,
      issuer: this.#self,
    }
    const entry = { expiresMs: grant.expiresMs, uses, revoked: false, admitted: [] }
    await this.#write(grant.ticketId, entry)
    return { ...signGrant(this.#key, grant), secret }
  }

  /**
   * Counts the admission of a peer; durable when it resolves. Rejects with TICKET_INVALID. Only
   * for tickets of this issuer whose uses are counted.
   */
  async redeem(grant: Grant, peer: PeerId): Promise<void> {
    const entry = this.#latest(grant.ticketId)
    if (entry === null) throw ticketError('the member that issued the ticket does not know it')
    if (entry.expiresMs + KEEP_MS < this.#clock.wallMs()) throw expired()
    if (entry.revoked) throw revokedError()
    if (entry.admitted.includes(peer)) {
      // Counted by an earlier request, which may not be durable yet.
      await this.#write(grant.ticketId, entry)
      return
    }
    if (entry.admitted.length >= entry.uses) {
      const times = entry.uses === 1 ? 'once' : `${entry.uses} times`
      throw ticketError(`the ticket has been used ${times}, as often as it may be`)
    }
    await this.#write(grant.ticketId, { ...entry, admitted: [...entry.admitted, peer] })
  }

  /** Throws TICKET_INVALID for a ticket whose revocation is known here. */
  checkRevoked(grant: Grant): void {
    if (this.#latest(grant.ticketId)?.revoked === true) throw revokedError()
  }

  /** Durable when it resolves; false when it was revoked already. */
  async revoke(grant: Grant): Promise<boolean> {
    const entry = this.#latest(grant.ticketId)
    const known = entry?.revoked === true
    if (entry === null) await this.#makeRoom()
    const { expiresMs, uses } = grant
    const base = entry ?? { expiresMs, uses, admitted: [] }
    await this.#write(grant.ticketId, { ...base, revoked: true })
    return !known
  }

  /** Collects what has expired. Rejects with BUSY when that leaves no room. */
  async #makeRoom(): Promise<void> {
    const nowMs = this.#clock.wallMs()
    const gone: { key: string; value: null }[] = []
    let kept = 0
    for await (const [key, value] of this.#database.scan({ from: PREFIX, to: PREFIX_END })) {
      if (decodeEntry(value).expiresMs + KEEP_MS < nowMs) gone.push({ key, value: null })
      else kept++
    }
    if (gone.length > 0) await this.#database.commit(gone)
    if (kept < ENTRIES_MAX) return
    throw new AtollError('BUSY', `${kept} tickets have not expired yet`, {
      hint: 'give tickets a shorter life (--ttl), or one ticket more uses',
    })
  }

  #latest(ticketId: string): Entry | null {
    const bytes = this.#database.latest(PREFIX + ticketId)
    return bytes === undefined ? null : decodeEntry(bytes)
  }

  #write(ticketId: string, entry: Entry): Promise<void> {
    return this.#database.commit([{ key: PREFIX + ticketId, value: encodeEntry(entry) }])
  }
}

function encodeEntry(entry: Entry): Uint8Array {
  return new WireWriter()
    .uint(entry.expiresMs)
    .uint(entry.uses)
    .bool(entry.revoked)
    .list(entry.admitted, (to, peer) => to.string(peer))
    .finish()
}

function decodeEntry(bytes: Uint8Array): Entry {
  const from = new WireReader(bytes)
  const expiresMs = from.uint()
  const uses = from.uint()
  const revoked = from.bool()
  return { expiresMs, uses, revoked, admitted: from.list(USES_MAX, (each) => each.string(64)) }
}

function revokedError(): AtollError {
  return ticketError('the ticket has been revoked')
}

function usage(message: string): AtollError {
  return new AtollError('USAGE', message)
}
