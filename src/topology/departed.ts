/**
 * Disks that went from the topology while their process still runs: a member that has left says
 * goodbye a moment later, and must not be taken in again in between, whoever issues then.
 * It may come back as another process (a higher boot), or after membership has seen it go.
 */
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import type { Topology } from './topology.ts'

export class Departed {
  readonly #membership: Membership
  /** Disk to the boot with which it went; live members only, so bounded by membership. */
  readonly #boots = new Map<StorageId, number>()
  #last: Topology | null

  constructor(membership: Membership, current: Topology | null) {
    this.#membership = membership
    this.#last = current
  }

  /** Every topology that is learned, in order. */
  onTopology(topology: Topology): void {
    const here = new Set(topology.members.map(({ storageId }) => storageId))
    const boots = this.#liveBoots()
    for (const { storageId } of this.#last?.members ?? []) {
      const boot = boots.get(storageId)
      if (!here.has(storageId) && boot !== undefined) this.#boots.set(storageId, boot)
    }
    this.#last = topology
    for (const [storageId, boot] of this.#boots) {
      const isGone = boots.get(storageId) !== boot
      if (isGone || here.has(storageId)) this.#boots.delete(storageId)
    }
  }

  /** A disk that no topology names wants to stay out. */
  add(storageId: StorageId): void {
    const boot = this.#liveBoots().get(storageId)
    if (boot !== undefined) this.#boots.set(storageId, boot)
  }

  /** Whether the very process that went is still here. */
  has(storageId: StorageId): boolean {
    const boot = this.#boots.get(storageId)
    if (boot === undefined) return false
    if (this.#liveBoots().get(storageId) === boot) return true
    this.#boots.delete(storageId)
    return false
  }

  #liveBoots(): Map<StorageId, number> {
    const live = this.#membership
      .members()
      .filter(({ state }) => state === 'alive' || state === 'suspect')
    return new Map(live.map(({ storageId, boot }) => [storageId, boot]))
  }
}
