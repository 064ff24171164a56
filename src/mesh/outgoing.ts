/**
 * Messages on their way out, and how they become frames: small ones share a batch, a large one
 * travels alone in parts.
 *
 * Frames are cut from a slab that is allocated once per 64 KiB and never written twice, since the
 * network may keep a frame until the kernel takes it.
 */
import { assert } from '../base/assert.ts'
import { FRAME, MESSAGE, PART } from '../wire/frames.ts'
import { VARINT_BYTES_MAX, writeVarint } from '../wire/varint.ts'
import { BATCH_BYTES, PART_BYTES } from './limits.ts'

/** Tag, id, kind and length. */
export const HEADER_BYTES_MAX = 1 + VARINT_BYTES_MAX + 5 + 5
const PART_HEADER_BYTES_MAX = 2 + 5
const NOTHING = new Uint8Array(0)
const SLAB_BYTES = BATCH_BYTES + PART_BYTES + HEADER_BYTES_MAX
/** A slab with less left than this is not begun anew: most batches fit. */
const SLAB_REST_MIN = 8 * 1024

export interface Outgoing {
  readonly tag: number
  readonly id: number
  /** Of a request; ignored otherwise. */
  readonly kind: number
  readonly body: Uint8Array
}

/** Shared by all channels of a mesh: one writes at a time, from `begin` to `finish`. */
export class FrameWriter {
  #slab: Uint8Array = new Uint8Array(0)
  #start = 0
  #at = 0

  begin(tag: number): void {
    if (this.#slab.length - this.#at < SLAB_REST_MIN) this.#renew()
    this.#start = this.#at
    this.#slab[this.#at++] = tag
  }

  get length(): number {
    return this.#at - this.#start
  }

  /** False when the frame is full: finish it and begin another. The first message always fits. */
  add(message: Outgoing): boolean {
    const { body } = message
    if (!this.#reserve(HEADER_BYTES_MAX + body.length)) return false
    const slab = this.#slab
    const at = writeHeader(slab, this.#at, message)
    slab.set(body, at)
    this.#at = at + body.length
    return true
  }

  /** The same for a datagram. */
  addDatagram(body: Uint8Array): boolean {
    if (!this.#reserve(HEADER_BYTES_MAX + body.length)) return false
    const at = writeVarint(this.#slab, this.#at, body.length)
    this.#slab.set(body, at)
    this.#at = at + body.length
    return true
  }

  finish(): Uint8Array {
    return this.#slab.subarray(this.#start, this.#at)
  }

  #reserve(bytes: number): boolean {
    const empty = this.#at === this.#start + 1
    if (!empty && this.#at - this.#start + bytes > BATCH_BYTES) return false
    if (this.#slab.length - this.#at >= bytes) return true
    this.#move(bytes)
    return true
  }

  /** The slab is too short for this frame: what was begun moves to a new one. */
  #move(bytes: number): void {
    const begun = this.#slab.subarray(this.#start, this.#at)
    this.#renew(begun.length + bytes)
    this.#slab.set(begun)
    this.#start = 0
    this.#at = begun.length
  }

  #renew(bytesMin = 0): void {
    this.#slab = new Uint8Array(Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytesMin)).buffer)
    this.#start = 0
    this.#at = 0
  }
}

function writeHeader(out: Uint8Array, start: number, message: Outgoing): number {
  out[start] = message.tag
  let at = writeVarint(out, start + 1, message.id)
  if (message.tag === MESSAGE.REQUEST) at = writeVarint(out, at, message.kind)
  return writeVarint(out, at, message.body.length)
}

/** Cuts one large message into frames. */
export class PartWriter {
  readonly #header: Uint8Array
  readonly #body: Uint8Array
  readonly #stream: number
  /** Bytes of header and body that are sent. */
  #sent = 0

  constructor(message: Outgoing) {
    const header = new Uint8Array(HEADER_BYTES_MAX)
    this.#header = header.subarray(0, writeHeader(header, 0, message))
    this.#body = message.body
    this.#stream = message.tag === MESSAGE.REQUEST ? 0 : PART.ANSWER
  }

  get done(): boolean {
    return this.#sent === this.#totalBytes
  }

  get #totalBytes(): number {
    return this.#header.length + this.#body.length
  }

  /** From the first part again, on another link. */
  restart(): void {
    this.#sent = 0
  }

  next(): Uint8Array {
    assert(!this.done, 'a message has no more parts')
    const header = this.#sent === 0 ? this.#header : NOTHING
    const bodyStart = Math.max(0, this.#sent - this.#header.length)
    const body = this.#body.subarray(bodyStart, bodyStart + PART_BYTES - header.length)
    const frame = new Uint8Array(PART_HEADER_BYTES_MAX + header.length + body.length)
    frame[0] = FRAME.PART
    frame[1] = (this.#sent === 0 ? PART.FIRST : 0) | this.#stream
    let at = this.#sent === 0 ? writeVarint(frame, 2, this.#totalBytes) : 2
    frame.set(header, at)
    at += header.length
    frame.set(body, at)
    this.#sent += header.length + body.length
    return frame.subarray(0, at + body.length)
  }
}
