/**
 * The levels of a running node's log. A change falls back by itself to what the node was started
 * with: a log left at `debug` fills a disk long after whoever wanted to see it has gone home.
 */
import { AtollError } from '../base/errors.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { LOG_PARTS, type LogLevels, logRuleText, parseLogRule } from '../seams/log-levels.ts'
import type { LogSettings } from './api.ts'

/** Long enough to catch what happens every few minutes. */
const FOR_MS = 15 * 60_000
/** What brings back the levels of the start. */
const RESET = 'reset'

export class LogControl {
  readonly #levels: LogLevels | undefined
  readonly #clock: Clock
  readonly #log: Log
  #timer: Timer | null = null
  #endsAtMs = 0

  constructor(levels: LogLevels | undefined, clock: Clock, log: Log) {
    this.#levels = levels
    this.#clock = clock
    this.#log = log
  }

  show(): LogSettings {
    const levels = this.#known()
    const left = this.#timer === null ? null : this.#endsAtMs - this.#clock.monotonicMs()
    const { base, parts } = levels.rule
    return {
      base,
      parts,
      start: logRuleText(levels.start),
      fallsBackInMs: left === null ? null : Math.max(0, Math.round(left)),
      known: LOG_PARTS,
    }
  }

  /** All changes in force end together, `forMs` after the last one. Throws USAGE, UNSUPPORTED. */
  change(text: string, forMs = FOR_MS): LogSettings {
    const levels = this.#known()
    const rule = text === RESET ? levels.start : parseLogRule(text, levels.rule)
    const isNews = logRuleText(rule) !== logRuleText(levels.rule)
    this.stop()
    levels.rule = rule
    if (logRuleText(rule) !== logRuleText(levels.start)) {
      this.#endsAtMs = this.#clock.monotonicMs() + forMs
      this.#timer = this.#clock.after(forMs, () => this.#fallBack(levels))
    }
    if (isNews) this.#log.write('info', 'node.log-levels', { levels: logRuleText(rule) })
    return this.show()
  }

  /** Nothing is left to run; the levels stay as they are. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #fallBack(levels: LogLevels): void {
    this.#timer = null
    levels.rule = levels.start
    this.#log.write('info', 'node.log-levels', { levels: logRuleText(levels.start) })
  }

  #known(): LogLevels {
    if (this.#levels !== undefined) return this.#levels
    throw new AtollError('UNSUPPORTED', 'this node was given no log, so it has no levels', {
      hint: 'a daemon has: see atolld --help',
    })
  }
}
