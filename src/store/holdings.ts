/**
 * The part of a store that holds data, which an edge has not: the replica, what keeps it equal to
 * the others, what takes out of it what is over, and how much there is. All of them follow what
 * changes here, each change in the turn in which it has become durable.
 */
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import type { Membership } from '../swim/member.ts'
import type { Peers } from '../topology/peers.ts'
import type { TopologyView } from '../topology/topology.ts'
import type { Change } from './change.ts'
import { Collection } from './collect/collection.ts'
import type { StoreCounts } from './counts.ts'
import { Departures } from './departures.ts'
import { Fences } from './fences.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { type Amounts, Inventory } from './inventory.ts'
import { placeIn } from './place.ts'
import { Replica } from './replica.ts'
import { AntiEntropy } from './sync/anti-entropy.ts'
import type { HashTrees } from './sync/hash-trees.ts'
import { SyncServer } from './sync/sync-server.ts'
import { Turns } from './sync/turns.ts'
import type { Watching } from './watch/watching.ts'

export interface HoldingsOptions {
  readonly self: StorageId
  readonly database: Database
  readonly trees: HashTrees
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly membership: Membership
  readonly peers: Peers
  readonly clock: Clock
  readonly hybridClock: HybridClock
  readonly random: Random
  readonly log: Log
  readonly counts: StoreCounts
  readonly watching: Pick<Watching, 'changed' | 'expired'>
  readonly reportInstalled: (partition: number, cfg: number) => void
  readonly reportEmptied: (partition: number, cfg: number) => void
}

export class Holdings {
  readonly replica: Replica
  readonly departures: Departures
  readonly #options: HoldingsOptions
  readonly #database: Database
  readonly #clock: Clock
  readonly #antiEntropy: AntiEntropy
  readonly #collection: Collection
  readonly #inventory = new Inventory()
  /** Aborts the counting of what an earlier run left. */
  readonly #aborter = new AbortController()
  #counting: Promise<void> | null = null

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: HoldingsOptions) {
    const { self, database, clock, watching } = options
    this.#options = options
    this.#database = database
    this.#clock = clock
    const onChange = (change: Change): void => this.#changed(change, watching)
    const fences = new Fences(database)
    this.departures = new Departures(database, self)
    const { departures } = this
    this.replica = new Replica({ ...options, fences, departures, onChange })
    this.#collection = new Collection({
      ...options,
      fences,
      onChange,
      onDiffering: (partition, id) => this.want(id, [partition]),
      onExpired: ({ partition, key }) => watching.expired(partition, key),
    })
    const turns = new Turns(self, clock)
    const { replica } = this
    const onHandedOver = (partition: number): void => this.#wantOfAll(partition)
    new SyncServer({ ...options, replica, turns, onHandedOver })
    this.#antiEntropy = new AntiEntropy({ ...options, replica, turns, departures, onChange })
  }

  /** After mesh and membership. */
  async start(): Promise<void> {
    const { signal } = this.#aborter
    await this.#antiEntropy.start()
    if (signal.aborted) return
    await this.#collection.start()
    // A disk that failed is told of by those who need more of it than a number.
    this.#counting = this.#count(signal).catch(() => undefined)
  }

  async #count(signal: AbortSignal): Promise<void> {
    // Others wait to become equal to this disk, nobody for a number: one reads at a time.
    await this.#antiEntropy.untilCounted()
    await this.#inventory.count(this.#database, this.#clock, signal)
    const records = this.held?.damaged ?? 0
    if (records > 0) this.#options.log.write('error', 'store.records-damaged', { records })
  }

  async stop(): Promise<void> {
    this.#aborter.abort()
    await this.#collection.stop()
    await this.#antiEntropy.stop()
    await this.#counting
  }

  /** A replica lacks something of these partitions, or may. */
  want(id: StorageId, partitions: Iterable<number>): void {
    this.#antiEntropy.want(id, partitions)
  }

  /** null until it has been counted. */
  get held(): Amounts | null {
    return this.#inventory.held
  }

  /** Values that had to end before this time have been told of. */
  get sweptMs(): number {
    return this.#collection.sweptMs
  }

  hasLetGo(): Promise<boolean> {
    return this.#antiEntropy.hasLetGo()
  }

  /** Comparisons with other replicas that are still to be made. */
  get syncBacklog(): number {
    return this.#antiEntropy.backlog
  }

  #changed(change: Change, watching: Pick<Watching, 'changed'>): void {
    this.#inventory.changed(change)
    this.#antiEntropy.changed(change)
    watching.changed(change)
    this.#collection.changed(change)
    if (change.damaged !== undefined) this.#lost(change)
  }

  /** What this disk had of a key is gone: all others are asked, not only who gave what is there now. */
  #lost({ partition, key }: Change): void {
    const { counts, log } = this.#options
    counts.recordsLost++
    log.write('error', 'store.record-lost', { partition, key })
    this.#wantOfAll(partition)
  }

  #wantOfAll(partition: number): void {
    const { self, topology } = this.#options
    const current = topology.current()
    if (current === null) return
    for (const id of placeIn(current, '', partition).targets) {
      if (id !== self) this.want(id, [partition])
    }
  }
}
