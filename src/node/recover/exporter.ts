/**
 * What each layer contributes to a recovery: from the databases that survived, whatever it can still
 * vouch for goes into a new one. One exporter a layer; `recover.ts` has the list.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Database } from '../../disk/database.ts'
import type { Clock } from '../../seams/clock.ts'
import type { Topology } from '../../topology/topology.ts'

export interface Source {
  /** For messages. */
  readonly directory: string
  readonly storageId: StorageId
  readonly database: Database
  /** As that disk knows it. */
  readonly topology: Topology
}

/** The new cluster's first disk, which nobody uses yet. */
export interface Founded {
  readonly storageId: StorageId
  /** Of the recovery; the daemon's first start has the next. */
  readonly boot: number
  readonly database: Database
  /** The new cluster's first. */
  readonly topology: Topology
  readonly clock: Clock
}

export interface Exporter {
  /** What it counts: `keys`, `registers`. */
  readonly what: string
  /** Durable when it resolves. Returns how many it took over. */
  run(sources: readonly Source[], newest: Topology, into: Founded): Promise<number>
}
