/**
 * The planner: from the current topology and what is believed of the members, the next topology
 * (registers.md §4). Pure; safety does not depend on it (`validate.ts` checks what it makes).
 *
 * - A partition that still moves is left alone, but for its `prev`, which goes when it is installed.
 * - A partition moves only while a majority of its replicas is alive, and to a set of which a
 *   majority is alive: it could not finish before the dead come back.
 * - The dead are replaced by themselves only with a live spare, never below the replication
 *   factor, and not at all while more than a third of the members are gone: then it is more
 *   likely that we are the ones cut off.
 * - A disk that leaves or was removed is emptied even if fewer replicas remain, as long as half
 *   of each replica set is alive to hand over (the seal of registers.md, "Even groups").
 * - A member goes from the list when no replica set names it any more.
 */
import type { StorageId } from '../base/ids.ts'
import { hashTopology } from './codec.ts'
import { ADDRESSES_MAX, MEMBERS_MAX } from './limits.ts'
import type { Move } from './manual-move.ts'
import type { Seat, Slot } from './assignment.ts'
import { Placement } from './placement.ts'
import { Ranking } from './ranking.ts'
import { chooseRoots } from './roots.ts'
import type { Partition, Retired, Topology, TopologyMember } from './topology.ts'
import { majorityOf, sameIds } from './validate.ts'

export interface PlanInput {
  readonly current: Topology
  /** Who is alive, settled and may store, with newest facts; members of `current` among them. */
  readonly candidates: readonly TopologyMember[]
  /** Disks of members of `current` that answer, settled or not. */
  readonly alive: ReadonlySet<StorageId>
  /** Members gone for so long that they should be replaced. */
  readonly lost: ReadonlySet<StorageId>
  /** Members that asked to go. */
  readonly leaving: ReadonlySet<StorageId>
  /** Disks that the operator removes now, besides those of `current.removed`. */
  readonly removed: readonly StorageId[]
  /** What the operator moves. */
  readonly moves: readonly Move[]
  /** Partitions whose `prev` may go, and who said that they hold everything. */
  readonly installed: ReadonlyMap<number, ReadonlySet<StorageId>>
}

export interface Plan {
  /** null when there is nothing to change. */
  readonly next: Topology | null
  /** One clause for each kind of change, for people. */
  readonly reasons: readonly string[]
  /** The only change is of addresses or names, which may wait for a better reason. */
  readonly minor: boolean
}

export function planTopology(input: PlanInput): Plan {
  const { current } = input
  const removed = [...new Set([...current.removed, ...input.removed])]
  const going = new Set([...input.leaving, ...removed])
  const lost = replaceable(input)
  const draft = draftMembers(input, going)
  const partitions = placePartitions(input, draft, going, lost)
  const named = new Set(
    partitions.flatMap(({ replicas, prev }) => [...replicas, ...(prev?.replicas ?? [])]),
  )
  const goes = (id: StorageId) => !named.has(id) && (going.has(id) || lost.has(id))
  const kept = draft.filter(({ storageId }) => !goes(storageId))
  const members = kept.length > 0 ? kept : draft
  const serves = (id: StorageId) => !going.has(id) && !lost.has(id)
  const candidates = new Set(input.candidates.map(({ storageId }) => storageId))
  const able = (id: StorageId) => serves(id) && candidates.has(id)
  const alive = (id: StorageId) => input.alive.has(id) || candidates.has(id)
  const roots = chooseRoots(current.roots, members, { serves, able, alive })
  const retired = retiredBy(current, partitions, input.installed)
  const changed = { ...current, members, roots, partitions, removed, retired }
  const reasons = reasonsOf(current, changed)
  const minor = reasons.length === 0 && !sameFacts(current.members, members)
  if (reasons.length === 0 && !minor) return { next: null, reasons, minor }
  const next = { ...changed, number: current.number + 1, parent: hashTopology(current) }
  return { next, reasons: minor ? ['facts'] : reasons, minor }
}

/** The lost, unless so many are gone that the fault is more likely ours. */
function replaceable(input: PlanInput): ReadonlySet<StorageId> {
  const { members } = input.current
  const gone = members.filter(({ storageId }) => !input.alive.has(storageId)).length
  return gone * 3 > members.length ? new Set() : input.lost
}

/** Present members with newest facts, then those who join, in the order of their disks. */
function draftMembers(input: PlanInput, going: ReadonlySet<StorageId>): TopologyMember[] {
  const fresh = new Map(input.candidates.map((member) => [member.storageId, member]))
  const present = input.current.members.map((member) => fresh.get(member.storageId) ?? member)
  const known = new Set(present.map(({ storageId }) => storageId))
  const joining = input.candidates
    .filter(({ storageId }) => !known.has(storageId) && !going.has(storageId))
    .toSorted((a, b) => (a.storageId < b.storageId ? -1 : 1))
  const all = [...present, ...joining].slice(0, Math.max(MEMBERS_MAX, present.length))
  return all.map((member) =>
    member.addresses.length <= ADDRESSES_MAX
      ? member
      : { ...member, addresses: member.addresses.slice(0, ADDRESSES_MAX) },
  )
}

function placePartitions(
  input: PlanInput,
  draft: readonly TopologyMember[],
  going: ReadonlySet<StorageId>,
  lost: ReadonlySet<StorageId>,
): Partition[] {
  const { current, alive, installed } = input
  const candidates = new Set(input.candidates.map(({ storageId }) => storageId))
  const isLive = (id: StorageId): boolean => alive.has(id) || candidates.has(id)
  const anyCapacity = draft.some(({ capacity }) => capacity > 0)
  const seats = draft.map(({ storageId, zone, capacity }): Seat => {
    const facts = { capacity, zone, isLive: isLive(storageId) }
    if (going.has(storageId)) return { ...facts, takes: false, fate: 'emptied' }
    const stays = !lost.has(storageId) && (capacity > 0 || !anyCapacity)
    return { ...facts, takes: candidates.has(storageId), fate: stays ? 'stays' : 'replaced' }
  })
  const indexes = new Map(draft.map(({ storageId }, index) => [storageId, index]))
  const slots = current.partitions.map(({ replicas, prev }): Slot => {
    const live = replicas.filter((id) => alive.has(id)).length
    const needed = replicas.some((id) => going.has(id))
      ? Math.ceil(replicas.length / 2)
      : majorityOf(replicas.length)
    return {
      replicas: replicas.map((id) => indexes.get(id) ?? 0),
      fixed: prev !== null || live < needed,
    }
  })
  const ranking = new Ranking(
    draft.map(({ id }) => id),
    slots.length,
  )
  const placed = new Placement(seats, slots, current.replicationFactor, ranking).step()
  for (const { partition, from, to } of input.moves) {
    const slot = slots[partition]
    const [source = -1, target = -1] = [indexes.get(from), indexes.get(to)]
    // What the planner moves in this step as well waits for the next one.
    if (slot === undefined || slot.fixed || placed[partition] !== slot.replicas) continue
    if (seats[target]?.takes !== true || !slot.replicas.includes(source)) continue
    if (slot.replicas.includes(target)) continue
    const set = slot.replicas.map((seat) => (seat === source ? target : seat))
    placed[partition] = ranking.sorted(partition, set)
  }
  return current.partitions.map((partition, index): Partition => {
    const now = placed[index] ?? []
    const next = now.map((seat) => draft[seat]?.storageId ?? '')
    const canFinish = next.filter(isLive).length >= majorityOf(next.length)
    if (now !== slots[index]?.replicas && canFinish) {
      const { cfg, replicas } = partition
      return { cfg: current.number + 1, replicas: next, prev: { cfg, replicas } }
    }
    const retires = partition.prev !== null && installed.has(index)
    return retires ? { ...partition, prev: null } : partition
  })
}

/** Whose `prev` goes, with the word of those who hold everything. */
function retiredBy(
  current: Topology,
  partitions: readonly Partition[],
  installed: PlanInput['installed'],
): Retired[] {
  return partitions.flatMap(({ replicas, prev }, partition) => {
    if (prev !== null || (current.partitions[partition]?.prev ?? null) === null) return []
    const by = installed.get(partition)
    return [{ partition, installed: replicas.filter((id) => by?.has(id)) }]
  })
}

function reasonsOf(before: Topology, after: Topology): string[] {
  const had = new Set(before.members.map(({ storageId }) => storageId))
  const has = new Set(after.members.map(({ storageId }) => storageId))
  const joined = after.members.filter(({ storageId }) => !had.has(storageId)).length
  const left = before.members.filter(({ storageId }) => !has.has(storageId)).length
  const moved = count(after, (partition, i) => partition.cfg !== before.partitions[i]?.cfg)
  const retired = count(
    after,
    ({ prev }, i) => prev === null && (before.partitions[i]?.prev ?? null) !== null,
  )
  const removed = after.removed.length - before.removed.length
  return [
    ...(joined > 0 ? [`${joined} join`] : []),
    ...(left > 0 ? [`${left} go`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
    ...(moved > 0 ? [moved === 1 ? '1 partition moves' : `${moved} partitions move`] : []),
    ...(retired > 0
      ? [retired === 1 ? '1 partition has moved' : `${retired} partitions have moved`]
      : []),
    ...(sameIds(before.roots, after.roots) ? [] : ['roots change']),
  ]
}

function count(topology: Topology, holds: (partition: Partition, index: number) => boolean) {
  return topology.partitions.filter(holds).length
}

function sameFacts(a: readonly TopologyMember[], b: readonly TopologyMember[]): boolean {
  return a.every((member, index) => {
    const other = b[index]
    return (
      other !== undefined &&
      member.id === other.id &&
      member.name === other.name &&
      member.zone === other.zone &&
      member.capacity === other.capacity &&
      sameIds(member.addresses, other.addresses)
    )
  })
}
