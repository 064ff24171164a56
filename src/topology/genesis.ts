/** Topology 1: one member, which is the root and holds every partition. Made by `init` alone. */
import { assert } from '../base/assert.ts'
import type { ClusterId } from '../base/ids.ts'
import { isPartitionCount } from '../kad/partition.ts'
import { REPLICATION_FACTOR_MAX } from './limits.ts'
import type { Topology, TopologyMember } from './topology.ts'

export const REPLICATION_FACTOR_DEFAULT = 3
export const PARTITIONS_DEFAULT = 256

export interface GenesisOptions {
  readonly clusterId: ClusterId
  readonly founder: TopologyMember
  readonly replicationFactor?: number
  /** A power of two; fixed for the life of the cluster. */
  readonly partitions?: number
}

export function genesisTopology(options: GenesisOptions): Topology {
  const { clusterId, founder } = options
  const replicationFactor = options.replicationFactor ?? REPLICATION_FACTOR_DEFAULT
  const count = options.partitions ?? PARTITIONS_DEFAULT
  assert(isPartitionCount(count), 'the number of partitions is a power of two')
  assert(
    replicationFactor >= 1 && replicationFactor <= REPLICATION_FACTOR_MAX,
    'the replication factor is within its limits',
  )
  const only = [founder.storageId]
  const partitions = Array.from({ length: count }, () => ({
    cfg: 1,
    replicas: only,
    prev: null,
    former: [],
  }))
  return {
    clusterId,
    number: 1,
    parent: '',
    replicationFactor,
    members: [founder],
    roots: only,
    partitions,
    removed: [],
    away: [],
    retired: [],
    offered: [],
  }
}
