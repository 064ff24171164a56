/**
 * Farewell: a former replica offers what it holds to the current ones that are up, and deletes it
 * when a majority has all of it, so that a write which only it had is not lost with it. If others have
 * not, one that has hears of it, and compares with them. When nothing is left it says so: until then
 * the others keep what tells them that something it may hold was deleted.
 */
import { isAtollError } from '../../base/errors.ts'
import { inParallel } from '../../base/in-parallel.ts'
import type { PeerId, StorageId } from '../../base/ids.ts'
import type { Database, Write } from '../../disk/database.ts'
import type { Log } from '../../seams/log.ts'
import type { Partition, Topology, TopologyView } from '../../topology/topology.ts'
import { majorityOf } from '../../topology/validate.ts'
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

export interface Offers {
  /** Gives a peer what it lacks of a partition. False: all but what it cannot take. */
  offer(topology: Topology, peer: PeerId, partition: number): Promise<boolean>
  /** Tells a peer which has all that others of the partition may lack some of it. */
  handOver(topology: Topology, peer: PeerId, partition: number): Promise<void>
}

const DELETE_BATCH = 256
/** Partitions that are let go at the same time. */
const AT_ONCE = 4

export class Farewell {
  readonly #options: FarewellOptions
  readonly #offers: Offers
  /** Partitions that may have data here. */
  readonly #held = new Set<number>()

  constructor(options: FarewellOptions, offers: Offers) {
    this.#options = options
    this.#offers = offers
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
   * Offers and deletes the partitions that are not ours any more. Whether there were some; rejects
   * when none could be offered, and says why of one.
   */
  async sayAll(topology: Topology): Promise<boolean> {
    await this.#reportEmptied()
    let said = 0
    let failure: unknown = null
    await inParallel(this.#foreign(topology), AT_ONCE, async (partition) => {
      try {
        if (!(await this.#offerToAll(topology, partition))) return
      } catch (error) {
        if (isAtollError(error, 'STORAGE_FAILED') || isAtollError(error, 'STOPPED')) throw error
        failure = error
        return
      }
      try {
        await this.#drop(topology, partition)
      } catch (error) {
        this.#held.add(partition)
        throw error
      }
      said++
    })
    if (said === 0 && failure !== null) throw failure
    return said > 0
  }

  /** Whether all that is here is of partitions that this disk is a replica of. */
  async isSaid(): Promise<boolean> {
    const { replica, topology } = this.#options
    await replica.settled()
    const current = topology.current()
    return current !== null && this.#foreign(current).length === 0
  }

  /** Held here, and others' now. */
  #foreign(topology: Topology): number[] {
    return [...this.#held].filter((partition) => {
      const { targets } = placeIn(topology, '', partition)
      return targets.length > 0 && !targets.includes(this.#options.self)
    })
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
   * them. Whether a majority has all of it, and somebody knows if others have not; rejects with the
   * last failure when too few could take it.
   */
  async #offerToAll(topology: Topology, partition: number): Promise<boolean> {
    const { peers, replica } = this.#options
    const { targets } = placeIn(topology, '', partition)
    const takers = targets.map((id) => peers.usable(topology, id)).filter((p) => p !== undefined)
    const needed = majorityOf(targets.length)
    if (takers.length < needed) return false
    // What was taken in under earlier configurations is all that there will be to offer.
    await replica.settled()
    const whole: PeerId[] = []
    const offers = takers.map(async (peer) => {
      if (await this.#offers.offer(topology, peer, partition)) whole.push(peer)
    })
    const ended = await Promise.allSettled(offers)
    const failed = ended.find((each) => each.status === 'rejected')
    if (whole.length < needed && failed !== undefined) throw failed.reason
    if (whole.length < needed) return false
    if (whole.length < targets.length) await this.#handOver(topology, whole, partition)
    return true
  }

  /** One of them is enough: it has all. Rejects when none hears it. */
  async #handOver(topology: Topology, whole: readonly PeerId[], partition: number): Promise<void> {
    let failure: unknown = null
    for (const peer of whole) {
      try {
        return await this.#offers.handOver(topology, peer, partition)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** What was offered by a topology: nothing that came under a later configuration is deleted. */
  async #drop(offered: Topology, partition: number): Promise<void> {
    const { database, departures, replica, topology, log, counts, onChange } = this.#options
    const range = { from: partitionPrefix(partition), to: partitionEnd(partition) }
    // Before the look: what comes from now on is told anew.
    this.#held.delete(partition)
    for (;;) {
      const names: string[] = []
      for await (const [name] of database.scan({ ...range, limit: DELETE_BATCH })) names.push(name)
      if (names.length === 0) break
      // It may have come back to us since, and even have gone again.
      const cfg = topology.current()?.partitions[partition]?.cfg
      if (cfg !== offered.partitions[partition]?.cfg) {
        this.#held.add(partition)
        return
      }
      const losses = names.map((name) => this.#lossOf(partition, name))
      const writes = losses.flatMap(({ key, before }): Write[] => [
        { key: databaseKey(partition, key), value: null },
        ...rowChanges(partition, key, before?.record ?? null, null),
      ])
      // If it comes back now, nobody compares what is about to go.
      const done = database.commit([departures.left(partition), ...writes])
      await replica.settling(done.then(() => losses.forEach(onChange)))
    }
    counts.partitionsDropped++
    log.write('info', 'store.partition-dropped', { partition })
  }

  #lossOf(partition: number, name: string): Change {
    const stored = storedOf(this.#options.database.latest(name))
    return { partition, key: userKey(name), ...stored, after: null }
  }
}
