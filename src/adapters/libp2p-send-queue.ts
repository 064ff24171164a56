/**
 * Frames on their way to a stream: each after its length, small ones joined into one write, large
 * ones cut so that other streams of the connection get a turn.
 */

/** A write is at least this long while more waits, and less than twice as long. */
const WRITE_BYTES = 64 * 1024
/** Written pieces kept at the front of the list before it is cut. */
const SPENT_MAX = 1024

export class SendQueue {
  #pieces: Uint8Array[] = []
  /** Pieces before it are written; an index, since shifting a long list is slow. */
  #next = 0
  /** Of the pieces that wait. */
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(frame: Uint8Array): void {
    this.#push(prefixOf(frame.length))
    for (let at = 0; at < frame.length; at += WRITE_BYTES) {
      this.#push(frame.subarray(at, at + WRITE_BYTES))
    }
  }

  /** The next write, or null when nothing waits. */
  shift(): Uint8Array | null {
    const taken: Uint8Array[] = []
    let length = 0
    for (; length < WRITE_BYTES; this.#next++) {
      const piece = this.#pieces[this.#next]
      if (piece === undefined) break
      taken.push(piece)
      length += piece.length
    }
    this.#bytes -= length
    if (this.#next === this.#pieces.length || this.#next > SPENT_MAX) this.#cut()
    const [first] = taken
    if (first === undefined) return null
    return taken.length === 1 ? first : joined(taken, length)
  }

  clear(): void {
    this.#pieces = []
    this.#next = 0
    this.#bytes = 0
  }

  #push(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
  }

  #cut(): void {
    this.#pieces = this.#pieces.slice(this.#next)
    this.#next = 0
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function prefixOf(length: number): Uint8Array {
  const bytes: number[] = []
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
