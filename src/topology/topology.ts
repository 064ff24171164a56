/**
 * The topology: the one object that all members agree on (REGISTERS.md §1). Each number is decided
 * once; it names the members, the roots that decide the next number, and for each partition of the
 * key space the replicas that hold it.
 */
import type { ClusterId, PeerId, StorageId } from '../base/ids.ts'

export interface TopologyMember {
  readonly storageId: StorageId
  readonly id: PeerId
  readonly name: string
  readonly addresses: readonly string[]
  readonly zone: string
  readonly capacity: number
}

export interface Configuration {
  /** Number of the topology in which this replica set came to be. */
  readonly cfg: number
  /** Distinct; the first is the distinguished one. */
  readonly replicas: readonly StorageId[]
}

export interface Partition extends Configuration {
  /** The set that still holds data while it moves; null once retired. */
  readonly prev: Configuration | null
  /**
   * Disks that were replicas and may still hold data, which they will offer: until all have, the
   * store keeps what tells it that something was deleted. None of them is in `replicas` or `prev`.
   */
  readonly former: readonly StorageId[]
}

/** A disk that is no member and yet a former replica: away, perhaps for ever. */
export interface AwayDisk {
  readonly storageId: StorageId
  /** Of the member that it last belonged to, for people. */
  readonly name: string
}

/** Why former replicas went: this disk said that it holds nothing of these partitions any more. */
export interface Offered {
  readonly disk: StorageId
  /** Ascending. */
  readonly partitions: readonly number[]
}

/** Why a partition's `prev` went: these replicas said that they hold everything under its cfg. */
export interface Retired {
  readonly partition: number
  /** Of the partition's replicas, in their order. */
  readonly installed: readonly StorageId[]
}

export interface Topology {
  readonly clusterId: ClusterId
  /** 1 is the genesis. */
  readonly number: number
  /** sha256 of the encoded topology before, base16; '' for the genesis. */
  readonly parent: string
  readonly replicationFactor: number
  readonly members: readonly TopologyMember[]
  readonly roots: readonly StorageId[]
  /** Length is a power of two; index = first bits of the key's kad id. */
  readonly partitions: readonly Partition[]
  /** Storage ids that the operator removed: refused for ever. */
  readonly removed: readonly StorageId[]
  /** Former replicas that are no members: exactly those, in the order in which they went. */
  readonly away: readonly AwayDisk[]
  /** Partitions that the topology before still moved, ascending: the evidence for this step alone. */
  readonly retired: readonly Retired[]
  /** Former replicas of the topology before that are none any more: evidence for this step alone. */
  readonly offered: readonly Offered[]
}

/** What the layers above may ask. */
export interface TopologyView {
  /** The highest topology that is durably known here; null on an edge that has fetched none yet. */
  current(): Topology | null
  /** Called after each newer one became durable. Returns the function that ends it. */
  subscribe(listener: (topology: Topology) => void): () => void
  /** A peer showed knowledge of a higher number: fetch it. Resolves when at least that is known. */
  catchUp(atLeast: number, from: PeerId): Promise<void>
}

export function isMember(topology: Topology, storageId: StorageId): boolean {
  return topology.members.some((member) => member.storageId === storageId)
}
