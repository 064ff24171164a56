/** The streams of a command: data on one, notes on the other, colour only where it is seen. */

import { once } from 'node:events'
import { unreadSignal } from './unread.ts'

export const FORMATS = ['human', 'json', 'jsonl', 'raw'] as const
export type Format = (typeof FORMATS)[number]

/** What a command writes to; tests give their own. */
export interface Streams {
  readonly out: (data: string | Uint8Array) => void
  readonly err: (text: string) => void
  /** Once what waits to be read from `out` is little enough to write more. */
  readonly drained: () => Promise<void>
  /** Aborts when nobody reads the data any more, if that can be known. */
  readonly unread: () => AbortSignal
  readonly outIsTerminal: boolean
  readonly errIsTerminal: boolean
  readonly columns: number
}

export function processStreams(): Streams {
  // A reader that has seen enough (`| head`) ends the command, without a word.
  // Anything else is a loss: a full disk must not pass for an export that was written.
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit(0)
    process.stderr.write(`error: standard output cannot be written (${code ?? message})\n`)
    process.exit(1)
  })
  return {
    out: (data) => void process.stdout.write(data),
    err: (text) => void process.stderr.write(text),
    drained: async () => {
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
    },
    unread: () => unreadSignal(process.stdout.fd),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 80,
  }
}

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold'
export type Paint = (colour: Colour, text: string) => string

const CODES: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 }

export function painter(enabled: boolean): Paint {
  return (colour, text) => (enabled ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text)
}

/** Control characters of other people's data must not reach a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (c) => JSON.stringify(c).slice(1, -1))
}

/**
 * Aligned columns, two blanks apart; the last one is not padded. A cell over `widthMax` is shown
 * whole and pads no other row.
 */
export function columns(
  rows: readonly (readonly string[])[],
  widthMax: number = Number.POSITIVE_INFINITY,
): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) {
      const width = seen(cell)
      if (width <= widthMax) widths[i] = Math.max(widths[i] ?? 0, width)
    }
  }
  return rows
    .map((row) => row.map((cell, i) => pad(cell, i === row.length - 1 ? 0 : (widths[i] ?? 0))))
    .map((cells) => `${cells.join('  ').trimEnd()}\n`)
    .join('')
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - seen(cell)))
}

/** Length without colour. */
function seen(cell: string): number {
  return cell.replace(/\p{Cc}\[\d+m/gu, '').length
}
