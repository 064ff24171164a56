/** Where a key is: its partition, the groups of replicas that count, and its name in the database. */
import type { StorageId } from '../base/ids.ts'
import { kadIdOfKey } from '../kad/node-id.ts'
import { partitionOf } from '../kad/partition.ts'
import type { Configuration, Partition, Topology } from '../topology/topology.ts'

export interface Place {
  readonly key: string
  readonly partition: number
  readonly cfg: number
  /** One replica set, or two while data moves: a level must be met in each. */
  readonly groups: readonly (readonly StorageId[])[]
  /** All of them once, the current set first. */
  readonly targets: readonly StorageId[]
  /** Those that have all that was acknowledged: while data moves, the set that it moves from. */
  readonly installed: readonly StorageId[]
}

export function placeOf(topology: Topology, key: string): Place {
  return placeIn(topology, key, partitionOf(kadIdOfKey(key), topology.partitions.length))
}

export function placeIn(topology: Topology, key: string, partition: number): Place {
  const state = topology.partitions[partition]
  if (state === undefined) return { key, partition, cfg: 0, groups: [], targets: [], installed: [] }
  const groups = groupsOf(state)
  const targets = groups.length === 1 ? state.replicas : [...new Set(groups.flat())]
  return { key, partition, cfg: state.cfg, groups, targets, installed: installedIn(state) }
}

/** Those that have all that was acknowledged. */
export function installedIn(state: Partition): readonly StorageId[] {
  return (state.prev ?? state).replicas
}

function groupsOf(state: Configuration & { readonly prev: Configuration | null }) {
  return state.prev === null ? [state.replicas] : [state.replicas, state.prev.replicas]
}

const PREFIX = 'kv/'
/** Where the entries of all partitions lie; '0' is the character after '/'. */
export const STORE_RANGE = { from: PREFIX, to: 'kv0' } as const

/** All entries of a partition lie between this and `partitionEnd`. */
export function partitionPrefix(partition: number): string {
  return `${PREFIX}${partition.toString(16).padStart(4, '0')}/`
}

/** '0' is the character after '/'. */
export function partitionEnd(partition: number): string {
  return `${PREFIX}${partition.toString(16).padStart(4, '0')}0`
}

export function databaseKey(partition: number, key: string): string {
  return partitionPrefix(partition) + key
}

/** The partition of a database key. */
export function partitionIn(stored: string): number {
  return Number.parseInt(stored.slice(PREFIX.length, PREFIX.length + 4), 16)
}

/** The user's key inside a database key. */
export function userKey(stored: string): string {
  return stored.slice(PREFIX.length + 5)
}
