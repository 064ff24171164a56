/**
 * What a root was asked for and no topology shows yet: who wants to go, whom the operator removes,
 * what he moves. In memory only: whoever asks does so again every two seconds, so another root
 * that takes over soon knows it too, and what was given up is forgotten.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { MEMBERS_MAX } from './limits.ts'
import { isMember, type Topology } from './topology.ts'

/** Several askings of those who ask every two seconds. */
const COUNTS_MS = 15_000

export class Petitions {
  /** Disks that ask to go, and until when that counts. At most MEMBERS_MAX. */
  readonly #leaving = new Map<StorageId, number>()
  /** Disks that the operator removes, and until when that counts. At most MEMBERS_MAX. */
  readonly #removing = new Map<StorageId, number>()

  get leaving(): ReadonlySet<StorageId> {
    return new Set(this.#leaving.keys())
  }

  get removing(): readonly StorageId[] {
    return [...this.#removing.keys()]
  }

  /** Throws AtollError BUSY. */
  leave(storageId: StorageId, nowMs: number): void {
    if (!this.#leaving.has(storageId) && this.#leaving.size >= MEMBERS_MAX) {
      throw new AtollError('BUSY', 'too many members leave')
    }
    this.#leaving.set(storageId, nowMs + COUNTS_MS)
  }

  /** Throws AtollError BUSY. */
  remove(storageId: StorageId, nowMs: number): void {
    if (!this.#removing.has(storageId) && this.#removing.size >= MEMBERS_MAX) {
      throw new AtollError('BUSY', 'too many removals')
    }
    this.#removing.set(storageId, nowMs + COUNTS_MS)
  }

  /** Forgets what the topology shows, and what is not asked for any more. */
  prune(topology: Topology, nowMs: number): void {
    for (const [id, untilMs] of this.#leaving) {
      if (!isMember(topology, id) || untilMs <= nowMs) this.#leaving.delete(id)
    }
    for (const [id, untilMs] of this.#removing) {
      if (topology.removed.includes(id) || untilMs <= nowMs) this.#removing.delete(id)
    }
  }

  /** When something is forgotten by time alone. */
  get changesAtMs(): number {
    return Math.min(...this.#leaving.values(), ...this.#removing.values())
  }
}
