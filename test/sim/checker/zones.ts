/**
 * Linearizability of one read/write register whose written values are all different.
 *
 * Gibbons and Korach, "Testing Shared Memories" (SIAM J. Comput. 26(4), 1997), section 4: when it
 * is known which write each read saw, the operations of one value form a cluster. From the first
 * end in it to its last start the value must have been there (a forward zone), or, if all of them
 * overlap, it must have been there at some moment in between (a backward zone). The history is
 * linearizable exactly if no read ends before its write begins, no two forward zones overlap, and
 * no backward zone lies within a forward one. O(n log n).
 */
import type { Operation } from './history.ts'
import { invalid, VALID, type Verdict } from './verdict.ts'

interface Zone {
  readonly value: unknown
  readonly forward: boolean
  readonly low: number
  readonly high: number
}

interface Cluster {
  writeStart: number
  firstEnd: number
  lastStart: number
  reads: number
  certain: boolean
}

/** `initial` is what a read sees before any write. */
export function checkRegister(operations: readonly Operation[], initial: unknown = null): Verdict {
  const clusters = new Map<unknown, Cluster>()
  const before = Number.NEGATIVE_INFINITY
  clusters.set(initial, newCluster(before, before, true))
  for (const write of operations.filter(({ f }) => f === 'write')) {
    if (clusters.has(write.value)) return invalid(`value ${text(write.value)} was written twice`)
    // A write that certainly did not happen has no cluster: a read of it reads what nobody wrote.
    if (write.outcome === 'fail') continue
    clusters.set(write.value, newCluster(write.start, write.end, write.outcome === 'ok'))
  }
  for (const read of operations.filter(({ f, outcome }) => f === 'read' && outcome === 'ok')) {
    const cluster = clusters.get(read.value)
    if (cluster === undefined) return invalid(`read ${text(read.value)}, which nobody wrote`)
    if (read.end < cluster.writeStart) {
      return invalid(`read ${text(read.value)} before it was written`)
    }
    cluster.reads++
    cluster.firstEnd = Math.min(cluster.firstEnd, read.end)
    cluster.lastStart = Math.max(cluster.lastStart, read.start)
  }
  return checkZones([...clusters].filter(([, { certain, reads }]) => certain || reads > 0))
}

function newCluster(start: number, end: number, certain: boolean): Cluster {
  return { writeStart: start, firstEnd: end, lastStart: start, reads: 0, certain }
}

function checkZones(clusters: readonly (readonly [unknown, Cluster])[]): Verdict {
  const zones = clusters.map(([value, { firstEnd, lastStart }]): Zone => {
    const forward = firstEnd < lastStart
    return {
      value,
      forward,
      low: Math.min(firstEnd, lastStart),
      high: Math.max(firstEnd, lastStart),
    }
  })
  const forward = zones.filter((zone) => zone.forward).sort((a, b) => a.low - b.low)
  for (const [i, zone] of forward.entries()) {
    const next = forward[i + 1]
    if (next !== undefined && next.low < zone.high) {
      return invalid(`${text(zone.value)} and ${text(next.value)} would have to hold at once`)
    }
  }
  for (const zone of zones.filter((one) => !one.forward)) {
    const around = lastStartingBefore(forward, zone.low)
    if (around !== undefined && zone.high < around.high) {
      return invalid(`${text(zone.value)} would have to hold while ${text(around.value)} does`)
    }
  }
  return VALID
}

/** Forward zones do not overlap here, so only the last one that starts before can reach around. */
function lastStartingBefore(forward: readonly Zone[], time: number): Zone | undefined {
  let low = 0
  let high = forward.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((forward[middle]?.low ?? 0) < time) low = middle + 1
    else high = middle
  }
  return forward[low - 1]
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing'
}
