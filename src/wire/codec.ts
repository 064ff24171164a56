/**
 * Bytes of messages: positional fields, written and read in the same order.
 *
 * The primitives are protobuf's (protons-runtime: varints, length-prefixed bytes), without tags:
 * a message is versioned by the hello's wire version, and grows only at its end, where an older
 * reader stops reading. Generated protons code is not used: it needs `namespace`, which Node
 * cannot strip, and `any`.
 *
 * Reading is bounded: every length is checked against what is there before it is used, and
 * against the field's own limit. A bad message throws WireError, which closes one link and
 * nothing else.
 */
import { reader, writer } from 'protons-runtime'

export class WireError extends Error {
  override readonly name = 'WireError'
}

export class WireWriter {
  readonly #out = writer()

  /** 0 to 2^53 − 1. */
  uint(value: number): this {
    this.#out.uint64Number(value)
    return this
  }

  bool(value: boolean): this {
    this.#out.bool(value)
    return this
  }

  bytes(value: Uint8Array): this {
    this.#out.bytes(value)
    return this
  }

  string(value: string): this {
    this.#out.string(value)
    return this
  }

  list<T>(items: readonly T[], write: (out: this, item: T) => void): this {
    this.#out.uint32(items.length)
    for (const item of items) write(this, item)
    return this
  }

  finish(): Uint8Array {
    return this.#out.finish()
  }
}

export class WireReader {
  readonly #in: ReturnType<typeof reader>

  constructor(bytes: Uint8Array) {
    this.#in = reader(bytes)
  }

  /** True when no field is left: how a reader meets a message of an older version. */
  get done(): boolean {
    return this.#in.pos >= this.#in.len
  }

  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#try(() => this.#in.uint64Number())
    if (value < 0 || value > max) throw new WireError(`number ${value} is over its limit ${max}`)
    return value
  }

  bool(): boolean {
    return this.#try(() => this.#in.bool())
  }

  bytes(maxBytes: number): Uint8Array {
    this.#checkLength(maxBytes)
    return this.#try(() => this.#in.bytes())
  }

  string(maxBytes: number): string {
    this.#checkLength(maxBytes)
    return this.#try(() => this.#in.string())
  }

  list<T>(maxItems: number, read: (from: this) => T): T[] {
    const count = this.#try(() => this.#in.uint32())
    if (count > maxItems) throw new WireError(`${count} items are over the limit ${maxItems}`)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  /** Looks at the length that comes next without passing it. */
  #checkLength(maxBytes: number): void {
    const start = this.#in.pos
    const length = this.#try(() => this.#in.uint32())
    if (length > maxBytes) throw new WireError(`${length} bytes are over the limit ${maxBytes}`)
    if (this.#in.pos + length > this.#in.len) throw new WireError('message is cut short')
    this.#in.pos = start
  }

  #try<T>(read: () => T): T {
    try {
      return read()
    } catch (cause) {
      throw new WireError('message is cut short or malformed', { cause })
    }
  }
}
