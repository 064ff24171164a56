/**
 * One attempt to have the next topology decided by the roots of this one (registers.md §4): a round
 * of promises, then a round of votes, each of a majority of the roots.
 *
 * - What the attempt proposes is the record that was accepted under the highest ballot among the
 *   promises; only if there is none, the planner's ("Paxos Made Simple", P2c).
 * - A record is chosen when a majority voted for it under one ballot. Nothing less is ever given
 *   out as a topology: what a promise shows may never be chosen, and only goes into a round of votes.
 * - Votes are counted by disk: an answer counts for the root whose storage id it bears.
 *
 * Anybody may try at any time; two who try at once merely hinder each other.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Mesh, RequestKind } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { type Ballot, compareBallots, counterAfter, counterLimit } from './ballot.ts'
import { decodeTopology, encodeTopology } from './codec.ts'
import type { SlotAcceptor } from './slot-acceptor.ts'
import {
  type Decided,
  decodeAcceptReply,
  decodePrepareReply,
  encodeAccept,
  encodePrepare,
  type Rejected,
} from './slot-messages.ts'
import type { Accepted } from './slot-state.ts'
import type { TopologyLog } from './topology-log.ts'
import type { Topology, TopologyMember } from './topology.ts'
import { majorityOf } from './validate.ts'

export type Attempt =
  /** These bytes are the next topology, for ever; `ours` tells whether they are what we planned. */
  | {
      readonly kind: 'chosen'
      readonly topology: Topology
      readonly record: Uint8Array
      readonly ours: boolean
    }
  /** There was nothing to propose: no plan, and nothing accepted at the roots that answered. */
  | { readonly kind: 'nothing' }
  /** It was decided elsewhere, and is known here now. */
  | { readonly kind: 'overtaken' }
  /** Somebody else tries under a higher ballot. */
  | { readonly kind: 'outbid' }
  /** Too few roots answered: what was proposed may still be chosen. */
  | { readonly kind: 'no-quorum' }

export interface SlotProposerOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly log: Log
  readonly topology: TopologyLog
  readonly acceptor: SlotAcceptor
}

interface Yes {
  readonly kind: 'promised' | 'voted'
  readonly storageId: StorageId
}

/** What the roots answered so far. */
interface Tally<Vote> {
  readonly votes: Vote[]
  readonly rejected: Ballot[]
  decided: { readonly number: number; readonly by: TopologyMember } | null
}

const TIMEOUT_MS = 2000
/** Above this it would stand in the way of small requests. */
const SMALL_BYTES = 64 * 1024

export class SlotProposer {
  readonly #options: SlotProposerOptions
  /** The highest counter that was used here or met in an answer. */
  #seen: number
  readonly #aborter = new AbortController()
  readonly #tasks = new Set<Promise<void>>()

  constructor(options: SlotProposerOptions) {
    this.#options = options
    this.#seen = options.acceptor.counter
  }

  /** Resolves when nothing is under way. Idempotent. */
  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await Promise.all(this.#tasks)
  }

  /** Proposes what may follow `current`, whose root this node is. Null: only ends what was begun. */
  async attempt(current: Topology, plan: Topology | null): Promise<Attempt> {
    const slot = current.number + 1
    const ballot = this.#nextBallot()
    this.#options.log.write('debug', 'topology.attempt', { number: slot })
    const prepare = encodePrepare({ slot, ballot })
    const promises = await this.#round(
      current,
      REQUEST_KINDS.TOPOLOGY_PREPARE,
      prepare,
      decodePrepareReply,
    )
    if (!isMajority(promises, current)) return this.#lost(promises)
    const begun = highestAccepted(promises.votes.map(({ accepted }) => accepted))
    const record = begun?.record ?? (plan === null ? null : encodeTopology(plan))
    if (record === null) return { kind: 'nothing' }
    const accept = encodeAccept({ slot, ballot, record })
    const votes = await this.#round(
      current,
      REQUEST_KINDS.TOPOLOGY_ACCEPT,
      accept,
      decodeAcceptReply,
    )
    if (!isMajority(votes, current)) return this.#lost(votes)
    return { kind: 'chosen', topology: decodeTopology(record), record, ours: begun === null }
  }

  #nextBallot(): Ballot {
    const { self } = this.#options.mesh
    const seen = Math.max(this.#seen, this.#options.acceptor.counter)
    this.#seen = counterAfter(seen, this.#options.clock.wallMs())
    return { counter: this.#seen, storageId: self.storageId, boot: self.boot }
  }

  /** What to make of a round without a majority. */
  async #lost({ decided, rejected }: Tally<Yes>): Promise<Attempt> {
    if (decided !== null) {
      await this.#options.topology.catchUp(decided.number, decided.by.id)
      return { kind: 'overtaken' }
    }
    const limit = counterLimit(this.#options.acceptor.counter, this.#options.clock.wallMs())
    for (const { counter } of rejected) {
      // A counter that nobody would believe of us either is not worth following.
      if (counter < limit) this.#seen = Math.max(this.#seen, counter)
    }
    return { kind: rejected.length > 0 ? 'outbid' : 'no-quorum' }
  }

  /** Asks every root; resolves when a majority has voted, or can no more, or it is decided. */
  #round<Vote extends Yes>(
    current: Topology,
    kind: RequestKind,
    body: Uint8Array,
    decode: (bytes: Uint8Array) => Vote | Rejected | Decided,
  ): Promise<Tally<Vote>> {
    const roots = current.members.filter(({ storageId }) => current.roots.includes(storageId))
    const tally: Tally<Vote> = { votes: [], rejected: [], decided: null }
    let open = roots.length
    return new Promise((resolve) => {
      for (const root of roots) {
        this.#spawn(async () => {
          await this.#ask(root, kind, body, decode, tally)
          open--
          const needed = majorityOf(roots.length) - tally.votes.length
          if (needed <= 0 || needed > open || tally.decided !== null) resolve(tally)
        })
      }
    })
  }

  async #ask<Vote extends Yes>(
    root: TopologyMember,
    kind: RequestKind,
    body: Uint8Array,
    decode: (bytes: Uint8Array) => Vote | Rejected | Decided,
    tally: Tally<Vote>,
  ): Promise<void> {
    const { mesh, log } = this.#options
    try {
      const reply = decode(
        await mesh.request(root.id, kind, body, {
          timeoutMs: TIMEOUT_MS,
          trafficClass: body.length > SMALL_BYTES ? 'bulk' : 'request',
          signal: this.#aborter.signal,
        }),
      )
      if (reply.kind === 'rejected') tally.rejected.push(reply.promised)
      else if (reply.kind === 'decided') tally.decided = { number: reply.number, by: root }
      else if (reply.storageId === root.storageId) tally.votes.push(reply)
      else log.write('warn', 'topology.vote-of-another-disk', { peer: root.id })
    } catch (error) {
      const level = isAtollError(error, 'DENIED') ? 'warn' : 'debug'
      log.write(level, 'topology.root-silent', { peer: root.id, error: String(error) })
    }
  }

  #spawn(work: () => Promise<void>): void {
    const task = work().finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }
}

function isMajority({ votes }: Tally<Yes>, { roots }: Topology): boolean {
  return votes.length >= majorityOf(roots.length)
}

function highestAccepted(all: readonly (Accepted | null)[]): Accepted | null {
  let highest: Accepted | null = null
  for (const one of all) {
    if (one === null) continue
    if (highest === null || compareBallots(one.ballot, highest.ballot) > 0) highest = one
  }
  return highest
}
