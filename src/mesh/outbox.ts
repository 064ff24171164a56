/**
 * What waits for a link: small messages in order, and large ones that travel in parts, one at a
 * time, with small ones between their parts.
 */
import { FRAME } from '../wire/frames.ts'
import { BATCH_BYTES, PART_BYTES } from './limits.ts'
import type { MeshLink } from './mesh-link.ts'
import { type FrameWriter, type Outgoing, PartWriter } from './outgoing.ts'

export interface Queued extends Outgoing {
  /** Nobody waits for it any more: it is skipped. */
  readonly settled: boolean
  /** It left whole, or its first part did. */
  sentOn(link: MeshLink): void
}

interface PartsUnderWay {
  readonly message: Queued
  readonly writer: PartWriter
  /** Has the parts sent so far. */
  link: MeshLink
}

/** Settled entries are swept out once they are this many and the larger half, or all. */
const SWEEP_ABOVE = 64

export class Outbox {
  readonly #writer: FrameWriter
  #small: Queued[] = []
  #large: Queued[] = []
  #settled = 0
  /** The large message under way. */
  #parts: PartsUnderWay | null = null
  /** Bytes of bodies that wait, the rest of the large one under way not counted. */
  bytes = 0

  constructor(writer: FrameWriter) {
    this.#writer = writer
  }

  get empty(): boolean {
    return this.#small.length === 0 && this.#large.length === 0 && this.#parts === null
  }

  push(message: Queued): void {
    this.bytes += message.body.length
    if (message.body.length > PART_BYTES) this.#large.push(message)
    else this.#small.push(message)
  }

  /** A waiting message settled before it was sent; called while it still has its body. */
  settled(message: Queued): void {
    this.bytes -= message.body.length
    this.#settled++
    const waiting = this.#small.length + this.#large.length
    const few = this.#settled < SWEEP_ABOVE || this.#settled * 2 < waiting
    if (few && this.#settled < waiting) return
    this.#small = this.#small.filter((each) => !each.settled)
    this.#large = this.#large.filter((each) => !each.settled)
    this.#settled = 0
  }

  /** Drops what `unwanted` says, such as answers that nobody waits for. */
  drop(unwanted: (message: Queued) => boolean): void {
    const keep = (message: Queued): boolean => {
      if (message.settled) return false
      if (!unwanted(message)) return true
      this.bytes -= message.body.length
      return false
    }
    this.#small = this.#small.filter(keep)
    this.#large = this.#large.filter(keep)
    this.#settled = 0
  }

  /** The message whose parts went to a link that is gone is given up with it. */
  linkGone(link: MeshLink): void {
    if (this.#parts?.link === link) this.#parts = null
  }

  /** Sends until all is sent or the link is full. */
  flush(link: MeshLink): void {
    while (link.writable && !this.empty) {
      this.#flushSmall(link)
      if (link.writable) this.#flushPart(link)
    }
  }

  /** One frame. */
  #flushSmall(link: MeshLink): void {
    const queue = this.#small
    if (queue.length === 0) return
    const writer = this.#writer
    writer.begin(FRAME.BATCH)
    let next = 0
    for (; next < queue.length && writer.length < BATCH_BYTES; next++) {
      const message = queue[next] as Queued
      if (message.settled) this.#settled--
      else if (!writer.add(message)) break
      else this.#left(message, link)
    }
    this.#small = next === queue.length ? [] : queue.slice(next)
    if (writer.length > 1) link.send(writer.finish())
  }

  /** One part of the large message under way, or the first of the next one. */
  #flushPart(link: MeshLink): void {
    if (this.#parts?.message.settled === true) this.#parts = null
    if (this.#parts === null && !this.#beginLarge(link)) return
    const parts = this.#parts
    if (parts === null) return
    if (parts.link !== link) {
      // A receiver acts on whole messages alone: on another link it begins anew.
      parts.writer.restart()
      parts.message.sentOn(link)
      parts.link = link
    }
    link.send(parts.writer.next())
    if (parts.writer.done) this.#parts = null
  }

  #beginLarge(link: MeshLink): boolean {
    const message = this.#large.shift()
    if (message === undefined) return false
    if (message.settled) {
      this.#settled--
      return false
    }
    this.#parts = { message, writer: new PartWriter(message), link }
    this.#left(message, link)
    return true
  }

  #left(message: Queued, link: MeshLink): void {
    this.bytes -= message.body.length
    message.sentOn(link)
  }
}
