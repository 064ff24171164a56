/**
 * Which log lines are wanted: a level for all, and others for the events of one part, which is
 * the first word of their name (`swim` of `swim.suspect`). May change while lines are written.
 */
import { AtollError } from '../base/errors.ts'
import { LOG_LEVELS, type LogLevel } from './log.ts'

/** First words of all events; EVENTS.md tells what each event means, and a test holds both. */
export const LOG_PARTS = [
  'daemon',
  'disk',
  'member',
  'mesh',
  'network',
  'node',
  'paxos',
  'rpc',
  'store',
  'swim',
  'systemd',
  'topology',
] as const

export interface LogRule {
  readonly base: LogLevel
  /** By part; those that are absent have the base. */
  readonly parts: Readonly<Record<string, LogLevel>>
}

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export class LogLevels {
  /** What it began with, and falls back to. */
  readonly start: LogRule
  #rule: LogRule
  #base: number
  /** Rank of the lowest level that any part has: what is below it needs no second look. */
  #least: number
  readonly #parts = new Map<string, number>()

  constructor(start: LogRule) {
    this.start = start
    this.#rule = start
    this.#base = RANKS[start.base]
    this.#least = this.#base
    this.rule = start
  }

  get rule(): LogRule {
    return this.#rule
  }

  set rule(rule: LogRule) {
    this.#rule = rule
    this.#base = RANKS[rule.base]
    this.#parts.clear()
    for (const [part, level] of Object.entries(rule.parts)) this.#parts.set(part, RANKS[level])
    this.#least = Math.min(this.#base, ...this.#parts.values())
  }

  allows(level: LogLevel, event: string): boolean {
    const rank = RANKS[level]
    if (rank < this.#least) return false
    if (this.#parts.size === 0) return true
    const dot = event.indexOf('.')
    return rank >= (this.#parts.get(dot < 0 ? event : event.slice(0, dot)) ?? this.#base)
  }
}

/**
 * `info,swim=debug`: a level for all, levels for parts, or both; what is not named stays as it is in
 * `before`. Throws AtollError USAGE.
 */
export function parseLogRule(text: string, before: LogRule): LogRule {
  let { base } = before
  const parts: Record<string, LogLevel> = { ...before.parts }
  for (const word of text.split(',')) {
    const [part = '', level, ...more] = word.trim().split('=')
    if (more.length > 0) throw unreadable(word)
    if (level === undefined) base = levelNamed(part)
    else parts[partNamed(part)] = levelNamed(level)
  }
  return { base, parts }
}

/** As `parseLogRule` reads it. */
export function logRuleText({ base, parts }: LogRule): string {
  return [base, ...Object.entries(parts).map(([part, level]) => `${part}=${level}`)].join(',')
}

function levelNamed(name: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === name)
  if (level !== undefined) return level
  throw new AtollError('USAGE', `"${name}" is no log level`, {
    hint: `levels: ${LOG_LEVELS.join(', ')}; for one part: swim=debug`,
  })
}

function partNamed(name: string): string {
  const part = LOG_PARTS.find((each) => each === name)
  if (part !== undefined) return part
  throw new AtollError('USAGE', `no log line comes from "${name}"`, {
    hint: `parts: ${LOG_PARTS.join(', ')}`,
  })
}

function unreadable(word: string): AtollError {
  return new AtollError('USAGE', `"${word}" is no level and no PART=LEVEL`)
}
