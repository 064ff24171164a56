/**
 * Requests to one peer and their answers, and its requests to us, over one line.
 *
 * What one turn of the event loop sends to a peer leaves in one frame. An answer finds its request
 * by id; ids are never used twice in the life of a mesh, so a late or repeated answer finds
 * nothing. When a link breaks, what was sent on it is rejected with outcome unknown; what still
 * waits stays for the next link or its own time-out. Nothing is ever sent twice by itself.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import { decodeError } from '../wire/error-codec.ts'
import { type Answer, asTold } from './answer.ts'
import { Call, type CallHost } from './call.ts'
import type { MeshCounts } from './counts.ts'
import type { Deadlines } from './deadlines.ts'
import { FrameReader, type IncomingHandler } from './incoming.ts'
import { ANSWER_BYTES_MAX, BODY_BYTES_MAX, IN_FLIGHT_MAX, QUEUED_BYTES_MAX } from './limits.ts'
import type { Line, LineUser } from './line.ts'
import type { RemotePeer, RequestOptions } from './mesh.ts'
import type { MeshLink } from './mesh-link.ts'
import { Outbox } from './outbox.ts'
import type { FrameWriter } from './outgoing.ts'
import type { Server } from './server.ts'
import type { Flushable } from './turn.ts'

/** What all channels of a mesh share. */
export interface ChannelContext {
  readonly deadlines: Deadlines
  readonly writer: FrameWriter
  readonly server: Server
  readonly counts: MeshCounts
  nextId(): number
  /** Calls `flush` at the end of this turn. */
  flushSoon(channel: Flushable): void
  /** Why nothing can be sent now, or null. */
  obstacle(peer: PeerId): AtollError | null
}

export class Channel implements LineUser, CallHost {
  readonly #peer: PeerId
  readonly #line: Line
  readonly #context: ChannelContext
  readonly #calls = new Map<number, Call>()
  readonly #requests: Outbox
  readonly #answers: Outbox
  readonly #readers = new Map<MeshLink, FrameReader>()
  /** A flush at the end of this turn is asked for. */
  #flushing = false

  constructor(peer: PeerId, line: Line, context: ChannelContext) {
    this.#peer = peer
    this.#line = line
    this.#context = context
    this.#requests = new Outbox(context.writer)
    this.#answers = new Outbox(context.writer)
  }

  get idle(): boolean {
    return this.#calls.size === 0 && this.#requests.empty && this.#answers.empty
  }

  get inFlight(): number {
    return this.#calls.size
  }

  get queuedBytes(): number {
    return this.#requests.bytes + this.#answers.bytes
  }

  request(kind: number, body: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(body, options)
      if (refusal !== null) {
        this.#context.counts.callsRefused++
        return reject(refusal)
      }
      this.#context.counts.calls++
      const call = new Call(this, this.#context.nextId(), kind, body, resolve, reject)
      this.#calls.set(call.id, call)
      this.#requests.push(call)
      this.#context.deadlines.add(call, options.timeoutMs)
      if (options.signal !== undefined) call.watch(options.signal)
      this.#flushSoon()
    })
  }

  #refusal(body: Uint8Array, options: RequestOptions): AtollError | null {
    if (options.signal?.aborted === true) {
      return new AtollError('CANCELLED', 'the request was cancelled')
    }
    if (body.length > BODY_BYTES_MAX) {
      return new AtollError('TOO_LARGE', `a request of ${body.length} bytes is over its limit`)
    }
    const overBytes = this.#requests.bytes + body.length > QUEUED_BYTES_MAX
    if (overBytes || this.#calls.size >= IN_FLIGHT_MAX) {
      return new AtollError('BUSY', `too many requests to ${this.#peer} are under way`)
    }
    return this.#line.current === null ? this.#context.obstacle(this.#peer) : null
  }

  flush(): void {
    this.#flushing = false
    const link = this.#line.current
    if (link === null) {
      if (!this.#requests.empty) this.#line.want()
      return
    }
    this.#answers.flush(link)
    this.#requests.flush(link)
  }

  /** Ends every request of this node; `code` says why. */
  failAll(code: 'STOPPED' | 'UNREACHABLE', message: string): void {
    for (const call of this.#calls.values()) call.fail(code, message)
  }

  onFrame(link: MeshLink, frame: Uint8Array): void {
    const { remote } = link
    if (remote === null) return
    let reader = this.#readers.get(link)
    if (reader === undefined) {
      reader = new FrameReader()
      this.#readers.set(link, reader)
    }
    this.#from = remote
    reader.read(frame, this.#incoming)
  }

  onWritable(): void {
    if (!this.#requests.empty || !this.#answers.empty) this.#flushSoon()
  }

  onLinkGone(link: MeshLink, successor: MeshLink | null): void {
    this.#readers.delete(link)
    if (successor === null) {
      this.#requests.linkGone(link)
      this.#answers.linkGone(link)
    }
    for (const call of this.#calls.values()) {
      if (call.link !== link) continue
      if (successor !== null) call.link = successor
      else call.fail('UNREACHABLE', `the connection to ${this.#peer} broke`)
    }
    if (this.#line.current !== null) return this.onWritable()
    // Whoever waited for these has lost its links too, and has given up.
    this.#answers.drop(() => true)
    this.onWritable()
  }

  onUnreachable(error: AtollError): void {
    for (const call of this.#calls.values()) {
      if (call.link === null) call.reject(error)
    }
  }

  onCallEnded(call: Call): void {
    this.#calls.delete(call.id)
    this.#context.deadlines.remove(call)
    if (call.link === null) this.#requests.settled(call)
  }

  /** The sender of the frame that is being read. */
  #from: RemotePeer | null = null

  readonly #incoming: IncomingHandler = {
    onRequest: (id, kind, body) => {
      if (this.#from !== null) this.#context.server.serve(this.#from, id, kind, body, this)
    },
    onAnswer: (id, body) => this.#calls.get(id)?.resolve(body),
    onFailure: (id, error) => this.#calls.get(id)?.reject(asTold(decodeError(error))),
  }

  /** Sends an answer to the run of the peer that asked, or to nobody. */
  answer(to: RemotePeer, answer: Answer): void {
    const link = this.#line.current
    if (link === null || !isSameRun(link.remote, to)) return
    if (this.#answers.bytes + answer.body.length > ANSWER_BYTES_MAX) {
      this.#line.drop()
      return
    }
    this.#answers.push(answer)
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#context.flushSoon(this)
  }
}

function isSameRun(a: RemotePeer | null, b: RemotePeer): boolean {
  return a === b || (a !== null && a.storageId === b.storageId && a.boot === b.boot)
}
