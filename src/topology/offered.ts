/**
 * The word of former replicas that they hold nothing of a partition any more, as a root gathers it.
 * In memory only: whoever is not heard in a topology says it again.
 */
import type { StorageId } from '../base/ids.ts'
import type { Emptied } from './issuer.ts'
import type { Topology } from './topology.ts'

interface Reports {
  readonly cfg: number
  readonly by: Set<StorageId>
}

export class OfferedEvidence {
  /** With names of former replicas only: bounded by the topology. */
  readonly #reports = new Map<number, Reports>()

  /**
   * Takes in what fits the topology; the rest is late or wrong, and is dropped. A disk may have
   * become a replica and gone again since it spoke: then the configuration is another one.
   */
  add(topology: Topology, from: StorageId, offered: readonly Emptied[]): void {
    for (const { partition, cfg } of offered) {
      const state = topology.partitions[partition]
      if (state === undefined || state.cfg !== cfg || !state.former.includes(from)) continue
      const known = this.#reports.get(partition)
      if (known?.cfg === cfg) known.by.add(from)
      else this.#reports.set(partition, { cfg, by: new Set([from]) })
    }
  }

  /** Forgets what the topology shows. */
  prune(topology: Topology): void {
    for (const [partition, { cfg, by }] of this.#reports) {
      const state = topology.partitions[partition]
      for (const id of by) if (state?.former.includes(id) !== true) by.delete(id)
      if (state?.cfg !== cfg || by.size === 0) this.#reports.delete(partition)
    }
  }

  /** By partition: former replicas that need not be waited for. `ended`: disks that are no more. */
  offered(topology: Topology, ended: ReadonlySet<StorageId>): Map<number, ReadonlySet<StorageId>> {
    const found = new Map<number, ReadonlySet<StorageId>>()
    for (const [partition, { cfg, former }] of topology.partitions.entries()) {
      if (former.length === 0) continue
      const known = this.#reports.get(partition)
      const by = known?.cfg === cfg ? known.by : null
      const done = former.filter((id) => by?.has(id) === true || ended.has(id))
      if (done.length > 0) found.set(partition, new Set(done))
    }
    return found
  }
}
