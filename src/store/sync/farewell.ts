/**
 * Farewell: a former replica offers what it holds to a majority of the current ones, and only then
 * deletes it, so that a write which only it had is not lost with it. When nothing is left it says
 * so: until then the others keep what tells them that something it may hold was deleted.
 */
import { isAtollError } from '../../base/errors.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Database, Write } from '../../disk/database.ts'
import type { Log } from '../../seams/log.ts'
import type { Partition, Topology, TopologyView } from '../../topology/topology.ts'
import type { StoreCounts } from '../counts.ts'
import { type Change, storedOf } from '../change.ts'
import { rowChanges } from '../collect/index-rows.ts'
import type { Departures } from '../departures.ts'
import type { Peers } from '../../topology/peers.ts'
import {
  databaseKey,
  partitionEnd,
  partitionIn,
  partitionPrefix,
  placeIn,
  STORE_RANGE,
  userKey,
} from '../place.ts'
import type { Replica } from '../replica.ts'

export interface FarewellOptions {
  readonly self: StorageId
  readonly database: Database
  readonly departures: Departures
  readonly counts: StoreCounts
  readonly replica: Replica
  readonly topology: TopologyView
  readonly peers: Peers
  readonly log: Log
  /** Called in the turn in which a change has become durable. */
  readonly onChange: (change: Change) => void
  readonly reportEmptied: (partition: number, cfg: number) => void
}

/** Gives a peer what it lacks of a partition. False: all but what it cannot take. */
export type Offer = (topology: Topology, peer: PeerId, partition: number) => Promise<boolean>

const DELETE_BATCH = 256

export class Farewell {
  readonly #options: FarewellOptions
  readonly #offer: Offer
  /** Partitions that may have data here. */
  readonly #held = new Set<number>()

  constructor(options: FarewellOptions, offer: Offer) {
    this.#options = options
    this.#offer = offer
  }

  /** Data of the partition is here. */
  holds(partition: number): void {
    this.#held.add(partition)
  }

  /** Looks what an earlier run left here. */
  async find(): Promise<void> {
    const { database } = this.#options
    for (let from: string | null = STORE_RANGE.from; from !== null; ) {
      const range = { from, to: STORE_RANGE.to, limit: 1 }
      from = null
      for await (const [stored] of database.scan(range)) {
        const partition = partitionIn(stored)
        this.#held.add(partition)
        from = partitionEnd(partition)
      }
    }
  }

  /**
   * Offers and deletes one partition that is not ours any more. False when there is none; rejects
   * when none could be offered, and says why of one.
   */
  async sayOne(topology: Topology): Promise<boolean> {
    const { self } = this.#options
    await this.#reportEmptied()
    let failure: unknown = null
    for (const partition of this.#held) {
      const { targets } = placeIn(topology, '', partition)
      if (targets.length === 0 || targets.includes(self)) continue
      try {
        if (!(await this.#offerToAll(topology, partition, targets))) continue
      } catch (error) {
        if (isAtollError(error, 'STORAGE_FAILED') || isAtollError(error, 'STOPPED')) throw error
        failure = error
        continue
      }
      try {
        await this.#drop(partition)
      } catch (error) {
        this.#held.add(partition)
        throw error
      }
      return true
    }
    if (failure !== null) throw failure
    return false
  }

  /** What was being taken in while this was a replica is awaited: `#held` knows it then. */
  async #reportEmptied(): Promise<void> {
    const { self, topology, replica, reportEmptied } = this.#options
    const isDone = (id: number, { former }: Partition): boolean => {
      return former.includes(self) && !this.#held.has(id)
    }
    const before = topology.current()?.partitions ?? []
    const done = before.flatMap((each, p) => (isDone(p, each) ? [p] : []))
    if (done.length === 0) return
    await replica.settled()
    // Those alone: what was a replica until a moment ago may still take in what it accepted then.
    for (const partition of done) {
      const state = topology.current()?.partitions[partition]
      if (state === undefined || state.cfg !== before[partition]?.cfg) continue
      if (isDone(partition, state)) reportEmptied(partition, state.cfg)
    }
  }

  /**
   * Offers to all that are up: what this disk alone had, nobody else knows to be lacking at one of
   * them. Whether a majority has all of it; rejects with the last failure when too few could take it.
   */
  async #offerToAll(
    topology: Topology,
    partition: number,
    targets: readonly StorageId[],
  ): Promise<boolean> {
    const { peers, replica } = this.#options
    const takers = targets.map((id) => peers.usable(topology, id)).filter((p) => p !== undefined)
    const needed = Math.floor(targets.length / 2) + 1
    if (takers.length < needed) return false
    // What was taken in under earlier configurations is all that there will be to offer.
    await replica.settled()
    let taken = 0
    let failure: unknown = null
    for (const peer of takers) {
      try {
        if (await this.#offer(topology, peer, partition)) taken++
      } catch (error) {
        failure = error
      }
    }
    if (taken < needed && failure !== null) throw failure
    return taken >= needed
  }

  async #drop(partition: number): Promise<void> {
    const { database, departures, topology, self, log, counts, onChange } = this.#options
    const range = { from: partitionPrefix(partition), to: partitionEnd(partition) }
    // Before the look: what comes from now on is told anew.
    this.#held.delete(partition)
    for (;;) {
      const names: string[] = []
      for await (const [name] of database.scan({ ...range, limit: DELETE_BATCH })) names.push(name)
      if (names.length === 0) break
      // It may have come back to us while we were reading.
      const current = topology.current()
      if (current === null || placeIn(current, '', partition).targets.includes(self)) {
        this.#held.add(partition)
        return
      }
      const losses = names.map((name) => this.#lossOf(partition, name))
      const writes = losses.flatMap(({ key, before }): Write[] => [
        { key: databaseKey(partition, key), value: null },
        ...rowChanges(partition, key, before?.record ?? null, null),
      ])
      await database.commit([departures.left(partition), ...writes])
      for (const loss of losses) onChange(loss)
    }
    counts.partitionsDropped++
    log.write('info', 'store.partition-dropped', { partition })
  }

  #lossOf(partition: number, name: string): Change {
    const stored = storedOf(this.#options.database.latest(name))
    return { partition, key: userKey(name), ...stored, after: null }
  }
}
