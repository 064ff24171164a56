/** A log line for each topology that comes into force here, and since when the newest one is. */
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import { movingPartitions } from '../../topology/describe.ts'
import type { TopologyView } from '../../topology/topology.ts'

export class TopologyLines {
  #sinceMs: number

  /** Follows for as long as the topologies are learnt. */
  constructor(topologies: TopologyView, clock: Clock, log: Log) {
    this.#sinceMs = clock.monotonicMs()
    let from = topologies.current()?.number ?? 0
    topologies.subscribe((next) => {
      this.#sinceMs = clock.monotonicMs()
      const { number, members } = next
      const moving = movingPartitions(next)
      log.write('info', 'topology.adopted', { from, number, members: members.length, moving })
      from = number
    })
  }

  /** Monotonic; the start of this node for one that it found on its disk. */
  get sinceMs(): number {
    return this.#sinceMs
  }
}
