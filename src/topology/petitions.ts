/**
 * What a root was asked for and no topology shows yet: who wants to go, whom the operator removes,
 * what he moves. In memory only: whoever asks does so again every two seconds, so another root
 * that takes over soon knows it too, and what was given up is forgotten.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { MEMBERS_MAX } from './limits.ts'
import { isMoved, type Move } from './manual-move.ts'
import { isMember, type Topology } from './topology.ts'

const MOVES_MAX = 1000
/** Several askings of those who ask every two seconds. */
const COUNTS_MS = 15_000

export class Petitions {
  /** Disks that ask to go, and until when that counts. At most MEMBERS_MAX. */
  readonly #leaving = new Map<StorageId, number>()
  /** Disks that the operator removes, and until when that counts. At most MEMBERS_MAX. */
  readonly #removing = new Map<StorageId, number>()

  /** By partition: what the operator moves, and until when that counts. At most MOVES_MAX. */
  readonly #moving = new Map<number, { readonly move: Move; readonly untilMs: number }>()

  get leaving(): ReadonlySet<StorageId> {
    return new Set(this.#leaving.keys())
  }

  get removing(): readonly StorageId[] {
    return [...this.#removing.keys()]
  }

  get moves(): readonly Move[] {
    return [...this.#moving.values()].map(({ move }) => move)
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

  /** The newest of a partition counts. Throws AtollError BUSY. */
  move(move: Move, nowMs: number): void {
    if (!this.#moving.has(move.partition) && this.#moving.size >= MOVES_MAX) {
      throw new AtollError('BUSY', 'too many moves')
    }
    this.#moving.set(move.partition, { move, untilMs: nowMs + COUNTS_MS })
  }

  /** Forgets what the topology shows, and what is not asked for any more. */
  prune(topology: Topology, nowMs: number): void {
    for (const [id, untilMs] of this.#leaving) {
      if (!isMember(topology, id) || untilMs <= nowMs) this.#leaving.delete(id)
    }
    for (const [id, untilMs] of this.#removing) {
      if (topology.removed.includes(id) || untilMs <= nowMs) this.#removing.delete(id)
    }
    for (const [partition, { move, untilMs }] of this.#moving) {
      if (isMoved(topology, move) || untilMs <= nowMs) this.#moving.delete(partition)
    }
  }

  /** When something is forgotten by time alone. */
  get changesAtMs(): number {
    const moves = [...this.#moving.values()].map(({ untilMs }) => untilMs)
    return Math.min(...this.#leaving.values(), ...this.#removing.values(), ...moves)
  }
}
