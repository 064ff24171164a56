/** Structured log lines: a stable event name and fields. Never throws, never waits. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Log {
  /** `event` is a stable dotted name such as `swim.suspect`; what varies goes into `fields`. */
  write(level: LogLevel, event: string, fields?: LogFields): void
}
