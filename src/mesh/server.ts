/**
 * Calls the handlers of requests that come in, and sends back what they come to.
 *
 * Bounded per peer and class: a peer that asks for more at once than we serve is told BUSY, so
 * its backlog is its own.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Log } from '../seams/log.ts'
import { WireError } from '../wire/codec.ts'
import { Answer, toldError } from './answer.ts'
import { add, type MeshCounts } from './counts.ts'
import { SERVING_BYTES_MAX, SERVING_MAX } from './limits.ts'
import type { RemotePeer, RequestHandler, RequestKind } from './mesh.ts'

/** Where answers go. */
export interface AnswerSink {
  answer(to: RemotePeer, answer: Answer): void
}

interface Load {
  requests: number
  bytes: number
}

export class Server {
  readonly #log: Log
  readonly #counts: MeshCounts
  readonly #handlers = new Map<RequestKind, RequestHandler>()
  /** By peer; absent when nothing of it is being served. */
  readonly #loads = new Map<PeerId, Load>()
  #serving = 0
  #stopped = false
  #onIdle: (() => void) | null = null

  constructor(log: Log, counts: MeshCounts) {
    this.#log = log
    this.#counts = counts
  }

  /** Requests whose handler is at work. */
  get serving(): number {
    return this.#serving
  }

  handle(kind: RequestKind, handler: RequestHandler): void {
    this.#handlers.set(kind, handler)
  }

  /** A request of this node to itself. */
  async local(self: RemotePeer, kind: RequestKind, body: Uint8Array): Promise<Uint8Array> {
    const handler = this.#handlers.get(kind)
    if (handler === undefined) throw unsupported(kind)
    try {
      return await handler(self, body)
    } catch (error) {
      this.#report(self, kind, error)
      throw toldError(error)
    }
  }

  serve(from: RemotePeer, id: number, kind: number, body: Uint8Array, sink: AnswerSink): void {
    const refusal = this.#refusal(from.peer, kind, body)
    if (refusal !== null) {
      add(this.#counts.servedRefused, refusal.code)
      return sink.answer(from, Answer.failure(id, refusal))
    }
    add(this.#counts.served, kind)
    const handler = this.#handlers.get(kind) as RequestHandler
    let result: Uint8Array | Promise<Uint8Array>
    try {
      result = handler(from, body)
    } catch (error) {
      this.#report(from, kind, error)
      return sink.answer(from, Answer.failure(id, toldError(error)))
    }
    if (result instanceof Uint8Array) return sink.answer(from, Answer.success(id, result))
    this.#await(from, id, kind, body.length, result, sink)
  }

  /** From now on requests are refused; resolves when no handler is at work. */
  stop(): Promise<void> {
    this.#stopped = true
    if (this.#serving === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle = resolve
    })
  }

  #refusal(peer: PeerId, kind: number, body: Uint8Array): AtollError | null {
    if (this.#stopped) return new AtollError('STOPPED', 'the asked node is stopping')
    if (!this.#handlers.has(kind)) return unsupported(kind)
    const load = this.#loads.get(peer)
    if (load === undefined) return null
    if (load.requests < SERVING_MAX && load.bytes + body.length <= SERVING_BYTES_MAX) return null
    return new AtollError('BUSY', 'the asked node has too many requests of this one in hand')
  }

  #await(
    from: RemotePeer,
    id: number,
    kind: number,
    bytes: number,
    result: Promise<Uint8Array>,
    sink: AnswerSink,
  ): void {
    this.#begin(from.peer, bytes)
    result.then(
      (answer) => {
        this.#end(from.peer, bytes, () => sink.answer(from, Answer.success(id, answer)))
      },
      (error: unknown) => {
        this.#report(from, kind, error)
        const told = toldError(error)
        this.#end(from.peer, bytes, () => sink.answer(from, Answer.failure(id, told)))
      },
    )
  }

  #begin(peer: PeerId, bytes: number): void {
    this.#serving++
    const load = this.#loads.get(peer)
    if (load === undefined) {
      this.#loads.set(peer, { requests: 1, bytes })
      return
    }
    load.requests++
    load.bytes += bytes
  }

  #end(peer: PeerId, bytes: number, send: () => void): void {
    this.#serving--
    const load = this.#loads.get(peer)
    if (load !== undefined) {
      load.requests--
      load.bytes -= bytes
      if (load.requests === 0) this.#loads.delete(peer)
    }
    send()
    if (this.#serving === 0) this.#onIdle?.()
  }

  /** What is not an AtollError is a defect, here or there. */
  #report(from: RemotePeer, kind: number, error: unknown): void {
    if (error instanceof AtollError) return
    const level = error instanceof WireError ? 'warn' : 'error'
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#log.write(level, 'mesh.handler-failed', { peer: from.peer, kind, error: why })
  }
}

function unsupported(kind: RequestKind): AtollError {
  return new AtollError('UNSUPPORTED', `requests of kind ${kind} are not served here`, {
    hint: 'upgrade the older daemon',
  })
}
