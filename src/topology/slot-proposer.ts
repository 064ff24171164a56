/**
 * One attempt to have the next topology decided by the roots of this one (REGISTERS.md §4): a round
 * of promises, then a round of votes, each of a majority of the roots.
 *
 * - What the attempt proposes is the record that was accepted under the highest ballot among the
 *   promises; only if there is none, the planner's ("Paxos Made Simple", P2c).
 * - A record is chosen when a majority voted for it under one ballot. Nothing less is ever given
 *   out as a topology: what a promise shows may never be chosen, and only goes into a round of votes.
 * - Votes are counted by disk: an answer counts for the root whose storage id it bears.
 * - A ballot of a clock whose counters no other root has taken yet is given to our own disk last: if
 *   the clock is wild, no promise stays behind that the others would have to wait for.
 *
 * Anybody may try at any time; two who try at once merely hinder each other.
 */
import { CounterSource } from '../base/counter-source.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import { counterLimit, SKEW_MS_MAX, UNITS_PER_MS } from '../base/hybrid-time.ts'
import type { StorageId } from '../base/ids.ts'
import type { Mesh, RequestKind } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { type Ballot, compareBallots } from './ballot.ts'
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
  /** Somebody finds the ballot too far ahead. */
  isSkewed: boolean
  decided: { readonly number: number; readonly by: TopologyMember } | null
}

const TIMEOUT_MS = 2000
/** Above this it would stand in the way of small requests. */
const SMALL_BYTES = 64 * 1024

export class SlotProposer {
  readonly #options: SlotProposerOptions
  /** Ballots are of one slot: in the next one their counters are free again. */
  #slot = 0
  #counters = new CounterSource()
  /** What stood in the way of the last attempt. */
  #floor = 0
  /** The highest counter of ours that another root has taken. */
  #tried = 0
  readonly #aborter = new AbortController()
  readonly #tasks = new Set<Promise<void>>()

  constructor(options: SlotProposerOptions) {
    this.#options = options
  }

  /** Resolves when nothing is under way. Idempotent. */
  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await Promise.all(this.#tasks)
  }

  /** Proposes what may follow `current`, whose root this node is. Null: only ends what was begun. */
  async attempt(current: Topology, plan: Topology | null): Promise<Attempt> {
    const slot = current.number + 1
    const ballot = this.#nextBallot(slot)
    this.#options.log.write('debug', 'topology.attempt', { number: slot })
    const prepare = encodePrepare({ slot, ballot })
    const promises = await this.#round(
      current,
      ballot,
      REQUEST_KINDS.TOPOLOGY_PREPARE,
      prepare,
      decodePrepareReply,
    )
    if (!isMajority(promises, current)) return this.#lost(promises, current)
    const begun = highestAccepted(promises.votes.map(({ accepted }) => accepted))
    const record = begun?.record ?? (plan === null ? null : encodeTopology(plan))
    if (record === null) return { kind: 'nothing' }
    const accept = encodeAccept({ slot, ballot, record })
    const votes = await this.#round(
      current,
      ballot,
      REQUEST_KINDS.TOPOLOGY_ACCEPT,
      accept,
      decodeAcceptReply,
    )
    if (!isMajority(votes, current)) return this.#lost(votes, current)
    return { kind: 'chosen', topology: decodeTopology(record), record, ours: begun === null }
  }

  #nextBallot(slot: number): Ballot {
    const { mesh, clock, acceptor } = this.#options
    if (slot !== this.#slot) {
      this.#slot = slot
      this.#counters = new CounterSource()
      this.#floor = 0
    }
    const wallMs = clock.wallMs()
    const own = acceptor.promised
    const floor = own <= counterLimit(0, wallMs) ? Math.max(this.#floor, own) : this.#floor
    const counter = this.#counters.next(floor, wallMs)
    return { counter, storageId: mesh.self.storageId, boot: mesh.self.boot }
  }

  /** What to make of a round without a majority. */
  async #lost({ decided, rejected, isSkewed }: Tally<Yes>, { roots }: Topology): Promise<Attempt> {
    if (decided !== null) {
      await this.#options.topology.catchUp(decided.number, decided.by.id)
      return { kind: 'overtaken' }
    }
    const wallMs = this.#options.clock.wallMs()
    if (isSkewed) {
      this.#counters.goBack(wallMs)
      this.#floor = 0
    }
    const counters = rejected.map(({ counter }) => counter)
    const wild = counters.filter((counter) => counter > counterLimit(0, wallMs))
    // A counter that nobody would believe of us either is not worth following. But where most are
    // far ahead, it is our clock that is behind.
    const isOurs = wild.length >= majorityOf(roots.length)
    const met = isOurs ? [Math.min(...wild)] : counters.filter((each) => !wild.includes(each))
    this.#floor = Math.max(this.#floor, ...met)
    return { kind: rejected.length > 0 ? 'outbid' : 'no-quorum' }
  }

  /** Asks every root; resolves when a majority has voted, or can no more, or it is decided. */
  #round<Vote extends Yes>(
    current: Topology,
    { counter, storageId: self }: Ballot,
    kind: RequestKind,
    body: Uint8Array,
    decode: (bytes: Uint8Array) => Vote | Rejected | Decided,
  ): Promise<Tally<Vote>> {
    const roots = current.members.filter(({ storageId }) => current.roots.includes(storageId))
    const tally: Tally<Vote> = { votes: [], rejected: [], isSkewed: false, decided: null }
    const others = roots.filter(({ storageId }) => storageId !== self).length
    let isHeldBack = counter > this.#tried + SKEW_MS_MAX * UNITS_PER_MS && others > 0
    const othersSaid = Promise.withResolvers<void>()
    let open = roots.length
    return new Promise((resolve) => {
      for (const root of roots) {
        this.#spawn(async () => {
          const isOwn = root.storageId === self
          if (isOwn && isHeldBack) await othersSaid.promise
          if (!isOwn || tally.votes.length > 0 || !tally.isSkewed) {
            await this.#ask(root, kind, body, decode, tally)
          }
          if (isOwn) isHeldBack = false
          open--
          if (tally.votes.some(({ storageId }) => storageId !== self)) {
            this.#tried = Math.max(this.#tried, counter)
          }
          if (tally.votes.length > 0 || open <= 1) othersSaid.resolve()
          const needed = majorityOf(roots.length) - tally.votes.length
          const isWon = needed <= 0 && !isHeldBack
          if (isWon || needed > open || tally.decided !== null) resolve(tally)
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
      tally.isSkewed ||= isAtollError(error, 'CLOCK_SKEW')
      const isRefused = isAtollError(error, 'DENIED') || isAtollError(error, 'CLOCK_SKEW')
      const level = isRefused ? 'warn' : 'debug'
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
