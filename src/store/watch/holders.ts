/**
 * Who has all of a partition and tells what changes there, in one topology: for all streams of a
 * node, so that the partitions are walked once a topology and not once a stream or disk.
 */
import type { StorageId } from '../../base/ids.ts'
import type { Topology } from '../../topology/topology.ts'
import { majorityOf } from '../../topology/validate.ts'
import { installedIn } from '../place.ts'

const NOBODY: readonly StorageId[] = []

export class Holders {
  readonly topology: Topology
  #byDisk: ReadonlyMap<StorageId, readonly number[]> | null = null
  /** Holders of the partition that has most. */
  #most: number | null = null
  /** What was asked for last. */
  #before: Holders | null = null
  #changed: readonly number[] = []

  constructor(topology: Topology) {
    this.topology = topology
  }

  of(partition: number): readonly StorageId[] {
    const state = this.topology.partitions[partition]
    return state === undefined ? NOBODY : installedIn(state)
  }

  /** So many of a partition's holders that a list, which asks a majority, has asked one of them. */
  enough(partition: number): number {
    return enoughOf(this.of(partition).length)
  }

  /** So many are enough of any partition. */
  get enoughOfAny(): number {
    this.#most ??= Math.max(0, ...this.topology.partitions.map((_, p) => this.of(p).length))
    return enoughOf(this.#most)
  }

  /** Disks that hold any. */
  disks(): Iterable<StorageId> {
    return this.#map().keys()
  }

  partitionsOf(id: StorageId): readonly number[] {
    return this.#map().get(id) ?? []
  }

  /** Partitions that others hold than did in that one. */
  changedSince(before: Holders): readonly number[] {
    if (this.#before === before) return this.#changed
    const isSame = (p: number): boolean => {
      const [was, is] = [before.of(p), this.of(p)]
      return was.length === is.length && was.every((id) => is.includes(id))
    }
    this.#changed = this.topology.partitions.flatMap((_, p) => (isSame(p) ? [] : [p]))
    this.#before = before
    return this.#changed
  }

  #map(): ReadonlyMap<StorageId, readonly number[]> {
    if (this.#byDisk !== null) return this.#byDisk
    const byDisk = new Map<StorageId, number[]>()
    for (const [p, state] of this.topology.partitions.entries()) {
      for (const id of installedIn(state)) {
        const partitions = byDisk.get(id)
        if (partitions === undefined) byDisk.set(id, [p])
        else partitions.push(p)
      }
    }
    this.#byDisk = byDisk
    return byDisk
  }
}

function enoughOf(holders: number): number {
  return holders - majorityOf(holders) + 1
}
