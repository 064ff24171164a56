/** Reads what `outgoing.ts` writes. Everything is bounded; bad bytes throw WireError. */
import { WireError } from '../wire/codec.ts'
import { FRAME, MESSAGE, PART } from '../wire/frames.ts'
import { Cursor } from '../wire/varint.ts'
import { BODY_BYTES_MAX, DATAGRAM_BYTES_MAX, PART_BYTES } from './limits.ts'
import { HEADER_BYTES_MAX } from './outgoing.ts'

export interface IncomingHandler {
  onRequest(id: number, kind: number, body: Uint8Array): void
  onAnswer(id: number, body: Uint8Array): void
  onFailure(id: number, error: Uint8Array): void
}

/** The reading half of one link; holds at most two large messages in pieces. */
export class FrameReader {
  readonly #request = new Assembly()
  readonly #answer = new Assembly()

  read(frame: Uint8Array, handler: IncomingHandler): void {
    const cursor = new Cursor(frame, 1)
    if (frame[0] === FRAME.BATCH) {
      while (!cursor.done) readMessage(cursor, handler)
    } else if (frame[0] === FRAME.PART) {
      this.#readPart(cursor, handler)
    } else {
      throw new WireError('unknown kind of frame')
    }
  }

  #readPart(cursor: Cursor, handler: IncomingHandler): void {
    const flags = cursor.byte()
    const assembly = (flags & PART.ANSWER) === 0 ? this.#request : this.#answer
    if ((flags & PART.FIRST) !== 0) assembly.begin(cursor.varint())
    const whole = assembly.add(cursor)
    if (whole === null) return
    const message = new Cursor(whole, 0)
    readMessage(message, handler)
    if (!message.done) throw new WireError('bytes after a message in parts')
  }
}

/** One message whose parts arrive in order. */
class Assembly {
  #bytes: Uint8Array | null = null
  /** Bytes that have arrived. */
  #filled = 0

  /** Gives up what was under way: its sender did so. */
  begin(totalBytes: number): void {
    const inRange = totalBytes > PART_BYTES && totalBytes <= BODY_BYTES_MAX + HEADER_BYTES_MAX
    if (!inRange) throw new WireError(`a message in parts of ${totalBytes} bytes`)
    this.#bytes = new Uint8Array(totalBytes)
    this.#filled = 0
  }

  /** The whole message once its last part is there. */
  add(part: Cursor): Uint8Array | null {
    const whole = this.#bytes
    const length = part.bytes.length - part.at
    if (whole === null) throw new WireError('a part without a beginning')
    if (length < 1 || length > PART_BYTES) throw new WireError(`a part of ${length} bytes`)
    if (length > whole.length - this.#filled) throw new WireError('parts exceed their message')
    whole.set(part.take(length), this.#filled)
    this.#filled += length
    if (this.#filled < whole.length) return null
    this.#bytes = null
    return whole
  }
}

function readMessage(cursor: Cursor, handler: IncomingHandler): void {
  const tag = cursor.byte()
  const id = cursor.varint()
  if (tag === MESSAGE.REQUEST) {
    const kind = cursor.varint()
    handler.onRequest(id, kind, readBody(cursor))
  } else if (tag === MESSAGE.ANSWER) {
    handler.onAnswer(id, readBody(cursor))
  } else if (tag === MESSAGE.FAILURE) {
    handler.onFailure(id, readBody(cursor))
  } else {
    throw new WireError(`unknown kind of message ${tag}`)
  }
}

function readBody(cursor: Cursor): Uint8Array {
  const length = cursor.varint()
  if (length > BODY_BYTES_MAX) throw new WireError('body is too large')
  return cursor.take(length)
}

export function readDatagrams(frame: Uint8Array, deliver: (message: Uint8Array) => void): void {
  if (frame[0] !== FRAME.DATAGRAMS) throw new WireError('unknown kind of frame')
  const cursor = new Cursor(frame, 1)
  while (!cursor.done) {
    const length = cursor.varint()
    if (length > DATAGRAM_BYTES_MAX) throw new WireError('datagram is too large')
    deliver(cursor.take(length))
  }
}
