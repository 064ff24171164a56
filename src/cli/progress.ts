/** How far an import or export is: a bar on a terminal, a line every few seconds elsewhere. */
import type { Streams } from './terminal.ts'

const BAR_WIDTH = 24
const REDRAW_MS = 100
const LINE_MS = 5000

export class Progress {
  readonly #streams: Streams
  /** `imported`. */
  readonly #done: string
  /** null: not known, as of a pipe. */
  readonly #bytesTotal: number | null
  readonly #enabled: boolean
  readonly #started = performance.now()
  #bytes = 0
  #nextMs: number
  /** The bar stands on the current line. */
  #drawn = false

  constructor(streams: Streams, done: string, bytesTotal: number | null, enabled: boolean) {
    this.#streams = streams
    this.#done = done
    this.#bytesTotal = bytesTotal
    this.#enabled = enabled
    this.#nextMs = performance.now() + (streams.errIsTerminal ? 0 : LINE_MS)
  }

  /** So many bytes more, and keys in all. */
  read(bytes: number, keys: number): void {
    this.#bytes += bytes
    const now = performance.now()
    if (!this.#enabled || now < this.#nextMs) return
    const { errIsTerminal, err } = this.#streams
    this.#nextMs = now + (errIsTerminal ? REDRAW_MS : LINE_MS)
    const rate = Math.round((keys / (now - this.#started)) * 1000)
    const text = `${this.#part()}${keys} ${this.#done}, ${rate}/s`
    if (!errIsTerminal) return err(`${text}\n`)
    this.#drawn = true
    err(`\r\u001b[K${text}`)
  }

  /** A line of its own, above the bar. */
  say(line: string): void {
    if (!this.#enabled) return
    this.end()
    this.#streams.err(`${line}\n`)
  }

  end(): void {
    if (!this.#drawn) return
    this.#drawn = false
    this.#streams.err('\r\u001b[K')
  }

  #part(): string {
    if (this.#bytesTotal === null || this.#bytesTotal === 0) return ''
    const part = Math.min(1, this.#bytes / this.#bytesTotal)
    const percent = `${Math.floor(part * 100)} %`.padStart(5)
    if (!this.#streams.errIsTerminal) return `${percent.trim()} · `
    const full = Math.round(part * BAR_WIDTH)
    return `[${'█'.repeat(full)}${'·'.repeat(BAR_WIDTH - full)}] ${percent} · `
  }
}
