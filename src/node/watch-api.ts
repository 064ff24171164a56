/**
 * How a node says how it is, beyond its status: what the doctor finds, what happened of late, and
 * which lines its log takes. Part of the interface of a node (api.ts).
 */
import type { CallOptions } from '../store/api.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogSettings {
  /** For the events of every part that is not named. */
  readonly base: LogLevel
  /** By the first word of the event's name: `swim` of `swim.suspect`. */
  readonly parts: Readonly<Record<string, LogLevel>>
  /** What it was started with, such as `info,swim=debug`. */
  readonly start: string
  /** null: it is as it was started. */
  readonly fallsBackInMs: number | null
  /** All the parts that there are. */
  readonly known: readonly string[]
}

export interface LogOptions extends CallOptions {
  /** After this many milliseconds the levels of the start are back; 15 minutes by default. */
  readonly forMs?: number
}

export interface TimelineOptions extends CallOptions {
  /** How far back; all that is remembered by default. */
  readonly sinceMs?: number
}

export type IncidentLane = 'node' | 'member' | 'topology' | 'stall' | 'disk' | 'mesh' | 'load'

export interface Incident {
  /** Grows by one with each; a hole was forgotten. */
  readonly seq: number
  /** Milliseconds since 1970, on the wall clock of this machine as it goes now. */
  readonly atMs: number
  /** Of the last one, where several that are alike are told as one. */
  readonly untilMs: number
  readonly times: number
  readonly lane: IncidentLane
  readonly level: LogLevel
  /** Name of the log line that told of it. */
  readonly event: string
  /** Name of the member that it is about; '' for this node. */
  readonly subject: string
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
}

export interface Timeline {
  /** Whose view it is. */
  readonly name: string
  readonly fromMs: number
  readonly toMs: number
  /** Incidents of this span that were forgotten for newer ones, and when the last of them was. */
  readonly lost: { readonly count: number; readonly untilMs: number } | null
  /** Oldest first. */
  readonly incidents: readonly Incident[]
}

export interface DebugApi {
  /**
   * The levels of the log; first changed as `levels` says: `debug`, `swim=debug,mesh=info`, or
   * `reset`. Throws UNSUPPORTED where there is no log.
   */
  log(levels?: string, options?: LogOptions): Promise<LogSettings>
  /** What happened to this node and in its view, from its start on, as far as it is remembered. */
  timeline(options?: TimelineOptions): Promise<Timeline>
}

export type Severity = 'ok' | 'warn' | 'fail'

export interface Finding {
  /** What was examined: `clock`, `fsync`, `quorum`, … */
  readonly check: string
  readonly severity: Severity
  /** One sentence, with the figures. */
  readonly seen: string
  /** What to do about it, in a sentence or a command; '' when all is well. */
  readonly fix: string
}

export interface Diagnosis {
  /** Of the worst finding. */
  readonly severity: Severity
  readonly tookMs: number
  /** Members that were asked, this one left out, and how many there are. */
  readonly asked: number
  readonly members: number
  readonly findings: readonly Finding[]
}
