/** Structured log lines: a stable event name and fields. Never throws, never waits. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Log {
  /** `event` is a stable dotted name such as `swim.suspect`; what varies goes into `fields`. */
  write(level: LogLevel, event: string, fields?: LogFields): void
  /** Whether such a line would go anywhere now: asked before fields are made where many pass. */
  allows(level: LogLevel, event: string): boolean
}
