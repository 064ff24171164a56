/**
 * What is left to do until the partitions that move to this node are installed here: which of the
 * old set it has reconciled with under the new configuration. Pure bookkeeping, made anew from
 * each topology, so a restart merely does the work again.
 *
 * A movement may end without this node: it was taken for down, or never heard of it. Then it
 * lacks what others have, or has what they refused, and nobody else knows: it compares with all of
 * the set. So it does after a start, with what has happened before unknown.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Partition, Topology } from '../../topology/topology.ts'

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
  /** By partition of this node: the configuration under which it is known to be whole, or asks to be. */
  readonly #whole = new Map<number, number>()

  constructor(self: StorageId, reportInstalled: (partition: number, cfg: number) => void) {
    this.#self = self
    this.#reportInstalled = reportInstalled
  }

  /** By replica, of an old set or of one that was moved to without this node: what to reconcile. */
  onTopology(topology: Topology): Map<StorageId, number[]> {
    const wanted = new Map<StorageId, number[]>()
    for (const [partition, state] of topology.partitions.entries()) {
      for (const id of this.#sourcesOf(partition, state)) {
        if (id === this.#self) continue
        const partitions = wanted.get(id) ?? []
        partitions.push(partition)
        wanted.set(id, partitions)
      }
    }
    return wanted
  }

  #sourcesOf(partition: number, { cfg, replicas, prev }: Partition): readonly StorageId[] {
    if (!replicas.includes(this.#self)) {
      this.#moves.delete(partition)
      this.#whole.delete(partition)
      return []
    }
    if (prev === null) {
      this.#moves.delete(partition)
      const isWhole = this.#whole.get(partition) === cfg
      this.#whole.set(partition, cfg)
      return isWhole ? [] : replicas
    }
    if (this.#moves.get(partition)?.cfg !== cfg) {
      const done = new Set(prev.replicas.filter((id) => id === this.#self))
      this.#moves.set(partition, { cfg, old: prev.replicas, done })
    }
    return this.#check(partition) ? [] : prev.replicas
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
    this.#whole.set(partition, move.cfg)
    this.#reportInstalled(partition, move.cfg)
    return true
  }
}
