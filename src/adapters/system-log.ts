/**
 * The daemon's log: one JSON object a line (pino), or a short readable line when a terminal is at
 * the other end. Which lines are wanted is decided by levels that may change while the daemon runs.
 *
 * Lines go out with synchronous writes, so the last line before an exit is not lost. Writing never
 * throws: a log that cannot be written must not end the node that writes it.
 */
import { pino } from 'pino'
import type { Log, LogFields } from '../seams/log.ts'
import type { LogLevels } from '../seams/log-levels.ts'

/** Where lines go; each call is one line with its line feed. */
export interface LogSink {
  write(line: string): void
}

export interface SystemLogOptions {
  readonly levels: LogLevels
  /** Default: standard error. */
  readonly sink?: LogSink
  /** Readable lines instead of JSON. Default: whether standard error is a terminal. */
  readonly readable?: boolean
}

export const silentLog: Log = { write: () => undefined, allows: () => false }

export function systemLog(options: SystemLogOptions): Log {
  const { levels } = options
  const readable = options.readable ?? (options.sink === undefined && process.stderr.isTTY)
  const sink = guarded(options.sink ?? standardError())
  const logger = pino(
    {
      level: 'debug',
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'event',
    },
    readable ? { write: (line) => sink.write(readableLine(line)) } : sink,
  )
  return {
    allows: (level, event) => levels.allows(level, event),
    write(level, event, fields) {
      if (levels.allows(level, event)) logger[level](reserved(fields), event)
    },
  }
}

/** Fields may not stand in for the line's own: a JSON object must not name a key twice. */
const RESERVED = ['level', 'time', 'event'] as const

function reserved(fields: LogFields | undefined): LogFields {
  if (fields === undefined) return {}
  if (!RESERVED.some((name) => Object.hasOwn(fields, name))) return fields
  const renamed: Record<string, LogFields[string]> = {}
  for (const [name, value] of Object.entries(fields)) {
    renamed[(RESERVED as readonly string[]).includes(name) ? `${name}_` : name] = value
  }
  return renamed
}

function standardError(): LogSink {
  const destination = pino.destination({ fd: 2, sync: true })
  // Without a listener, a reader that went away would end the process.
  destination.on('error', () => undefined)
  return destination
}

function guarded(sink: LogSink): LogSink {
  return {
    write(line) {
      try {
        sink.write(line)
      } catch {
        // A closed pipe or a full disk under the log: there is nowhere left to say so.
      }
    },
  }
}

/** `12:00:01.123 warn  swim.suspect peer=12D3… name=b` */
function readableLine(line: string): string {
  const { level, time, event, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${printable(value)}`)
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${String(event)}${rest.join('')}\n`
}

/** Bare where it reads well; quoted, with control characters escaped, where it must be. */
function printable(value: unknown): string {
  const bare = typeof value === 'string' && /^[^\s"=\p{C}]+$/u.test(value)
  return bare ? value : JSON.stringify(value)
}
