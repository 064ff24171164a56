/**
 * Room that a receiver gives back to the sender of a yamux stream, gathered.
 *
 * The implementation gives back what it read at once, in a frame of its own for every frame that
 * comes in: a write here and a wake-up there, for as many as carry data. The protocol wants it only
 * in time (Go's gives back half a window at once). So little waits until it is worth a frame; the
 * sender lacks less than that of its window, of which 192 KiB always stay.
 */

/** A quarter of the smallest window. */
const WORTH_BYTES = 64 * 1024
/** Streams that are owed something. Of one that ended nobody says so here: the oldest is paid. */
export const OWED_STREAMS_MAX = 64

const HEADER_BYTES = 12
const TYPE_AT = 1
const FLAGS_AT = 2
const STREAM_AT = 4
const LENGTH_AT = 8
const WINDOW_UPDATE = 1

export class WindowCredit {
  /** Bytes by stream, less than WORTH_BYTES each. */
  readonly #owed = new Map<number, number>()

  /** The frame to send instead of this one: itself, another, or none yet. */
  pass(frame: Uint8Array): Uint8Array | null {
    if (frame.length !== HEADER_BYTES || frame[TYPE_AT] !== WINDOW_UPDATE) return frame
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    const stream = view.getUint32(STREAM_AT)
    const credit = view.getUint32(LENGTH_AT) + (this.#owed.get(stream) ?? 0)
    this.#owed.delete(stream)
    // With flags it opens or ends the stream as well.
    if (view.getUint16(FLAGS_AT) !== 0 || credit >= WORTH_BYTES) {
      view.setUint32(LENGTH_AT, credit)
      return frame
    }
    this.#owed.set(stream, credit)
    return this.#owed.size > OWED_STREAMS_MAX ? this.#payOldest() : null
  }

  #payOldest(): Uint8Array | null {
    for (const [stream, credit] of this.#owed) {
      this.#owed.delete(stream)
      return windowUpdate(stream, credit)
    }
    return null
  }
}

function windowUpdate(stream: number, credit: number): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES)
  const view = new DataView(frame.buffer)
  view.setUint8(TYPE_AT, WINDOW_UPDATE)
  view.setUint32(STREAM_AT, stream)
  view.setUint32(LENGTH_AT, credit)
  return frame
}
