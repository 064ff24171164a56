/**
 * Counts the answers of replicas until a level is met, in each group that counts, or cannot be.
 *
 * Without a level: a majority is waited for as long as one can be had; when it cannot (known to be
 * down, failed, or late), any one answer is enough, and the result is partial.
 *
 * One answer may be required besides: without the coordinator's own disk no write is acknowledged,
 * since after a restart it takes what it finds there for all that it ever acknowledged.
 */
import type { StorageId } from '../base/ids.ts'
import { majorityOf } from '../topology/validate.ts'
import type { Level } from './api.ts'

export type Verdict = 'waiting' | 'met' | 'partial' | 'failed'

export class Tally {
  readonly #groups: readonly (readonly StorageId[])[]
  readonly #level: Level | undefined
  readonly #required: StorageId | null
  readonly #answered = new Set<StorageId>()
  readonly #failed = new Set<StorageId>()

  constructor(
    groups: readonly (readonly StorageId[])[],
    level: Level | undefined,
    required: StorageId | null = null,
  ) {
    this.#groups = groups
    this.#level = level
    this.#required = required
  }

  answered(id: StorageId): void {
    this.#answered.add(id)
    this.#failed.delete(id)
  }

  failed(id: StorageId): void {
    if (!this.#answered.has(id)) this.#failed.add(id)
  }

  has(id: StorageId): boolean {
    return this.#answered.has(id)
  }

  /** Answers of the current group: what a caller is told. */
  get acks(): number {
    return this.#groups[0]?.filter((id) => this.#answered.has(id)).length ?? 0
  }

  get verdict(): Verdict {
    if (this.#required === null || this.#answered.has(this.#required)) return this.#verdictOfGroups
    return this.#isOpen(this.#required) ? 'waiting' : 'failed'
  }

  get #verdictOfGroups(): Verdict {
    const states = this.#groups.map((group) => this.#stateOf(group))
    if (states.length > 0 && states.every((state) => state === 'met')) return 'met'
    if (this.#level !== undefined) return states.includes('hopeless') ? 'failed' : 'waiting'
    const isOpen = this.#groups.some((group) => group.some((id) => this.#isOpen(id)))
    if (isOpen) return 'waiting'
    return this.#answered.size > 0 ? 'partial' : 'failed'
  }

  #stateOf(group: readonly StorageId[]): 'met' | 'possible' | 'hopeless' {
    const got = group.filter((id) => this.#answered.has(id)).length
    const needed = this.#needed(group.length)
    if (got >= needed) return 'met'
    const open = group.filter((id) => this.#isOpen(id)).length
    return got + open >= needed ? 'possible' : 'hopeless'
  }

  #isOpen(id: StorageId): boolean {
    return !this.#answered.has(id) && !this.#failed.has(id)
  }

  #needed(size: number): number {
    if (this.#level === 'one') return 1
    if (this.#level === 'all') return size
    return majorityOf(size)
  }
}
