/**
 * A link over one libp2p stream.
 *
 * What the other side can make it hold is bounded, and so is the time it can make it wait: a frame
 * that was begun is completed in time, a link that was closed ends in time, and what waits for a
 * peer that does not read stays under a limit, or the link goes.
 */
import type { Stream } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { assert } from '../base/assert.ts'
import type { PeerId } from '../base/ids.ts'
import {
  FRAME_BYTES_MAX,
  type Link,
  LINK_BUFFER_BYTES,
  type LinkHandler,
  type TrafficClass,
} from '../seams/network.ts'
import { FrameReader } from './libp2p-frame-reader.ts'
import { SendQueue } from './libp2p-send-queue.ts'

/** What may wait in spite of `send` having returned false; beyond it the link is aborted. */
export const LINK_BUFFER_HARD_BYTES = LINK_BUFFER_BYTES + 4 * FRAME_BYTES_MAX

export interface LinkTimes {
  /** A frame that was begun is complete this soon, or the link goes. */
  readonly frameMs: number
  /** A link that was closed has ended this soon, the last bytes taken, or is aborted. */
  readonly closeMs: number
}

export const LINK_TIMES: LinkTimes = { frameMs: 30_000, closeMs: 10_000 }

export interface LinkFacts {
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly inbound: boolean
}

type Timeout = ReturnType<typeof setTimeout>

export class Libp2pLink implements Link {
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly inbound: boolean
  readonly #stream: Stream
  readonly #times: LinkTimes
  readonly #onEnd: () => void
  readonly #reader = new FrameReader()
  readonly #queue = new SendQueue()
  #handler: LinkHandler | null = null
  #state: 'open' | 'closing' | 'closed' = 'open'
  /** `send` has returned false and `onDrain` is owed. */
  #full = false
  /** The other side has said that it sends no more. */
  #remoteEnded = false
  /** The stream has been told to close. */
  #shut = false
  /** Runs while a frame has begun and is not complete. */
  #frameTimer: Timeout | null = null
  #closeTimer: Timeout | null = null

  constructor(stream: Stream, facts: LinkFacts, times: LinkTimes, onEnd: () => void) {
    this.#stream = stream
    this.peer = facts.peer
    this.trafficClass = facts.trafficClass
    this.inbound = facts.inbound
    this.#times = times
    this.#onEnd = onEnd
  }

  open(handler: LinkHandler): void {
    assert(this.#handler === null, 'a link was opened twice')
    this.#handler = handler
    const stream = this.#stream
    stream.addEventListener('drain', () => this.#pump())
    stream.addEventListener('close', (event) => this.#onStreamClose(event.error !== undefined))
    stream.addEventListener('end', () => this.#onStreamEnd())
    stream.addEventListener('message', ({ data }) => this.#onData(data))
    if (stream.status !== 'open') this.#onStreamClose(stream.status !== 'closed')
    else if (stream.readableEnded) this.#onStreamEnd()
  }

  send(frame: Uint8Array): boolean {
    if (this.#state !== 'open') return false
    if (frame.length > FRAME_BYTES_MAX) {
      this.abort()
      return false
    }
    this.#queue.push(frame)
    this.#pump()
    if (this.#queue.bytes > LINK_BUFFER_HARD_BYTES) this.abort()
    if (this.#state !== 'open') return false
    this.#full = this.#queue.bytes > LINK_BUFFER_BYTES
    return !this.#full
  }

  close(): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#closeTimer = setTimeout(() => this.abort(), this.#times.closeMs)
    this.#closeTimer.unref()
    this.#pump()
  }

  abort(): void {
    if (this.#state === 'closed') return
    this.#stream.abort(new Error('link aborted'))
    this.#onStreamClose(true)
  }

  /** Gives the stream what it takes. */
  #pump(): void {
    while (!this.#stream.writableNeedsDrain && this.#state !== 'closed') {
      const bytes = this.#queue.shift()
      if (bytes === null) break
      try {
        this.#stream.send(bytes)
      } catch {
        return this.abort()
      }
    }
    if (this.#state === 'closing' && this.#queue.bytes === 0) this.#closeStream()
    if (!this.#full || this.#queue.bytes > LINK_BUFFER_BYTES / 2) return
    this.#full = false
    if (this.#state === 'open') this.#handler?.onDrain()
  }

  #closeStream(): void {
    if (this.#shut) return
    this.#shut = true
    this.#stream.close().catch(() => this.abort())
  }

  #onData(data: Uint8Array | Uint8ArrayList): void {
    const wasMidFrame = this.#reader.midFrame
    let frames = 0
    const take = (frame: Uint8Array): boolean => {
      frames++
      if (this.#state === 'open') this.#handler?.onFrame(frame)
      return this.#state === 'open'
    }
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      // What comes after `close` is nobody's.
      if (this.#state !== 'open') return
      if (!this.#reader.read(piece, take)) return this.abort()
    }
    this.#watchFrame(wasMidFrame && frames === 0)
  }

  /** The time of a frame runs from its first byte: one that trickles in is not given more. */
  #watchFrame(same: boolean): void {
    if (same && this.#frameTimer !== null) return
    this.#endFrameWatch()
    if (!this.#reader.midFrame || this.#state !== 'open') return
    this.#frameTimer = setTimeout(() => this.abort(), this.#times.frameMs)
    this.#frameTimer.unref()
  }

  #endFrameWatch(): void {
    if (this.#frameTimer !== null) clearTimeout(this.#frameTimer)
    this.#frameTimer = null
  }

  /** Nothing more is delivered: the other side closed, or the connection is gone. */
  #onStreamEnd(): void {
    // Only if it closed: `close` of the stream comes next otherwise.
    if (this.#stream.status !== 'open') return
    this.#remoteEnded = true
    // Half a frame means that it did not end as it meant to.
    if (this.#reader.midFrame && this.#state === 'open') this.abort()
    else this.close()
  }

  #onStreamClose(broken: boolean): void {
    if (this.#state === 'closed') return
    const reason = this.#remoteEnded && !broken ? 'closed' : 'reset'
    this.#state = 'closed'
    this.#queue.clear()
    this.#endFrameWatch()
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer)
    this.#onEnd()
    this.#handler?.onClose(reason)
  }
}
