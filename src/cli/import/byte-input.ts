/**
 * A stream of chunks read by bytes: so many, or one, or passed over. Holds the current chunk and
 * what was asked for, and nothing else; an end before that is an error that says at which byte.
 */
import { AtollError } from '../../base/errors.ts'

/** Told all bytes in order, in pieces of any size. */
export interface Checksum {
  update(bytes: Buffer): void
}

const NONE: Buffer = Buffer.alloc(0)

export class ByteInput {
  readonly #chunks: AsyncIterator<Buffer>
  readonly #checksum: Checksum | null
  #chunk = NONE
  #at = 0
  /** Bytes of the chunk that the checksum has; at most `#at`. */
  #summed = 0
  /** Bytes of all chunks before this one. */
  #before = 0

  constructor(chunks: AsyncIterable<Buffer>, checksum: Checksum | null = null) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#checksum = checksum
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#before + this.#at
  }

  /** What is at hand, at least a byte; empty at the end. It stays until `advance`. */
  async ahead(): Promise<Buffer> {
    while (this.#at === this.#chunk.length) {
      this.sum()
      const { done, value } = await this.#chunks.next()
      if (done === true) return NONE
      this.#before += this.#at
      this.#chunk = value
      this.#at = 0
      this.#summed = 0
    }
    return this.#at === 0 ? this.#chunk : this.#chunk.subarray(this.#at)
  }

  /**
   * Up to `count` bytes, without reading them; fewer at the end, or where `isEnough`: a pipe may have
   * no more to say for long. Only before anything is read.
   */
  async head(count: number, isEnough: (head: Buffer) => boolean): Promise<Buffer> {
    while (this.#chunk.length < count && !isEnough(this.#chunk)) {
      const { done, value } = await this.#chunks.next()
      if (done === true) break
      this.#chunk = Buffer.concat([this.#chunk, value])
    }
    return this.#chunk.subarray(0, count)
  }

  /** Part of what `ahead` gave has been read. */
  advance(count: number): void {
    this.#at += count
  }

  async byte(): Promise<number> {
    const at = this.#at
    if (at < this.#chunk.length) {
      this.#at++
      return this.#chunk[at] as number
    }
    const ahead = await this.ahead()
    if (ahead.length === 0) throw this.ended()
    this.#at++
    return ahead[0] as number
  }

  /** The caller bounds `count`. The bytes are its own. */
  async take(count: number): Promise<Buffer> {
    const end = this.#at + count
    if (end <= this.#chunk.length) {
      const taken = Buffer.from(this.#chunk.subarray(this.#at, end))
      this.#at = end
      return taken
    }
    // Not allocated at once: a length may be a lie, and there is only so much.
    const parts: Buffer[] = []
    for (let left = count; left > 0; ) {
      const ahead = await this.ahead()
      if (ahead.length === 0) throw this.ended()
      const part = ahead.subarray(0, left)
      parts.push(part)
      this.#at += part.length
      left -= part.length
    }
    return Buffer.concat(parts)
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const ahead = await this.ahead()
      if (ahead.length === 0) throw this.ended()
      const skipped = Math.min(left, ahead.length)
      this.#at += skipped
      left -= skipped
    }
  }

  /** Brings the checksum up to here. */
  sum(): void {
    this.#checksum?.update(this.#chunk.subarray(this.#summed, this.#at))
    this.#summed = this.#at
  }

  ended(): AtollError {
    return new AtollError('USAGE', `the input ends too early, at byte ${this.offset}`)
  }
}
