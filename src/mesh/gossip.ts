/**
 * Datagrams to one peer: a short queue that never makes anybody wait. Over its bound the oldest
 * rumour goes first, then the oldest probe; probes are sent before rumours. What cannot be sent
 * soon is dropped: a late probe says nothing, and rumours come again.
 */
import { FRAME } from '../wire/frames.ts'
import type { MeshCounts } from './counts.ts'
import { readDatagrams } from './incoming.ts'
import { DATAGRAM_BYTES_MAX, DATAGRAM_QUEUE_BYTES_MAX, DATAGRAMS_MAX } from './limits.ts'
import type { Line, LineUser } from './line.ts'
import type { RemotePeer } from './mesh.ts'
import type { MeshLink } from './mesh-link.ts'
import type { FrameWriter } from './outgoing.ts'
import type { Flushable } from './turn.ts'

export interface GossipContext {
  readonly writer: FrameWriter
  readonly counts: MeshCounts
  onGossip(from: RemotePeer, message: Uint8Array): void
  flushSoon(channel: Flushable): void
}

export class Gossip implements LineUser {
  readonly #line: Line
  readonly #context: GossipContext
  readonly #probes: Uint8Array[] = []
  readonly #rumours: Uint8Array[] = []
  #bytes = 0
  #flushing = false

  constructor(line: Line, context: GossipContext) {
    this.#line = line
    this.#context = context
  }

  get idle(): boolean {
    return this.#probes.length === 0 && this.#rumours.length === 0
  }

  /** False when the message is too large to be sent at all. */
  send(message: Uint8Array, priority: 'probe' | 'rumour'): boolean {
    if (message.length > DATAGRAM_BYTES_MAX) return false
    const queue = priority === 'probe' ? this.#probes : this.#rumours
    queue.push(message)
    this.#bytes += message.length
    while (this.#isOver()) this.#dropOldest()
    if (!this.#flushing) {
      this.#flushing = true
      this.#context.flushSoon(this)
    }
    return true
  }

  flush(): void {
    this.#flushing = false
    const link = this.#line.current
    if (link === null) {
      if (!this.idle) this.#line.want()
      return
    }
    while (link.writable && !this.idle) this.#sendFrame(link)
  }

  onFrame(link: MeshLink, frame: Uint8Array): void {
    const { remote } = link
    if (remote === null) return
    readDatagrams(frame, (message) => this.#context.onGossip(remote, message))
  }

  onWritable(): void {
    this.flush()
  }

  onLinkGone(): void {
    // A datagram may be lost.
  }

  onUnreachable(): void {
    this.clear()
  }

  clear(): void {
    this.#context.counts.datagramsDropped += this.#probes.length + this.#rumours.length
    this.#probes.length = 0
    this.#rumours.length = 0
    this.#bytes = 0
  }

  #isOver(): boolean {
    const count = this.#probes.length + this.#rumours.length
    return count > DATAGRAMS_MAX || this.#bytes > DATAGRAM_QUEUE_BYTES_MAX
  }

  #dropOldest(): void {
    const dropped = this.#rumours.shift() ?? this.#probes.shift()
    this.#bytes -= dropped?.length ?? 0
    this.#context.counts.datagramsDropped++
  }

  #sendFrame(link: MeshLink): void {
    const { writer } = this.#context
    writer.begin(FRAME.DATAGRAMS)
    for (const queue of [this.#probes, this.#rumours]) {
      for (let next = queue[0]; next !== undefined; next = queue[0]) {
        if (!writer.addDatagram(next)) break
        queue.shift()
        this.#bytes -= next.length
      }
    }
    link.send(writer.finish())
  }
}
