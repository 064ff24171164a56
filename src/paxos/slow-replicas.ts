/**
 * Replicas that kept somebody waiting a moment ago: they are asked after the others, so that a process
 * that is paused, which nobody is told of, costs one call a second and not each.
 */
import type { StorageId } from '../base/ids.ts'
import { Lately } from '../base/lately.ts'
import type { Clock } from '../seams/clock.ts'

const SLOW_MS = 1000
export const SLOW_MAX = 256

export class SlowReplicas extends Lately {
  constructor(clock: Clock) {
    super(clock, SLOW_MS, SLOW_MAX)
  }

  /** The same, in the same order but for those that were slow. */
  last(ids: readonly StorageId[]): StorageId[] {
    return [...ids.filter((id) => !this.has(id)), ...ids.filter((id) => this.has(id))]
  }
}
