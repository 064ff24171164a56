/**
 * What is left to do until the partitions that move to this node are installed here: which of the
 * old set it has reconciled with under the new configuration. Pure bookkeeping, made anew from
 * each topology, so a restart merely does the work again.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Topology } from '../../topology/topology.ts'

interface Move {
  readonly cfg: number
  readonly old: readonly StorageId[]
  readonly done: Set<StorageId>
}

export class Movement {
  readonly #self: StorageId
  readonly #reportInstalled: (partition: number, cfg: number) => void
  /** By partition; only those that move to this node. */
  readonly #moves = new Map<number, Move>()

  constructor(self: StorageId, reportInstalled: (partition: number, cfg: number) => void) {
    this.#self = self
    this.#reportInstalled = reportInstalled
  }

  /** By member of an old set: the partitions to reconcile with it. */
  onTopology(topology: Topology): Map<StorageId, number[]> {
    const wanted = new Map<StorageId, number[]>()
    for (const [partition, { cfg, replicas, prev }] of topology.partitions.entries()) {
      if (prev === null || !replicas.includes(this.#self)) {
        this.#moves.delete(partition)
        continue
      }
      if (this.#moves.get(partition)?.cfg !== cfg) {
        const done = new Set(prev.replicas.filter((id) => id === this.#self))
        this.#moves.set(partition, { cfg, old: prev.replicas, done })
      }
      if (this.#check(partition)) continue
      for (const id of prev.replicas) {
        if (id === this.#self) continue
        const partitions = wanted.get(id) ?? []
        partitions.push(partition)
        wanted.set(id, partitions)
      }
    }
    return wanted
  }

  /** This node now has everything that the peer had when it already knew the configuration. */
  onReconciled(topology: Topology, partition: number, id: StorageId): void {
    const move = this.#moves.get(partition)
    // The round must have begun under the configuration that it counts for.
    if (move === undefined || topology.partitions[partition]?.cfg !== move.cfg) return
    if (!move.old.includes(id)) return
    move.done.add(id)
    this.#check(partition)
  }

  #check(partition: number): boolean {
    const move = this.#moves.get(partition)
    // So many meet every majority of the old set: of two, one has all that both acknowledged.
    if (move === undefined || move.done.size < Math.ceil(move.old.length / 2)) return false
    this.#reportInstalled(partition, move.cfg)
    return true
  }
}
