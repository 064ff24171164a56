/**
 * Disks that went from the topology while their process still runs: a member that has left says
 * goodbye a moment later, and must not be taken in again in between, whoever issues then.
 * It may come back as another process (a higher boot), after membership has seen it go, or when it
 * has had time enough to say goodbye and has not: then it gave the leave up.
 */
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import type { Topology } from './topology.ts'

/** A leaver says goodbye a moment after it went, unless it is held up. */
const GOODBYE_MS = 30_000

export class Departed {
  readonly #membership: Membership
  /** Disk to the process that went; live members only, so bounded by membership. */
  readonly #gone = new Map<StorageId, { readonly boot: number; readonly untilMs: number }>()
  #last: Topology | null

  constructor(membership: Membership, current: Topology | null) {
    this.#membership = membership
    this.#last = current
  }

  /** Every topology that is learned, in order. */
  onTopology(topology: Topology, nowMs: number): void {
    const here = new Set(topology.members.map(({ storageId }) => storageId))
    const boots = this.#liveBoots()
    for (const { storageId } of this.#last?.members ?? []) {
      const boot = boots.get(storageId)
      if (!here.has(storageId) && boot !== undefined) this.#note(storageId, boot, nowMs)
    }
    this.#last = topology
    for (const [storageId, { boot }] of this.#gone) {
      const isGone = boots.get(storageId) !== boot
      if (isGone || here.has(storageId)) this.#gone.delete(storageId)
    }
  }

  /** When somebody may come back by time alone; after now. */
  changesAtMs(nowMs: number): number {
    let atMs = Number.POSITIVE_INFINITY
    for (const [storageId, { untilMs }] of this.#gone) {
      if (untilMs <= nowMs) this.#gone.delete(storageId)
      else atMs = Math.min(atMs, untilMs)
    }
    return atMs
  }

  /** A disk that no topology names wants to stay out. */
  add(storageId: StorageId, nowMs: number): void {
    const boot = this.#liveBoots().get(storageId)
    if (boot !== undefined) this.#note(storageId, boot, nowMs)
  }

  /** Whether the very process that went is still here. */
  has(storageId: StorageId, nowMs: number): boolean {
    const gone = this.#gone.get(storageId)
    if (gone === undefined) return false
    if (this.#liveBoots().get(storageId) === gone.boot && nowMs < gone.untilMs) return true
    this.#gone.delete(storageId)
    return false
  }

  #note(storageId: StorageId, boot: number, nowMs: number): void {
    this.#gone.set(storageId, { boot, untilMs: nowMs + GOODBYE_MS })
  }

  #liveBoots(): Map<StorageId, number> {
    const live = this.#membership
      .members()
      .filter(({ state }) => state === 'alive' || state === 'suspect')
    return new Map(live.map(({ storageId, boot }) => [storageId, boot]))
  }
}
