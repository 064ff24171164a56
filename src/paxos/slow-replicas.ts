/**
 * Replicas that kept somebody waiting a moment ago: they are asked after the others, so that a process
 * that is paused, which nobody is told of, costs one call a second and not each.
 */
import type { StorageId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'
import { RecentMap } from '../base/recent-map.ts'

const SLOW_MS = 1000
export const SLOW_MAX = 256

export class SlowReplicas {
  readonly #clock: Clock
  /** Until when. */
  readonly #untilMs = new RecentMap<number>(SLOW_MAX)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(id: StorageId): void {
    this.#untilMs.set(id, this.#clock.monotonicMs() + SLOW_MS)
  }

  has(id: StorageId): boolean {
    const untilMs = this.#untilMs.get(id)
    return untilMs !== undefined && this.#clock.monotonicMs() < untilMs
  }

  /** The same, in the same order but for those that were slow. */
  last(ids: readonly StorageId[]): StorageId[] {
    return [...ids.filter((id) => !this.has(id)), ...ids.filter((id) => this.has(id))]
  }
}
