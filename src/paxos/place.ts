/** Where a register is: its partition, the replicas that vote, and those it moves from. */
import type { StorageId } from '../base/ids.ts'
import { kadIdOfKey } from '../kad/node-id.ts'
import { partitionOf } from '../kad/partition.ts'
import type { Topology } from '../topology/topology.ts'
import { majorityOf } from '../topology/validate.ts'

export interface Place {
  readonly topology: Topology
  readonly key: string
  readonly partition: number
  readonly cfg: number
  readonly replicas: readonly StorageId[]
  /** Null unless the partition moves. */
  readonly previous: readonly StorageId[] | null
}

const SECOND_GROUP = 32

/** Registers and the store share partitions, not names: a key of one is not a key of the other. */
export function placeOf(topology: Topology, key: string): Place {
  return placeIn(topology, key, partitionOf(kadIdOfKey(key), topology.partitions.length))
}

export function placeIn(topology: Topology, key: string, partition: number): Place {
  const state = topology.partitions[partition]
  const { cfg, replicas, prev } = state ?? { cfg: 0, replicas: [], prev: null }
  return { topology, key, partition, cfg, replicas, previous: prev?.replicas ?? null }
}

/** Number by which a disk names itself in its answers; −1 when it has no part in the place. */
export function placeNumber({ replicas, previous }: Place, id: StorageId): number {
  const index = replicas.indexOf(id)
  if (index >= 0 || previous === null) return index
  const old = previous.indexOf(id)
  return old < 0 ? -1 : SECOND_GROUP + old
}

/** Votes that choose a value. */
export function majority(group: readonly StorageId[]): number {
  return majorityOf(group.length)
}

/**
 * Promises that are enough to meet every majority: half will do where the number is even
 * (REGISTERS.md §2, "Even groups").
 */
export function blocking(group: readonly StorageId[]): number {
  return group.length - majority(group) + 1
}
