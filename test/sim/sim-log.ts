/** The last lines that the nodes of a world logged, kept in a ring and shown when a run fails. */
import type { Log, LogFields, LogLevel } from '../../src/seams/log.ts'
import type { Kernel } from './kernel.ts'

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']
const LINES_MAX = 4000

export class LogRing {
  readonly #kernel: Kernel
  readonly #lines: string[] = []
  readonly #level: number
  readonly #aliases = new Map<string, string>()
  #next = 0
  /** Hears every line, also those that the ring does not keep; its exceptions fail the run. */
  #watcher: ((source: string, event: string, fields?: LogFields) => void) | null = null

  constructor(kernel: Kernel, level: LogLevel = 'info') {
    this.#kernel = kernel
    this.#level = LEVELS.indexOf(level)
  }

  watch(watcher: (source: string, event: string, fields?: LogFields) => void): void {
    this.#watcher = watcher
  }

  add(source: string, level: LogLevel, event: string, fields?: LogFields): void {
    try {
      this.#watcher?.(source, event, fields)
    } catch (error) {
      this.#kernel.fail(error)
    }
    if (LEVELS.indexOf(level) < this.#level) return
    const time = (this.#kernel.nowUs / 1e6).toFixed(6).padStart(12)
    const rest = fields === undefined ? '' : ` ${JSON.stringify(fields)}`
    this.#lines[this.#next] = `${time} ${source.padEnd(6)} ${level.padEnd(5)} ${event}${rest}`
    this.#next = (this.#next + 1) % LINES_MAX
  }

  /** Shows this text as something that people can read. */
  alias(text: string, name: string): void {
    this.#aliases.set(text, name)
  }

  /** Oldest first; at most `count`. */
  lines(count = LINES_MAX): readonly string[] {
    const all = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)]
    return all.slice(-count).map((line) => {
      return line.replaceAll(/\b12D3\w{48}\b/g, (id) => this.#aliases.get(id) ?? id)
    })
  }

  of(source: string): Log {
    return {
      allows: (level) => LEVELS.indexOf(level) >= this.#level,
      write: (level, event, fields) => this.add(source, level, event, fields),
    }
  }
}
