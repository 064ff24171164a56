/**
 * What a root makes of membership: who may store, who answers, who is gone for long. Gossip
 * advises here and decides nothing: a member counts under exactly its peer id and storage id.
 */
import { isId, peerIdBytes, type StorageId } from '../base/ids.ts'
import type { Member, Membership } from '../swim/member.ts'
import { formerDisks } from './former.ts'
import type { Topology, TopologyMember } from './topology.ts'

export interface CensusTimes {
  /** How long a member is alive without a break before it may store, in a cluster of that size. */
  readonly settleMs: (members: number) => number
  /** How long a member is gone before it is replaced. */
  readonly replaceAfterMs: number
}

export interface Count {
  readonly candidates: readonly TopologyMember[]
  readonly alive: ReadonlySet<StorageId>
  readonly lost: ReadonlySet<StorageId>
  /**
   * Members whose disk is no more, by their own word: the process said goodbye, or its peer speaks
   * for another disk now. A leave that crossed a decision to take it in ends like this.
   */
  readonly ended: ReadonlySet<StorageId>
  /**
   * Disks, of members or not, whose process said goodbye: it had let go of the cluster durably
   * before, and starts anew under another name.
   */
  readonly left: ReadonlySet<StorageId>
  /** Newcomers that will have settled at this time at the latest; Infinity when there are none. */
  readonly settlesAtMs: number
  /** When the next count may come out differently by time alone. */
  readonly changesAtMs: number
}

export class Census {
  readonly #membership: Membership
  readonly #times: CensusTimes
  /** Members of the topology that do not answer, since when; never more than it has members. */
  readonly #goneSinceMs = new Map<StorageId, number>()
  /** Disks that said goodbye and that the topology names: at most those. */
  readonly #left = new Set<StorageId>()

  constructor(membership: Membership, times: CensusTimes) {
    this.#membership = membership
    this.#times = times
  }

  take(topology: Topology, nowMs: number): Count {
    const settleMs = this.#times.settleMs(topology.members.length)
    const settled = new Map<StorageId, Member>()
    let settlesAtMs = Number.POSITIVE_INFINITY
    for (const member of this.#storing(topology)) {
      const atMs = member.changedAtMs + settleMs
      const isSelf = member.id === this.#membership.self().id
      if (isSelf || atMs <= nowMs) settled.set(member.storageId, member)
      else settlesAtMs = Math.min(settlesAtMs, atMs)
    }
    const { alive, lost, losesAtMs } = this.#present(topology, nowMs)
    const ended = this.#ended(topology)
    const candidates = [...settled.values()].map(toTopologyMember)
    const changesAtMs = Math.min(settlesAtMs, losesAtMs)
    const left = this.#goodbyes(topology)
    return { candidates, alive, lost, ended, left, settlesAtMs, changesAtMs }
  }

  /** Alive members with a disk; of two that show the same disk, the one that the topology names. */
  #storing(topology: Topology): Iterable<Member> {
    const names = new Map(topology.members.map(({ storageId, id }) => [storageId, id]))
    const byDisk = new Map<StorageId, Member>()
    for (const member of this.#membership.members()) {
      if (member.state !== 'alive' || member.role !== 'member') continue
      if (!isId(member.storageId) || peerIdBytes(member.id) === null) continue
      const other = byDisk.get(member.storageId)
      const named = names.get(member.storageId)
      const wins = other === undefined || member.id === named
      if (wins || (other.id !== named && member.id < other.id)) {
        byDisk.set(member.storageId, member)
      }
    }
    return byDisk.values()
  }

  #ended(topology: Topology): Set<StorageId> {
    const ended = topology.members.filter(({ id, storageId }) => {
      const member = this.#membership.get(id)
      if (member === undefined || !isId(member.storageId)) return false
      return member.storageId === storageId ? member.state === 'left' : member.state === 'alive'
    })
    return new Set(ended.map(({ storageId }) => storageId))
  }

  /** Remembered, since a peer that joins again at once has another disk, and gossip names that. */
  #goodbyes(topology: Topology): ReadonlySet<StorageId> {
    for (const { state, storageId } of this.#membership.members()) {
      if (state === 'left') this.#left.add(storageId)
    }
    if (this.#left.size === 0) return this.#left
    const named = formerDisks(topology)
    for (const { storageId } of topology.members) named.add(storageId)
    for (const id of this.#left) if (!named.has(id)) this.#left.delete(id)
    return new Set(this.#left)
  }

  #present(topology: Topology, nowMs: number) {
    const self = this.#membership.self()
    const alive = new Set<StorageId>()
    const lost = new Set<StorageId>()
    let losesAtMs = Number.POSITIVE_INFINITY
    for (const { id, storageId } of topology.members) {
      if (storageId === self.storageId || this.#membership.isUsable(id, storageId)) {
        alive.add(storageId)
        this.#goneSinceMs.delete(storageId)
        continue
      }
      const sinceMs = this.#goneSinceMs.get(storageId) ?? nowMs
      this.#goneSinceMs.set(storageId, sinceMs)
      const atMs = sinceMs + this.#times.replaceAfterMs
      if (atMs <= nowMs) lost.add(storageId)
      else losesAtMs = Math.min(losesAtMs, atMs)
    }
    const known = new Set(topology.members.map(({ storageId }) => storageId))
    for (const storageId of this.#goneSinceMs.keys()) {
      if (!known.has(storageId)) this.#goneSinceMs.delete(storageId)
    }
    return { alive, lost, losesAtMs }
  }
}

function toTopologyMember(member: Member): TopologyMember {
  const { storageId, id, name, addresses, zone, capacity } = member
  return { storageId, id, name, addresses, zone, capacity }
}
