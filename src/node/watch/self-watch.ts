/**
 * What a node knows of how it itself is doing: it stands in the seams, so that the layers need not
 * know of it. Every log line passes here, and those that are incidents are remembered; every
 * sync is timed.
 */
import type { Log, LogFields, LogLevel } from '../../seams/log.ts'
import type { Seams } from '../../seams/seams.ts'
import { LogControl } from '../log-control.ts'
import { INCIDENT_EVENTS } from './incident-events.ts'
import { IncidentRing } from './incident-ring.ts'
import { LoopWatch } from './loop-watch.ts'
import { SyncTimes } from './sync-times.ts'

export class SelfWatch {
  /** For everything that the node is made of. */
  readonly seams: Seams
  readonly incidents: IncidentRing
  readonly loop: LoopWatch
  readonly syncs: SyncTimes
  readonly logControl: LogControl

  constructor(outer: Seams) {
    const { clock } = outer
    this.incidents = new IncidentRing(clock)
    const log = new IncidentLog(outer.log, this.incidents)
    this.loop = new LoopWatch(clock, log)
    this.syncs = new SyncTimes(clock, log)
    this.logControl = new LogControl(outer.levels, clock, log)
    const storage = async (directory: string) => this.syncs.of(await outer.storage(directory))
    this.seams = { ...outer, log, storage }
  }

  start(): void {
    this.loop.start()
  }

  stop(): void {
    this.loop.stop()
    this.logControl.stop()
  }
}

/** Whatever the levels: an incident is remembered although nobody wants its line. */
class IncidentLog implements Log {
  readonly #log: Log
  readonly #incidents: IncidentRing

  constructor(log: Log, incidents: IncidentRing) {
    this.#log = log
    this.#incidents = incidents
  }

  allows(level: LogLevel, event: string): boolean {
    return this.#log.allows(level, event)
  }

  write(level: LogLevel, event: string, fields?: LogFields): void {
    const rule = level === 'debug' ? undefined : INCIDENT_EVENTS.get(event)
    if (rule !== undefined) this.#incidents.add(rule, level, event, fields)
    this.#log.write(level, event, fields)
  }
}
