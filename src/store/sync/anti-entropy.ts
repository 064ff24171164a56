/**
 * Anti-entropy: what keeps replicas equal, fills new ones, and lets former ones go.
 *
 * - Repair. After a start, when a member is alive again, when a write missed a replica, when a
 *   replica has died, started anew or left (by those that are left), and slowly all the time,
 *   partitions shared with a peer are compared by their hash trees and reconciled where they differ.
 * - Movement. A new replica reconciles with the old set, each of which answers only when it
 *   durably knows the new configuration; when a majority has, it reports the partition installed.
 * - Farewell. A former replica offers what it holds to the current ones before it deletes it.
 *
 * With each peer one comparison runs at a time, with all of them beside each other, at one pace.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Database } from '../../disk/database.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { type Clock, sleep, type Timer } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import { type Random, shuffled } from '../../seams/random.ts'
import type { MemberEvent, Membership } from '../../swim/member.ts'
import type { Topology, TopologyView } from '../../topology/topology.ts'
import type { StoreCounts } from '../counts.ts'
import type { Change } from '../change.ts'
import type { Departures } from '../departures.ts'
import type { Peers } from '../../topology/peers.ts'
import type { Replica } from '../replica.ts'
import { Comparison } from './comparison.ts'
import { DIGESTS_MAX } from './compare-messages.ts'
import { Farewell } from './farewell.ts'
import type { HashTrees } from './hash-trees.ts'
import { Leaving } from './leaving.ts'
import { Looks } from './looks.ts'
import { Movement } from './movement.ts'
import { Pace } from './pace.ts'
import { Refusals } from './refusals.ts'
import { heldOf, sharedOf } from './shared.ts'
import type { Turns } from './turns.ts'
import { Upkeep } from './upkeep.ts'
import { type Cause, Wishes } from './wishes.ts'

export interface AntiEntropyOptions {
  readonly self: StorageId
  readonly database: Database
  readonly departures: Departures
  readonly counts: StoreCounts
  readonly replica: Replica
  readonly trees: HashTrees
  readonly turns: Turns
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly membership: Membership
  readonly peers: Peers
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly reportInstalled: (partition: number, cfg: number) => void
  readonly reportEmptied: (partition: number, cfg: number) => void
  /** Called in the turn in which a change has become durable. */
  readonly onChange: (change: Change) => void
}

/** All that is shared with one peer is compared this often although nothing calls for it. */
const ROUND_MS = 10_000
/** After a failure the rest waits this long. */
const RETRY_MS = 1000
/** A little later, so that what comes in one burst is one piece of work. */
const BURST_MS = 5
/** Until what was the turn of others is tried again; half of it and up to as much more. */
const TURN_WAIT_MS = 200

export class AntiEntropy {
  readonly #options: AntiEntropyOptions
  readonly #movement: Movement
  readonly #wishes = new Wishes()
  /** Of those that hold a record which cannot be joined, for the next round; bounded as wishes. */
  #refused: (readonly [StorageId, number])[] = []
  readonly #refusals: Refusals
  readonly #looks = new Looks()
  readonly #comparison: Comparison
  readonly #upkeep: Upkeep
  readonly #farewell: Farewell
  readonly #leaving: Leaving
  readonly #aborter = new AbortController()
  #unsubscribe: (() => void)[] = []
  #timer: Timer | null = null
  /** With whom something is compared now: one each. */
  readonly #running = new Map<StorageId, Promise<void>>()
  /** The process that was last heard of on each disk of the topology. */
  readonly #boots = new Map<StorageId, number>()
  #counting: Promise<void> | null = null

  constructor(options: AntiEntropyOptions) {
    this.#options = options
    this.#movement = new Movement(options.self, options.reportInstalled)
    const { signal } = this.#aborter
    const pace = new Pace(options.clock)
    this.#refusals = new Refusals(options.clock, options.log)
    this.#comparison = new Comparison({ ...options, looks: this.#looks, pace, signal })
    this.#upkeep = new Upkeep(options.trees, options.log)
    this.#farewell = new Farewell(options, this.#comparison)
    this.#leaving = new Leaving(options, this.#farewell)
  }

  async start(): Promise<void> {
    const { topology, membership } = this.#options
    await this.#farewell.find()
    if (this.#aborter.signal.aborted) return
    this.#unsubscribe = [
      topology.subscribe((next) => this.#onTopology(next)),
      membership.subscribe((event) => this.#onMember(event)),
    ]
    for (const { storageId, boot } of membership.members()) this.#boots.set(storageId, boot)
    const current = topology.current()
    // Whoever has come up by now is asked for all: it may not hear of this start.
    if (current !== null) this.#onTopology(current)
    this.#armRound()
    // A disk that failed is told of by those who need more of it than sums.
    this.#counting = this.#countHeld().catch(() => undefined)
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end()
    this.#timer?.cancel()
    this.#aborter.abort()
    this.#options.trees.stop()
    const ended = [this.#leaving.stop(), this.#upkeep.ended(), this.#counting]
    await Promise.all([...this.#running.values(), ...ended])
  }

  /** Until all that was here at the start has been counted for comparisons. Never rejects. */
  async untilCounted(): Promise<void> {
    await this.#counting
  }

  /** Whether all that this disk is no replica of any more has been offered and deleted. */
  hasLetGo(): Promise<boolean> {
    return this.#farewell.isSaid()
  }

  /** Partitions to compare or to move that nobody has got to yet. */
  get backlog(): number {
    return this.#wishes.size
  }

  changed(change: Change): void {
    this.#options.trees.changed(change)
    if (change.after !== null) this.#farewell.holds(change.partition)
  }

  /** A replica lacks something of a partition, or may. */
  want(id: StorageId, partitions: Iterable<number>, cause: Cause = 'called'): void {
    if (id === this.#options.self || this.#aborter.signal.aborted) return
    this.#wishes.add(id, partitions, cause)
    this.#kick()
  }

  #onTopology(topology: Topology): void {
    for (const [id, partitions] of this.#movement.onTopology(topology)) this.want(id, partitions)
    this.#kick()
    this.#lookAnew(topology)
  }

  /** Who refused may not any more. */
  #lookAnew({ members }: Topology): void {
    const disks = new Set(members.map(({ storageId }) => storageId))
    for (const id of this.#boots.keys()) if (!disks.has(id)) this.#boots.delete(id)
    this.#refusals.lookAnew((id) => disks.has(id))
    this.#leaving.lookAnew()
  }

  #onMember({ kind, member: { storageId: id, boot } }: MemberEvent): void {
    const { topology, self } = this.#options
    const current = topology.current()
    if (current === null || id === self) return
    let isOver = kind === 'dead' || kind === 'left'
    if (kind === 'alive' || kind === 'join') {
      isOver = (this.#boots.get(id) ?? boot) !== boot
      this.#boots.set(id, boot)
      this.want(id, sharedOf(current, self).get(id) ?? [])
      this.#lookAnew(current)
    }
    // What a process coordinated last it may have told some of the others, and can tell no more.
    if (!isOver) return
    const left = sharedOf(current, self, id)
    for (const [other, partitions] of left) if (other !== id) this.want(other, partitions)
  }

  /** So that the first comparison after a start need not wait for all that is here. */
  async #countHeld(): Promise<void> {
    const { topology, trees, self } = this.#options
    const current = topology.current()
    if (current !== null) await trees.countInTime(heldOf(current, self))
  }

  #armRound(): void {
    const jitter = 0.5 + this.#options.random.float()
    this.#timer = this.#options.clock.after(ROUND_MS * jitter, () => {
      this.#round()
      this.#armRound()
    })
  }

  /** All that is shared with one of the peers, each in its turn. */
  #round(): void {
    const { topology, random, self, peers } = this.#options
    for (const [id, partition] of this.#refused.splice(0)) this.want(id, [partition])
    const current = topology.current()
    if (current === null) return
    const shared = sharedOf(current, self)
    const others = [...shared.keys()].filter((id) => peers.usable(current, id) !== undefined)
    const id = this.#looks.nextPeer(shared, shuffled(random, others))
    if (id !== null) this.want(id, shared.get(id) ?? [], 'round')
    this.#upkeep.round(heldOf(current, self))
    this.#leaving.look()
  }

  #kick(): void {
    for (const id of this.#wishes.peers()) {
      if (this.#running.has(id) || this.#aborter.signal.aborted) continue
      this.#running.set(id, this.#workWith(id))
    }
  }

  async #workWith(id: StorageId): Promise<void> {
    const { clock, random } = this.#options
    const { signal } = this.#aborter
    let waitMs = BURST_MS
    while (!signal.aborted) {
      await sleep(clock, waitMs, signal).catch(() => undefined)
      await this.#refusals.wait(id, signal)
      if (signal.aborted) break
      const outcome = await this.#compare(id)
      if (outcome === 'done') break
      waitMs = outcome === 'failed' ? RETRY_MS : 0
      if (outcome === 'busy') waitMs = TURN_WAIT_MS * (0.5 + random.float())
    }
    this.#running.delete(id)
    // Somebody may have wanted something since the look.
    this.#kick()
  }

  /** One peer's share of the work. 'done': there is nothing to do that can be done now. */
  async #compare(id: StorageId): Promise<'done' | 'more' | 'busy' | 'failed'> {
    const { topology, peers, counts, log } = this.#options
    const current = topology.current()
    const peer = current === null ? undefined : peers.usable(current, id)
    if (current === null || peer === undefined) {
      // It is asked for again when it is alive again.
      this.#wishes.forget(id)
      return 'done'
    }
    const taken = this.#wishes.take(id, DIGESTS_MAX)
    if (taken.size === 0) return 'done'
    const { again, refused, equal, failure } = await this.#comparison.run(current, id, peer, taken)
    this.#wishes.done(taken.size)
    this.#wishes.add(id, again, 'called')
    for (const partition of refused) this.#refused.push([id, partition])
    for (const partition of equal) this.#movement.onReconciled(current, partition, id)
    if (failure === null) {
      this.#refusals.succeeded(id)
      return again.length > 0 ? 'busy' : 'more'
    }
    if (this.#aborter.signal.aborted) return 'done'
    counts.syncFailures++
    const isRefused = this.#refusals.failed(id, failure)
    if (!isRefused) log.write('debug', 'store.sync-failed', { error: String(failure) })
    return 'failed'
  }
}
