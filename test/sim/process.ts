/**
 * One run of a program on a simulated machine: what a crash ends, a SIGSTOP holds and a stalled
 * event loop delays. A restart is another process; the events of this one never run again.
 */
import type { SimEvent } from './event-heap.ts'

export class SimProcess {
  /** Distinct in a run; stands for the process in the trace. */
  readonly id: number
  readonly name: string
  readonly startedUs: number
  alive = true
  paused = false
  /** Nothing of this process runs before this time. */
  stalledUntilUs = 0
  /** Events that came due while paused, in order. */
  readonly held: SimEvent[] = []
  /** Timers armed and neither fired nor cancelled. */
  pendingTimers = 0

  constructor(id: number, name: string, startedUs: number) {
    this.id = id
    this.name = name
    this.startedUs = startedUs
  }
}
