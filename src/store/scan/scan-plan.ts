/**
 * Who is asked for what in one page: of each partition one replica gives its records, and as many
 * others as make a majority of each set confirm that they have the same, or give what differs.
 *
 * Who fails is replaced as long as somebody is left. Pure, but for who can be asked.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Topology } from '../../topology/topology.ts'
import { type Place, placeIn } from '../place.ts'

/** Partitions by whom to ask. */
export type Shares = ReadonlyMap<StorageId, readonly number[]>

interface Part {
  readonly place: Place
  giver: StorageId | null
  /** The giver, and those that confirmed; at most all replicas. */
  readonly answered: Set<StorageId>
}

export class ScanPlan {
  readonly #parts: readonly Part[]
  readonly #order: (id: StorageId) => number
  readonly #failed = new Set<StorageId>()

  /** `order` of a member: the lowest is asked first; infinite: it cannot be asked. */
  constructor(topology: Topology, order: (id: StorageId) => number) {
    this.#parts = topology.partitions.map((_, partition) => ({
      place: placeIn(topology, '', partition),
      giver: null,
      answered: new Set(),
    }))
    this.#order = order
  }

  /** It is asked for nothing more. What it gave before counts. */
  failed(id: StorageId): void {
    this.#failed.add(id)
  }

  gave(id: StorageId, partitions: readonly number[]): void {
    for (const part of this.#partsOf(partitions)) {
      part.giver = id
      part.answered.add(id)
    }
  }

  confirmed(id: StorageId, partitions: readonly number[]): void {
    for (const part of this.#partsOf(partitions)) part.answered.add(id)
  }

  /** Partitions that nobody gave yet. Empty: all are given, or nobody is left to. */
  toGive(): Shares {
    const shares = new Shared()
    for (const [partition, { place, giver }] of this.#parts.entries()) {
      if (giver !== null) continue
      // While data moves, the set that it moves to may have little of it yet.
      const first = this.#best(place.installed, shares, NOBODY)
      const id = first ?? this.#best(place.targets, shares, NOBODY)
      if (id !== null) shares.add(id, partition)
    }
    return shares.all
  }

  /** Partitions that are given and not confirmed by a majority. Empty: all are, or nobody is left. */
  toConfirm(): Shares {
    const shares = new Shared()
    for (const [partition, { place, giver, answered }] of this.#parts.entries()) {
      if (giver === null) continue
      const counted = new Set(answered)
      for (const group of place.groups) {
        while (!isMajority(group, counted)) {
          const id = this.#best(group, shares, counted)
          if (id === null) break
          counted.add(id)
          shares.add(id, partition)
        }
      }
    }
    return shares.all
  }

  /** Whether a majority of every set of every partition has answered. */
  get isWhole(): boolean {
    return this.#parts.every(({ place, answered }) =>
      place.groups.every((group) => isMajority(group, answered)),
    )
  }

  /** The first in order; of several, who has been given least. */
  #best(ids: readonly StorageId[], shares: Shared, but: ReadonlySet<StorageId>): StorageId | null {
    let best: StorageId | null = null
    let bestOrder = Number.POSITIVE_INFINITY
    for (const id of ids) {
      if (but.has(id) || this.#failed.has(id)) continue
      const order = this.#order(id)
      const isLess = order === bestOrder && best !== null && shares.of(id) < shares.of(best)
      if (order < bestOrder || isLess) {
        best = id
        bestOrder = order
      }
    }
    return best
  }

  #partsOf(partitions: readonly number[]): Part[] {
    return partitions.flatMap((partition) => this.#parts[partition] ?? [])
  }
}

const NOBODY: ReadonlySet<StorageId> = new Set()

function isMajority(group: readonly StorageId[], answered: ReadonlySet<StorageId>): boolean {
  return group.filter((id) => answered.has(id)).length > Math.floor(group.length / 2)
}

class Shared {
  readonly all = new Map<StorageId, number[]>()

  of(id: StorageId): number {
    return this.all.get(id)?.length ?? 0
  }

  add(id: StorageId, partition: number): void {
    const share = this.all.get(id)
    if (share === undefined) this.all.set(id, [partition])
    else share.push(partition)
  }
}
