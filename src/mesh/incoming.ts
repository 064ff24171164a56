/** Reads what `outgoing.ts` writes. Everything is bounded; bad bytes throw WireError. */
import { WireError } from '../wire/codec.ts'
import { FRAME, MESSAGE } from '../wire/frames.ts'
import { Cursor } from '../wire/varint.ts'
import { BODY_BYTES_MAX, DATAGRAM_BYTES_MAX, PART_BYTES } from './limits.ts'
import { HEADER_BYTES_MAX } from './outgoing.ts'

export interface IncomingHandler {
  onRequest(id: number, kind: number, body: Uint8Array): void
  onAnswer(id: number, body: Uint8Array): void
  onFailure(id: number, error: Uint8Array): void
}

/** The reading half of one link; holds at most one large message in pieces. */
export class FrameReader {
  #parts: Uint8Array | null = null
  /** Bytes of `#parts` that have arrived. */
  #filled = 0

  read(frame: Uint8Array, handler: IncomingHandler): void {
    switch (frame[0]) {
      case FRAME.BATCH: {
        const cursor = new Cursor(frame, 1)
        while (!cursor.done) readMessage(cursor, handler)
        return
      }
      case FRAME.PART: {
        const whole = this.#join(frame)
        if (whole === null) return
        const cursor = new Cursor(whole, 0)
        readMessage(cursor, handler)
        if (!cursor.done) throw new WireError('bytes after a message in parts')
        return
      }
      default:
        throw new WireError('unknown kind of frame')
    }
  }

  /** The whole message once its last part is there. */
  #join(frame: Uint8Array): Uint8Array | null {
    const cursor = new Cursor(frame, 1)
    const first = cursor.byte() === 1
    if (!first && this.#parts === null) throw new WireError('a part without a beginning')
    // A first part amid another message: the sender gave that one up.
    if (first) {
      const total = cursor.varint()
      if (total > BODY_BYTES_MAX + HEADER_BYTES_MAX) throw new WireError('message is too large')
      this.#parts = new Uint8Array(total)
      this.#filled = 0
    }
    const parts = this.#parts
    const bytes = frame.length - cursor.at
    if (parts === null || bytes < 1 || bytes > PART_BYTES) throw new WireError('part of no size')
    if (bytes > parts.length - this.#filled) throw new WireError('parts exceed their message')
    parts.set(cursor.take(bytes), this.#filled)
    this.#filled += bytes
    if (this.#filled < parts.length) return null
    this.#parts = null
    return parts
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
