/**
 * The replicas' word that moved partitions are installed, as a root gathers it. In memory
 * only: whoever is not heard in a topology says it again.
 */
import type { StorageId } from '../base/ids.ts'
import type { Installed } from './issuer.ts'
import type { Topology } from './topology.ts'
import { majorityOf } from './validate.ts'

interface Reports {
  readonly cfg: number
  readonly by: Set<StorageId>
}

export class InstalledEvidence {
  /** Moving partitions only, with names of their replicas only: bounded by the topology. */
  readonly #reports = new Map<number, Reports>()

  /** Takes in what fits the topology; the rest is late, early or wrong, and is dropped. */
  add(topology: Topology, from: StorageId, installed: readonly Installed[]): void {
    for (const { partition, cfg } of installed) {
      const state = topology.partitions[partition]
      if (state === undefined || state.prev === null) continue
      if (state.cfg !== cfg || !state.replicas.includes(from)) continue
      const known = this.#reports.get(partition)
      if (known?.cfg === cfg) known.by.add(from)
      else this.#reports.set(partition, { cfg, by: new Set([from]) })
    }
  }

  /** Forgets partitions that no longer move. */
  prune(topology: Topology): void {
    for (const [partition, { cfg }] of this.#reports) {
      const state = topology.partitions[partition]
      if (state?.cfg !== cfg || state.prev === null) this.#reports.delete(partition)
    }
  }

  /** By partition that moves: who reported it. */
  reported(topology: Topology): Map<number, readonly StorageId[]> {
    const reports = new Map<number, readonly StorageId[]>()
    for (const [partition, { prev, cfg }] of topology.partitions.entries()) {
      const known = this.#reports.get(partition)
      if (prev !== null) reports.set(partition, known?.cfg === cfg ? [...known.by] : [])
    }
    return reports
  }

  /** Partitions that every live replica holds, and a majority of the replicas at least; by whom. */
  installed(
    topology: Topology,
    alive: ReadonlySet<StorageId>,
  ): Map<number, ReadonlySet<StorageId>> {
    const done = new Map<number, ReadonlySet<StorageId>>()
    for (const [partition, { cfg, by }] of this.#reports) {
      const state = topology.partitions[partition]
      if (state === undefined || state.prev === null || state.cfg !== cfg) continue
      const { replicas } = state
      const all = replicas.every((id) => by.has(id) || !alive.has(id))
      const count = replicas.filter((id) => by.has(id)).length
      if (all && count >= majorityOf(replicas.length)) done.set(partition, by)
    }
    return done
  }
}
