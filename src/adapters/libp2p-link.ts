/**
 * A link over one libp2p stream: frames with a varint length before them. The length is checked
 * before anything is allocated, and a frame that was begun must be completed in time.
 */
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import type { PeerId } from '../base/ids.ts'
import {
  FRAME_BYTES_MAX,
  type Link,
  LINK_BUFFER_BYTES,
  type LinkHandler,
  type TrafficClass,
} from '../seams/network.ts'

/** Bytes handed to the stream in one piece: a longer frame is cut so that others get a turn. */
const CHUNK_BYTES = 64 * 1024
/** A varint of a length that we accept has at most this many bytes. */
const PREFIX_BYTES_MAX = 4
/** A frame that was begun is complete this soon, or the link goes. */
const FRAME_MS_MAX = 30_000

export class Libp2pLink implements Link {
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly inbound: boolean
  readonly #stream: Stream
  readonly #onEnd: () => void
  /** Bytes that are no whole frame yet; at most one frame and one chunk. */
  readonly #received = new Uint8ArrayList()
  /** Frames that the stream did not take yet; `send` says false over LINK_BUFFER_BYTES. */
  #queued: Uint8Array[] = []
  #queuedBytes = 0
  #blocked = false
  #handler: LinkHandler | null = null
  #closed = false
  #closing = false
  #frameTimer: ReturnType<typeof setTimeout> | null = null

  constructor(
    stream: Stream,
    peer: PeerId,
    trafficClass: TrafficClass,
    inbound: boolean,
    onEnd: () => void,
  ) {
    this.#stream = stream
    this.peer = peer
    this.trafficClass = trafficClass
    this.inbound = inbound
    this.#onEnd = onEnd
  }

  open(handler: LinkHandler): void {
    this.#handler = handler
    const stream = this.#stream
    stream.addEventListener('drain', () => this.#onStreamDrain())
    stream.addEventListener('close', (event) => this.#onStreamClose(event.error !== undefined))
    stream.addEventListener('remoteCloseWrite', () => this.close())
    stream.addEventListener('message', ({ data }) => this.#onData(data))
    if (stream.status !== 'open') this.#onStreamClose(stream.status !== 'closed')
  }

  send(frame: Uint8Array): boolean {
    if (this.#closed || this.#closing) return false
    this.#queued.push(prefixOf(frame.length))
    for (let at = 0; at < frame.length; at += CHUNK_BYTES) {
      this.#queued.push(frame.subarray(at, at + CHUNK_BYTES))
    }
    this.#queuedBytes += frame.length
    this.#pump()
    return this.#queuedBytes < LINK_BUFFER_BYTES
  }

  /** Joins small pieces, so that a frame and its prefix are one write. */
  #pump(): void {
    while (this.#queued.length > 0 && !this.#stream.writableNeedsDrain && !this.#closed) {
      const list = new Uint8ArrayList()
      while (this.#queued.length > 0 && list.byteLength < CHUNK_BYTES) {
        list.append(this.#queued.shift() ?? new Uint8Array())
      }
      try {
        this.#stream.send(list.subarray())
      } catch {
        return this.abort()
      }
    }
    if (this.#queued.length === 0) this.#queuedBytes = 0
    this.#blocked = this.#queued.length > 0
  }

  #onStreamDrain(): void {
    const wasBlocked = this.#blocked
    this.#pump()
    if (wasBlocked && !this.#blocked) {
      if (this.#closing) this.#closeStream()
      else this.#handler?.onDrain()
    }
  }

  #onData(data: Uint8Array | Uint8ArrayList): void {
    this.#received.append(data)
    while (!this.#closed) {
      const frame = this.#nextFrame()
      if (frame === null) break
      this.#endFrameWatch()
      this.#handler?.onFrame(frame)
    }
    this.#watchFrame()
  }

  #nextFrame(): Uint8Array | null {
    let length = 0
    for (let i = 0; i < this.#received.byteLength; i++) {
      const byte = this.#received.get(i)
      length += (byte & 0x7f) * 2 ** (7 * i)
      if (length > FRAME_BYTES_MAX || i >= PREFIX_BYTES_MAX) {
        this.abort()
        return null
      }
      if (byte >= 0x80) continue
      const start = i + 1
      if (this.#received.byteLength < start + length) return null
      const frame = this.#received.slice(start, start + length)
      this.#received.consume(start + length)
      return frame
    }
    return null
  }

  #watchFrame(): void {
    const partial = this.#received.byteLength > 0 && !this.#closed
    if (partial && this.#frameTimer === null) {
      this.#frameTimer = setTimeout(() => this.abort(), FRAME_MS_MAX)
      this.#frameTimer.unref()
    }
  }

  #endFrameWatch(): void {
    if (this.#frameTimer !== null) clearTimeout(this.#frameTimer)
    this.#frameTimer = null
  }

  close(): void {
    if (this.#closing || this.#closed) return
    this.#closing = true
    if (!this.#blocked) this.#closeStream()
  }

  #closeStream(): void {
    this.#stream.close().catch(() => this.abort())
  }

  abort(): void {
    if (this.#closed) return
    this.#stream.abort(new Error('link aborted'))
    this.#onStreamClose(true)
  }

  #onStreamClose(broken: boolean): void {
    if (this.#closed) return
    this.#closed = true
    this.#queued = []
    this.#endFrameWatch()
    this.#onEnd()
    this.#handler?.onClose(broken && !this.#closing ? 'reset' : 'closed')
  }
}

function prefixOf(length: number): Uint8Array {
  const bytes: number[] = []
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
