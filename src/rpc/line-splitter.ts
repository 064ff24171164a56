/**
 * Cuts a stream of bytes into lines of UTF-8 text, within a bound on the line.
 *
 * Memory: the partial line and nothing else, in one buffer that doubles; so a sender of single
 * bytes costs no more than its bytes.
 */
import { isUtf8 } from 'node:buffer'

const LF = 0x0a
const FIRST_BYTES = 1024

export interface Split {
  /** Whole lines without their line feed; null: not UTF-8. */
  readonly lines: readonly (string | null)[]
  /** A line is longer than allowed: nothing after it can be told apart. */
  readonly tooLong: boolean
}

const NOTHING: Split = { lines: [], tooLong: false }

export class LineSplitter {
  readonly #lineBytesMax: number
  /** The partial line is its first `#used` bytes, at most `#lineBytesMax`. */
  #partial = Buffer.alloc(0)
  #used = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** Bytes of the line that has not ended yet. */
  get partialBytes(): number {
    return this.#used
  }

  push(chunk: Buffer): Split {
    const last = chunk.lastIndexOf(LF)
    if (last === -1) return this.#keep(chunk) ? NOTHING : { lines: [], tooLong: true }
    const whole = this.#take(chunk, last)
    if (whole === null) return { lines: [], tooLong: true }
    const lines = linesOf(whole)
    return { lines, tooLong: !this.#keep(chunk.subarray(last + 1)) }
  }

  /** Everything before the last line feed; null when the first line in it is too long. */
  #take(chunk: Buffer, last: number): Buffer | null {
    const first = chunk.indexOf(LF)
    if (this.#used + first > this.#lineBytesMax) return null
    // A read holds at most 64 KiB, but whoever calls may hand over more.
    if (last > this.#lineBytesMax && longest(chunk, last) > this.#lineBytesMax) return null
    if (this.#used === 0) return chunk.subarray(0, last)
    const whole = Buffer.concat([this.#partial.subarray(0, this.#used), chunk.subarray(0, last)])
    this.#partial = Buffer.alloc(0)
    this.#used = 0
    return whole
  }

  #keep(bytes: Buffer): boolean {
    const needed = this.#used + bytes.length
    if (needed > this.#lineBytesMax) return false
    if (bytes.length === 0) return true
    if (needed > this.#partial.length) {
      const size = Math.min(Math.max(FIRST_BYTES, needed * 2), this.#lineBytesMax)
      const larger = Buffer.allocUnsafe(size)
      this.#partial.copy(larger, 0, 0, this.#used)
      this.#partial = larger
    }
    bytes.copy(this.#partial, this.#used)
    this.#used = needed
    return true
  }
}

/** One decode for all lines of a read, unless one of them is not UTF-8. */
function linesOf(whole: Buffer): (string | null)[] {
  if (isUtf8(whole)) return whole.toString('utf8').split('\n')
  const lines: (string | null)[] = []
  for (let start = 0; start <= whole.length; ) {
    const found = whole.indexOf(LF, start)
    const end = found === -1 ? whole.length : found
    const line = whole.subarray(start, end)
    lines.push(isUtf8(line) ? line.toString('utf8') : null)
    start = end + 1
  }
  return lines
}

function longest(chunk: Buffer, last: number): number {
  let max = 0
  for (let start = 0; start <= last; ) {
    const end = chunk.indexOf(LF, start)
    max = Math.max(max, end - start)
    start = end + 1
  }
  return max
}
