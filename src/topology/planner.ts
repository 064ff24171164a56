/**
 * The planner: from the current topology and what is believed of the members, the next topology
 * (REGISTERS.md §4). Pure; safety does not depend on it (`validate.ts` checks what it makes).
 *
 * - A partition that still moves is left alone, but for its `prev`, which goes when it is installed.
 * - A partition moves only while a majority of its replicas is alive, and to a set of which a
 *   majority is alive: it could not finish before the dead come back.
 * - The dead are replaced by themselves only with a live spare, never below the replication
 *   factor, and not at all while more than a third of the members are gone: then it is more
 *   likely that we are the ones cut off.
 * - A disk that leaves or was removed is emptied even if fewer replicas remain, as long as half
 *   of each replica set is alive to hand over (the seal of REGISTERS.md, "Even groups").
 * - A member goes from the list when no replica set names it any more. Where it was a replica it
 *   stays named as a former one, and a partition or cluster that has too many of these rests.
 */
import type { StorageId } from '../base/ids.ts'
import { hashTopology } from './codec.ts'
import { awayAfter, formerAfter, formerDisks } from './former.ts'
import { ADDRESSES_MAX, AWAY_MAX, FORMER_MAX, FORMERS_MAX, MEMBERS_MAX } from './limits.ts'
import type { Move } from './manual-move.ts'
import type { Seat, Slot } from './assignment.ts'
import { Placement } from './placement.ts'
import { Ranking } from './ranking.ts'
import { chooseRoots } from './roots.ts'
import type { Offered, Partition, Retired, Topology, TopologyMember } from './topology.ts'
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
  /** By partition, former replicas that hold nothing of it any more, or that are no more. */
  readonly offered: ReadonlyMap<number, ReadonlySet<StorageId>>
}

export interface Plan {
  /** null when there is nothing to change. */
  readonly next: Topology | null
  /** One clause for each kind of change, for people. */
  readonly reasons: readonly string[]
  /** The only change is of addresses, names or former replicas, which may wait for a better reason. */
  readonly minor: boolean
}

export function planTopology(input: PlanInput): Plan {
  const { current } = input
  const removed = [...new Set([...current.removed, ...input.removed])]
  const going = new Set([...input.leaving, ...removed])
  const lost = replaceable(input)
  const draft = draftMembers(input, going)
  const partitions = placePartitions(input, draft, going, lost)
  letGo(input, partitions, new Set(removed))
  const named = new Set(
    partitions.flatMap(({ replicas, prev }) => [...replicas, ...(prev?.replicas ?? [])]),
  )
  const goes = (id: StorageId) => !named.has(id) && (going.has(id) || lost.has(id))
  const former = formerDisks({ partitions })
  let room = AWAY_MAX - current.away.length
  const kept = draft.filter(({ storageId: id }) => {
    return !goes(id) || (former.has(id) && room-- <= 0)
  })
  const members = kept.length > 0 ? kept : draft
  const serves = (id: StorageId) => !going.has(id) && !lost.has(id)
  const candidates = new Set(input.candidates.map(({ storageId }) => storageId))
  const able = (id: StorageId) => serves(id) && candidates.has(id)
  const alive = (id: StorageId) => input.alive.has(id) || candidates.has(id)
  const roots = chooseRoots(current.roots, members, { serves, able, alive })
  const retired = retiredBy(current, partitions, input.installed)
  const away = awayAfter(current, { members, partitions })
  const offered = offeredIn(input, partitions, new Set(removed))
  const changed = { ...current, members, roots, partitions, removed, away, retired, offered }
  const reasons = reasonsOf(current, changed)
  const small = [
    ...(sameFacts(current.members, members) ? [] : ['facts']),
    ...letGoText(offered.reduce((sum, each) => sum + each.partitions.length, 0)),
  ]
  const minor = reasons.length === 0 && small.length > 0
  if (reasons.length === 0 && !minor) return { next: null, reasons, minor }
  const next = { ...changed, number: current.number + 1, parent: hashTopology(current) }
  return { next, reasons: minor ? small : reasons, minor }
}

function letGoText(copies: number): string[] {
  if (copies === 0) return []
  return [copies === 1 ? '1 old copy is gone' : `${copies} old copies are gone`]
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
  const slots = current.partitions.map(({ replicas, prev, former }): Slot => {
    const live = replicas.filter((id) => alive.has(id)).length
    const needed = replicas.some((id) => going.has(id))
      ? Math.ceil(replicas.length / 2)
      : majorityOf(replicas.length)
    return {
      replicas: replicas.map((id) => indexes.get(id) ?? 0),
      fixed: prev !== null || live < needed || former.length + replicas.length > FORMER_MAX,
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
  let room = FORMERS_MAX - current.partitions.reduce((sum, each) => sum + traceOf(each), 0)
  return current.partitions.map((partition, index): Partition => {
    const now = placed[index] ?? []
    const next = now.map((seat) => draft[seat]?.storageId ?? '')
    const canFinish = next.filter(isLive).length >= majorityOf(next.length)
    if (now !== slots[index]?.replicas && canFinish && partition.replicas.length <= room) {
      const { cfg, replicas, former } = partition
      room -= replicas.length
      return { cfg: current.number + 1, replicas: next, prev: { cfg, replicas }, former }
    }
    const retires = partition.prev !== null && installed.has(index)
    return retires ? { ...partition, prev: null } : partition
  })
}

/** Former replicas that there are or will be when what moves has moved. */
function traceOf({ former, prev }: Partition): number {
  return former.length + (prev?.replicas.length ?? 0)
}

/** Who is a former replica of what after this step. */
function letGo({ current, offered }: PlanInput, partitions: Partition[], removed: Set<StorageId>) {
  for (const [index, after] of partitions.entries()) {
    const before = current.partitions[index] ?? after
    const expected = formerAfter(before, after, removed)
    const gone = offered.get(index)
    const former = gone === undefined ? expected : expected.filter((id) => !gone.has(id))
    if (former !== after.former) partitions[index] = { ...after, former }
  }
}

/** Who is a former replica no more by this step, since it holds nothing. */
function offeredIn(
  { current, offered }: PlanInput,
  partitions: readonly Partition[],
  removed: ReadonlySet<StorageId>,
): Offered[] {
  const byDisk = new Map<StorageId, number[]>()
  for (const [index, after] of partitions.entries()) {
    const before = current.partitions[index]
    const gone = offered.get(index)
    if (before === undefined || gone === undefined) continue
    for (const disk of formerAfter(before, after, removed)) {
      if (!gone.has(disk)) continue
      const list = byDisk.get(disk)
      if (list === undefined) byDisk.set(disk, [index])
      else list.push(index)
    }
  }
  return [...byDisk].map(([disk, list]) => ({ disk, partitions: list }))
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
