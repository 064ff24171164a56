/**
 * Whether one topology may follow another (REGISTERS.md §4): the checks of every root that votes
 * for it, and of everybody who learns it. They hold even if the one who plans is mistaken:
 *
 * - the parent is the one we hold, and the cluster is ours;
 * - a partition that moves takes the new number as its `cfg` and keeps its old set as `prev`;
 * - no partition moves while it still has a `prev`;
 * - `prev` goes only when the record names a majority of the replicas as having everything;
 * - nobody whom the operator removed becomes a member;
 * - whoever a partition has moved away from is its former replica until the record says that it has
 *   offered, it is a replica again, or it was removed;
 * - the roots are an odd number: of an even one, half decides nothing.
 */
import type { StorageId } from '../base/ids.ts'
import { hashTopology } from './codec.ts'
import { formerAfter, offeredByPartition } from './former.ts'
import type { Configuration, Partition, Topology } from './topology.ts'

export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/** The reason why `next` may not follow `parent`, or null. */
export function refusalOfSuccessor(parent: Topology, next: Topology): string | null {
  if (next.clusterId !== parent.clusterId) return 'it belongs to another cluster'
  if (next.number !== parent.number + 1) return `its number is not ${parent.number + 1}`
  if (next.parent !== hashTopology(parent)) return 'its parent is another topology'
  if (next.replicationFactor !== parent.replicationFactor) return 'the replication factor changed'
  if (next.partitions.length !== parent.partitions.length) return 'the partition count changed'
  if (next.roots.length % 2 === 0) return 'the number of roots is even'
  return refusalOfMembers(parent, next) ?? refusalOfPartitions(parent, next)
}

function refusalOfMembers(parent: Topology, next: Topology): string | null {
  const removed = new Set(next.removed)
  if (!parent.removed.every((id) => removed.has(id))) return 'a removed disk is forgotten'
  const before = new Set(parent.members.map(({ storageId }) => storageId))
  const back = next.members.find(({ storageId: id }) => removed.has(id) && !before.has(id))
  return back === undefined ? null : `${back.name} was removed and joins`
}

function refusalOfPartitions(parent: Topology, next: Topology): string | null {
  const reports = new Map(next.retired.map(({ partition, installed }) => [partition, installed]))
  const offers = offeredByPartition(next.offered)
  const removed = new Set(next.removed)
  for (const [index, after] of next.partitions.entries()) {
    const before = parent.partitions[index]
    if (before === undefined) continue
    const installed = reports.get(index)
    if (installed !== undefined && before.prev === null) return `partition ${index} did not move`
    const refusal =
      (before === after ? null : refusalOfPartition(before, after, next.number, installed)) ??
      refusalOfFormer(before, after, removed, offers.get(index) ?? new Set())
    if (refusal !== null) return `partition ${index}: ${refusal}`
  }
  return null
}

function refusalOfPartition(
  before: Partition,
  after: Partition,
  number: number,
  installed: readonly StorageId[] | undefined,
): string | null {
  if (sameConfiguration(before, after)) {
    if (sameConfiguration(before.prev, after.prev)) return null
    if (after.prev !== null) return 'its previous set changed without a move'
    const count = after.replicas.filter((id) => installed?.includes(id)).length
    if (count >= majorityOf(after.replicas.length)) return null
    return `retired with ${count} of ${after.replicas.length} installed`
  }
  if (before.prev !== null) return 'it moves while it still moves'
  if (after.cfg !== number) return `it moves with cfg ${after.cfg}`
  if (!sameConfiguration(before, after.prev)) return 'it moves and does not keep its old set'
  return null
}

/** Nobody is forgotten without a word, and nobody comes out of nowhere. */
function refusalOfFormer(
  before: Partition,
  after: Partition,
  removed: ReadonlySet<StorageId>,
  offered: ReadonlySet<StorageId>,
): string | null {
  const expected = formerAfter(before, after, removed)
  if (after.former === expected && offered.size === 0) return null
  for (const id of offered) if (!expected.includes(id)) return `${id} is no former replica of it`
  const stay = expected.filter((id) => !offered.has(id))
  return sameIds(after.former, stay) ? null : 'its former replicas are others'
}

export function sameConfiguration(a: Configuration | null, b: Configuration | null): boolean {
  if (a === null || b === null) return a === b
  return a.cfg === b.cfg && sameIds(a.replicas, b.replicas)
}

export function sameIds(a: readonly StorageId[], b: readonly StorageId[]): boolean {
  return a === b || (a.length === b.length && a.every((id, i) => id === b[i]))
}
