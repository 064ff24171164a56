/** Results and errors in the four formats, the same for every command. */
import { type AtollError, ERRORS } from '../base/errors.ts'
import { errorLine } from '../rpc/error-line.ts'
import { type Format, type Paint, painter, type Streams } from './terminal.ts'

/** How one kind of result looks to a person, and to a script that wants no JSON. */
export interface View<Result> {
  readonly human: (result: Result, paint: Paint) => string
  readonly raw?: (result: Result) => string | Uint8Array
  /** On standard error, for a person only. */
  readonly note?: (result: Result) => string | null
  /** The same, where the result itself goes to a terminal: who reads it from a pipe is not told. */
  readonly aside?: (result: Result) => string | null
  /** What `jsonl` gives a line each, where the result itself is no list. */
  readonly elements?: (result: Result) => readonly unknown[]
  /** Exit status of the command, where the result is more than there or not. */
  readonly exit?: (result: Result) => number
}

export class Output {
  readonly format: Format
  readonly streams: Streams
  readonly paint: Paint
  readonly #paintError: Paint
  #status = 0

  constructor(format: Format, streams: Streams, noColour: boolean) {
    this.format = format
    this.streams = streams
    const colours = !noColour && format === 'human'
    this.paint = painter(colours && streams.outIsTerminal)
    this.#paintError = painter(colours && streams.errIsTerminal)
  }

  /** Exit status that the results ask for. */
  get status(): number {
    return this.#status
  }

  result<Result>(result: Result, view: View<Result>): void {
    const { out, outIsTerminal } = this.streams
    this.#status = view.exit?.(result) ?? 0
    if (this.format === 'json') {
      return out(`${JSON.stringify(result, null, outIsTerminal ? 2 : 0)}\n`)
    }
    if (this.format === 'jsonl') return out(jsonLines(view.elements?.(result) ?? result))
    if (this.format === 'raw') return out((view.raw ?? rawText)(result))
    out(view.human(result, this.paint))
    const note = view.note?.(result)
    if (note) this.note(note)
    const aside = outIsTerminal ? view.aside?.(result) : null
    if (aside) this.note(aside)
  }

  /** One of many, as it comes. */
  item<Item>(item: Item, view: View<Item>): void {
    if (this.format === 'json') this.streams.out(`${JSON.stringify(item)}\n`)
    else this.result(item, view)
  }

  /** For people; scripts that want JSON get none. */
  note(text: string): void {
    if (this.format === 'human') this.streams.err(`${text}\n`)
  }

  /** What a script has to know as well, where its format has no place for it: a line of its own. */
  warn(text: string): void {
    const isJson = this.format === 'json' || this.format === 'jsonl'
    this.streams.err(`${isJson ? JSON.stringify({ warning: text }) : text}\n`)
  }

  /** Returns the exit status. */
  error(error: AtollError, changes: boolean): number {
    const { code, message, retryable, outcome, hint, version } = error
    if (this.format === 'json' || this.format === 'jsonl') {
      const rest = {
        ...(hint !== undefined && { hint }),
        ...(version !== undefined && { version }),
      }
      const data = { code, message, retryable, outcome, ...rest }
      this.streams.err(`${JSON.stringify({ error: data })}\n`)
    } else {
      this.streams.err(`${this.#paintError('red', errorLine(error, changes))}\n`)
    }
    return ERRORS[code].exit
  }
}

function jsonLines(result: unknown): string {
  const items: readonly unknown[] = Array.isArray(result) ? result : [result]
  return items.map((item) => `${JSON.stringify(item)}\n`).join('')
}

/** Fields by tabs, one element a line; of a single object one field a line, with its name. */
function rawText(result: unknown): string {
  if (Array.isArray(result)) return result.map((item) => `${rawCells(item).join('\t')}\n`).join('')
  if (typeof result !== 'object' || result === null) return `${rawCell(result)}\n`
  return Object.entries(result)
    .map(([name, value]) => `${name}\t${rawCell(value)}\n`)
    .join('')
}

function rawCells(item: unknown): string[] {
  if (typeof item !== 'object' || item === null) return [rawCell(item)]
  return Object.values(item).map(rawCell)
}

function rawCell(value: unknown): string {
  if (typeof value === 'string') return value.replace(/[\t\n]/g, ' ')
  return value === null ? '' : JSON.stringify(value)
}
