/**
 * Slow members, as Lifeguard's evaluation makes them (§5): C members of the group are slow at the
 * same times, for D ms, then well for I ms, again and again.
 *
 * There the messages of a slow member wait, in and out. Here either they do while its timers go on
 * ("blocked"), or the whole process stands still, as a Node process does whose event loop is
 * held up or whose machine has no time for it ("stalled").
 */
import type { Cluster } from '../cluster.ts'

export type Slowness = 'blocked' | 'stalled'

export interface Spells {
  readonly kind: Slowness
  /** C. */
  readonly count: number
  /** D. */
  readonly slowMs: number
  /** I; 0: one spell only. */
  readonly wellMs: number
}

/** Picks C members at random; returns their indexes. */
export function pickSlow(cluster: Cluster, count: number): ReadonlySet<number> {
  const random = cluster.random.fork('slow')
  const slow = new Set<number>()
  while (slow.size < count) slow.add(random.int(cluster.machines.length))
  return slow
}

/** Runs the cluster for so long with these members slow. */
export function runSlow(
  cluster: Cluster,
  slow: ReadonlySet<number>,
  spells: Spells,
  forMs: number,
): void {
  const end = cluster.now + forMs
  while (cluster.now < end) {
    for (const index of slow) {
      if (spells.kind === 'stalled') cluster.pause(index, spells.slowMs)
      else cluster.block(index, spells.slowMs)
    }
    const cycle = spells.wellMs === 0 ? forMs : spells.slowMs + spells.wellMs
    cluster.run(Math.min(cycle, end - cluster.now))
  }
}
