/**
 * Anti-entropy: what keeps replicas equal, fills new ones, and lets former ones go.
 *
 * - Repair. When a member is alive again, when a write missed a replica, and slowly all the time,
 *   partitions shared with a peer are compared by fingerprint and reconciled where they differ.
 * - Movement. A new replica reconciles with the old set, each of which answers only when it
 *   durably knows the new configuration; when a majority has, it reports the partition installed.
 * - Farewell. A former replica offers what it holds to the current ones before it deletes it.
 *
 * One reconciliation runs at a time. What is to be done is a set, at most partitions times peers.
 */
import { isAtollError } from '../../base/errors.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Database } from '../../disk/database.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { type Clock, sleep, type Timer } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Random } from '../../seams/random.ts'
import type { MemberEvent, Membership } from '../../swim/member.ts'
import type { Topology, TopologyView } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { StoreCounts } from '../counts.ts'
import type { Change } from '../change.ts'
import type { Departures } from '../departures.ts'
import type { Peers } from '../../topology/peers.ts'
import { placeIn } from '../place.ts'
import type { Replica } from '../replica.ts'
import { Farewell } from './farewell.ts'
import type { Fingerprints } from './fingerprints.ts'
import { Movement } from './movement.ts'
import { type Direction, Reconciliation } from './reconcile.ts'
import { decodeDigests, DIGESTS_MAX, encodeDigestQuestion } from './sync-messages.ts'

export interface AntiEntropyOptions {
  readonly self: StorageId
  readonly database: Database
  readonly departures: Departures
  readonly counts: StoreCounts
  readonly replica: Replica
  readonly fingerprints: Fingerprints
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

/** One partition with one peer is compared this often although nothing calls for it. */
const ROUND_MS = 10_000
/** After a failure the rest waits this long. */
const RETRY_MS = 1000
const DIGEST_TIMEOUT_MS = 30_000

export class AntiEntropy {
  readonly #options: AntiEntropyOptions
  readonly #movement: Movement
  /** By peer, the partitions to compare with it. */
  readonly #wanted = new Map<StorageId, Set<number>>()
  /** As `#wanted`, of those that hold a record which cannot be joined: for the next round. */
  #refused: (readonly [StorageId, number])[] = []
  readonly #farewell: Farewell
  readonly #aborter = new AbortController()
  #unsubscribe: (() => void)[] = []
  #timer: Timer | null = null
  #running: Promise<void> | null = null
  /** There is more to do than the running work may have seen. */
  #kicked = false

  constructor(options: AntiEntropyOptions) {
    this.#options = options
    this.#movement = new Movement(options.self, options.reportInstalled)
    this.#farewell = new Farewell(options, (topology, peer, partition) =>
      this.#reconcile(topology, peer, partition, 'push'),
    )
  }

  async start(): Promise<void> {
    const { topology, membership } = this.#options
    await this.#farewell.find()
    if (this.#aborter.signal.aborted) return
    this.#unsubscribe = [
      topology.subscribe((next) => this.#onTopology(next)),
      membership.subscribe((event) => this.#onMember(event)),
    ]
    const current = topology.current()
    if (current !== null) this.#onTopology(current)
    this.#armRound()
  }

  async stop(): Promise<void> {
    for (const end of this.#unsubscribe) end()
    this.#timer?.cancel()
    this.#aborter.abort()
    await this.#running
  }

  /** Partitions to compare or to move that nobody has got to yet. */
  get backlog(): number {
    let count = 0
    for (const partitions of this.#wanted.values()) count += partitions.size
    return count
  }

  changed({ partition, after }: Change): void {
    this.#options.fingerprints.changed(partition)
    if (after !== null) this.#farewell.holds(partition)
  }

  /** A replica lacks something of a partition, or may. */
  want(id: StorageId, partitions: Iterable<number>): void {
    if (id === this.#options.self || this.#aborter.signal.aborted) return
    const wanted = this.#wanted.get(id) ?? new Set()
    for (const partition of partitions) wanted.add(partition)
    if (wanted.size > 0) this.#wanted.set(id, wanted)
    this.#kick()
  }

  #onTopology(topology: Topology): void {
    for (const [id, partitions] of this.#movement.onTopology(topology)) this.want(id, partitions)
    this.#kick()
  }

  #onMember({ kind, member }: MemberEvent): void {
    if (kind !== 'alive' && kind !== 'join') return
    const topology = this.#options.topology.current()
    if (topology !== null) this.want(member.storageId, this.#sharedWith(topology, member.storageId))
  }

  #sharedWith(topology: Topology, id: StorageId): number[] {
    const { self } = this.#options
    return topology.partitions.flatMap((_, p) => {
      const { targets } = placeIn(topology, '', p)
      return targets.includes(id) && targets.includes(self) ? [p] : []
    })
  }

  #armRound(): void {
    const jitter = 0.5 + this.#options.random.float()
    this.#timer = this.#options.clock.after(ROUND_MS * jitter, () => {
      this.#roundOfOne()
      this.#armRound()
    })
  }

  #roundOfOne(): void {
    const { topology, random, self } = this.#options
    for (const [id, partition] of this.#refused.splice(0)) this.want(id, [partition])
    const current = topology.current()
    if (current === null) return
    const partition = random.int(current.partitions.length)
    const { targets } = placeIn(current, '', partition)
    const others = targets.filter((id) => id !== self)
    const other = others[random.int(Math.max(1, others.length))]
    if (targets.includes(self) && other !== undefined) this.want(other, [partition])
  }

  #kick(): void {
    this.#kicked = true
    if (this.#running === null && !this.#aborter.signal.aborted) this.#running = this.#work()
  }

  async #work(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#aborter
    // A little later, so that what comes in one burst is one piece of work.
    await sleep(clock, 5, signal).catch(() => undefined)
    while (!signal.aborted) {
      this.#kicked = false
      try {
        if ((await this.#step()) || this.#kicked) continue
        // In the same step as the look: whoever kicks from now on starts anew.
        this.#running = null
        return
      } catch (error) {
        if (signal.aborted) return
        this.#options.counts.syncFailures++
        log.write('debug', 'store.sync-failed', { error: String(error) })
        this.#putOffFirst()
        await sleep(clock, RETRY_MS, signal).catch(() => undefined)
      }
    }
  }

  /** The others' turn comes before the peer with whom it failed is tried again. */
  #putOffFirst(): void {
    for (const [id, partitions] of this.#wanted) {
      this.#wanted.delete(id)
      this.#wanted.set(id, partitions)
      return
    }
  }

  /** One peer's share of the work. False when there is nothing to do that can be done now. */
  async #step(): Promise<boolean> {
    const topology = this.#options.topology.current()
    if (topology === null) return false
    for (const [id, partitions] of this.#wanted) {
      const peer = this.#options.peers.usable(topology, id)
      if (peer === undefined) {
        // It is asked for again when it is alive again.
        this.#wanted.delete(id)
        continue
      }
      await this.#compare(topology, id, peer, partitions)
      return true
    }
    return this.#farewell.sayOne(topology)
  }

  async #compare(
    topology: Topology,
    id: StorageId,
    peer: PeerId,
    wanted: Set<number>,
  ): Promise<void> {
    const partitions = [...wanted].slice(0, DIGESTS_MAX)
    const question = encodeDigestQuestion({ topology: topology.number, partitions })
    const kind = REQUEST_KINDS.KV_SYNC_DIGEST
    const { signal } = this.#aborter
    const { counts } = this.#options
    const options = { timeoutMs: DIGEST_TIMEOUT_MS, trafficClass: 'bulk', signal } as const
    const answer = await this.#options.mesh.request(peer, kind, question, options)
    const digests = decodeDigests(answer)
    for (const [i, partition] of partitions.entries()) {
      // Before, not after: whatever the peer misses from now on is another wish.
      wanted.delete(partition)
      const { targets } = placeIn(topology, '', partition)
      if (!targets.includes(id) || !targets.includes(this.#options.self)) continue
      try {
        const isSame = (await this.#options.fingerprints.of(partition)) === digests[i]
        if (isSame) counts.comparedEqual++
        else counts.comparedDifferent++
        const isEqual = isSame || (await this.#reconcile(topology, peer, partition, 'both'))
        if (isEqual) this.#movement.onReconciled(topology, partition, id)
        else this.#refused.push([id, partition])
      } catch (error) {
        this.want(id, [partition])
        throw error
      }
    }
    if (wanted.size === 0) this.#wanted.delete(id)
  }

  /** False when all is equal but for what cannot be joined; rejects when the peer cannot do it. */
  async #reconcile(
    topology: Topology,
    peer: PeerId,
    partition: number,
    direction: Direction,
  ): Promise<boolean> {
    const { log, counts } = this.#options
    const options = { ...this.#options, signal: this.#aborter.signal }
    const work = new Reconciliation(options, peer, topology.number, partition, direction)
    try {
      await work.run()
    } catch (error) {
      if (!isAtollError(error, 'CONFLICT')) throw error
      counts.reconciledInPart++
      const { message, hint = '' } = error
      log.write('warn', 'store.record-refused', { partition, peer, message, hint })
      return false
    }
    counts.reconciled++
    log.write('debug', 'store.reconciled', { partition, peer, bytes: work.bytes })
    return true
  }
}
