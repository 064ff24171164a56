/**
 * Whether a stream can have missed something, by partition.
 *
 * Whatever is durable at a replica comes to the others, by anti-entropy at the latest. So a stream
 * misses nothing of a partition while one replica, a **keeper**, holds it from before the stream
 * began, and all that changed there since is or will be read. A replica whose memory of changes was
 * lost (it was restarted, or had too many of them), or that was filled or found later, is none: what
 * it alone took in before may never be told by anybody. Where no keeper is left, there is a gap:
 * from then on whoever is followed keeps.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Topology } from '../../topology/topology.ts'
import { placeIn } from '../place.ts'

export class Continuity {
  /** By partition. */
  #keepers: ReadonlySet<StorageId>[] = []
  /** Disks whose changes are read from some point on. */
  readonly #followed = new Set<StorageId>()
  #topology: Topology

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** Whether any partition lies at one of these disks. */
  isAnyAt(ids: ReadonlySet<StorageId>): boolean {
    return this.#topology.partitions.some((_, p) => this.#holders(p).some((id) => ids.has(id)))
  }

  /** The stream begins: of all partitions these disks have told everything since. */
  begin(since: Iterable<StorageId>): void {
    const kept = new Set(since)
    for (const id of kept) this.#followed.add(id)
    this.#keepers = this.#topology.partitions.map(
      (_, p) => new Set(this.#holders(p).filter((id) => kept.has(id))),
    )
  }

  /** True: there is a gap. What changes at the disk is read from now on; `isWhole`: and was before. */
  follows(id: StorageId, isWhole: boolean): boolean {
    this.#followed.add(id)
    if (isWhole) {
      this.#keepers = this.#keepers.map((keepers, p) =>
        this.#holders(p).includes(id) ? new Set([...keepers, id]) : keepers,
      )
    }
    return this.#mend()
  }

  /** True: there is a gap. Some of what changed at the disk is gone; it is followed from now on. */
  lost(id: StorageId): boolean {
    return this.#dismiss(id)
  }

  /** True: there is a gap. The disk is no member any more. */
  left(id: StorageId): boolean {
    this.#followed.delete(id)
    return this.#dismiss(id)
  }

  #dismiss(id: StorageId): boolean {
    this.#keepers = this.#keepers.map((keepers) => {
      return keepers.has(id) ? new Set([...keepers].filter((each) => each !== id)) : keepers
    })
    return this.#mend()
  }

  /** True: there is a gap. */
  onTopology(topology: Topology): boolean {
    this.#topology = topology
    this.#keepers = this.#keepers.map((keepers, p) => {
      const holders = this.#holders(p)
      const isSame = [...keepers].every((id) => holders.includes(id))
      return isSame ? keepers : new Set([...keepers].filter((id) => holders.includes(id)))
    })
    return this.#mend()
  }

  /** Where nobody keeps, whoever is followed does from now on. */
  #mend(): boolean {
    let isGap = false
    for (const [p, keepers] of this.#keepers.entries()) {
      if (keepers.size > 0) continue
      const next = this.#holders(p).filter((id) => this.#followed.has(id))
      if (next.length === 0) continue
      this.#keepers[p] = new Set(next)
      isGap = true
    }
    return isGap
  }

  /** Those that have all of a partition, and tell what changes there. */
  #holders(partition: number): readonly StorageId[] {
    return placeIn(this.#topology, '', partition).installed
  }
}
