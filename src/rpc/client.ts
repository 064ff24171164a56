/**
 * The client's side of one connection: calls by number, pipelined, and subscriptions. It does not
 * reconnect: when the connection is lost, everything under way ends with UNREACHABLE, and of a
 * change that had been sent the outcome is unknown. What to do then only the caller can know.
 *
 * A request that the daemon would not read is refused here, and nothing of it is sent: the daemon
 * could not say which call it was, and might end the connection that others use.
 */
import type { Socket } from 'node:net'
import * as v from 'valibot'
import { AtollError, isAtollError } from '../base/errors.ts'
import { errorOfObject } from './error-object.ts'
import { EventQueue } from './event-queue.ts'
import { REPLY_BYTES_MAX } from './limits.ts'
import { requestLine } from './request-line.ts'
import { LineSplitter } from './line-splitter.ts'
import type { Keeps } from './method.ts'
import { type CallShape, type ClientCallOptions, PendingCall } from './pending-call.ts'

/** Calls under way on one connection. */
const IN_FLIGHT_MAX = 65_536
/** Requests that the daemon has not read yet. */
const WRITE_BYTES_MAX = 64 * 1024 * 1024

const subscribedSchema = v.object({ subscription: v.string(), cursor: v.string() })

const noticeSchema = v.object({
  subscription: v.string(),
  events: v.array(v.unknown()),
  gap: v.optional(v.object({ missed: v.number() })),
  ended: v.optional(v.boolean()),
  error: v.optional(v.unknown()),
})

export class RpcClient {
  readonly #socket: Socket
  readonly #path: string
  readonly #splitter = new LineSplitter(REPLY_BYTES_MAX)
  /** Bounded by IN_FLIGHT_MAX. */
  readonly #pending = new Map<number, PendingCall>()
  /** What is done the moment a subscription is confirmed: its first events may be the next line. */
  readonly #starting = new Map<number, EventQueue>()
  readonly #subscriptions = new Map<string, EventQueue>()
  #nextId = 1
  /** Requests of this turn, and the calls that wait for them. */
  #outbox: string[] = []
  #unsent: PendingCall[] = []
  /** Why nothing can be called any more. */
  #lost: AtollError | null = null
  /** The last error that belongs to no request: why the daemon ends the connection, if it does. */
  #told: AtollError | null = null
  /** Whether the daemon has served this connection. */
  #isServed = false

  /** `socket` is connected; `path` is for messages. */
  constructor(socket: Socket, path: string) {
    this.#socket = socket
    this.#path = path
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
  }

  /** Ends with AtollError: what the daemon said, or UNREACHABLE, TIMEOUT, CANCELLED, BUSY. */
  call(method: CallShape, params: object, options: ClientCallOptions = {}): Promise<unknown> {
    return this.#start(method, params, options, null)
  }

  /** Ends when the signal aborts; throws when the daemon ends it, at a gap, or with the connection. */
  async *watch(
    method: CallShape & { readonly keeps: Keeps; readonly missed?: (last: never) => unknown },
    params: object,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<unknown, void, undefined> {
    const queue = new EventQueue(method.keeps, method.missed)
    const options = signal === undefined ? {} : { signal }
    const shape = { ...method, result: subscribedSchema }
    let started: unknown
    try {
      started = await this.#start(shape, params, options, queue)
    } catch (error) {
      if (signal?.aborted === true && isAtollError(error, 'CANCELLED')) return
      throw error
    }
    const { subscription } = v.parse(subscribedSchema, started)
    const onAbort = () => queue.end(null)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    try {
      for await (const event of queue) {
        const parsed = v.safeParse(method.result, event)
        if (!parsed.success) throw this.#odd()
        yield parsed.output
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      if (this.#subscriptions.delete(subscription)) this.#cancel({ subscription })
    }
  }

  /** What is under way ends with UNREACHABLE, later calls with STOPPED. Idempotent. */
  async close(): Promise<void> {
    this.#lost ??= new AtollError('STOPPED', 'this connection was closed by its owner')
    if (this.#socket.closed) return
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
    this.#socket.destroy()
    await closed
  }

  /** What throws here rejects, with nothing registered and nothing sent. */
  async #start(
    method: CallShape,
    params: object,
    options: ClientCallOptions,
    queue: EventQueue | null,
  ): Promise<unknown> {
    if (this.#lost !== null) throw this.#lost
    if (options.signal?.aborted) throw new AtollError('CANCELLED', `${method.name} was cancelled`)
    if (this.#pending.size >= IN_FLIGHT_MAX || this.#socket.writableLength > WRITE_BYTES_MAX) {
      throw new AtollError('BUSY', 'too much is under way on this connection')
    }
    const { deadlineMs } = options
    const all = deadlineMs === undefined ? params : { ...params, deadlineMs }
    const id = this.#nextId++
    const line = requestLine({ jsonrpc: '2.0', id, method: method.name, params: all })
    const pending = new PendingCall(method, options, this.#path, () => this.#giveUp(id))
    this.#pending.set(id, pending)
    if (queue !== null) this.#starting.set(id, queue)
    this.#unsent.push(pending)
    this.#send(line)
    return await pending.promise
  }

  #giveUp(id: number): void {
    if (this.#pending.delete(id)) this.#cancel({ id })
    this.#starting.delete(id)
  }

  #cancel(params: { readonly id: number } | { readonly subscription: string }): void {
    if (this.#lost !== null) return
    this.#send(JSON.stringify({ jsonrpc: '2.0', method: '$/cancelRequest', params }))
  }

  #send(line: string): void {
    if (this.#outbox.push(line) === 1) setImmediate(this.#flush)
  }

  readonly #flush = (): void => {
    for (const call of this.#unsent) call.sent = true
    this.#unsent = []
    const text = `${this.#outbox.join('\n')}\n`
    this.#outbox = []
    if (this.#lost === null) this.#socket.write(text)
  }

  #onData(chunk: Buffer): void {
    const { lines, tooLong } = this.#splitter.push(chunk)
    for (const line of lines) {
      if (!this.#onLine(line)) return this.#fail(this.#odd())
    }
    if (tooLong) this.#fail(this.#odd())
  }

  /** False: no line of this protocol. */
  #onLine(line: string | null): boolean {
    if (line === null) return false
    if (line === '') return true
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      return false
    }
    if (typeof message !== 'object' || message === null) return false
    const { id, method, params, result, error } = message as Record<string, unknown>
    if (id !== null) this.#isServed = true
    if (typeof method === 'string') return this.#onNotice(params, line.length)
    if (typeof id === 'number') return this.#onReply(id, result, error)
    if (id !== null || error === undefined) return false
    // It belongs to no request. Whether the connection is over, only its end says.
    this.#told = errorOfObject(error)
    return true
  }

  #onReply(id: number, result: unknown, error: unknown): boolean {
    const pending = this.#pending.get(id)
    const queue = this.#starting.get(id)
    // The reply to a call that was given up in the meantime.
    if (pending === undefined) return true
    this.#pending.delete(id)
    this.#starting.delete(id)
    if (error !== undefined) pending.refuse(error)
    else pending.succeed(result)
    if (queue === undefined || error !== undefined) return true
    const started = v.safeParse(subscribedSchema, result)
    if (started.success) this.#subscriptions.set(started.output.subscription, queue)
    return true
  }

  #onNotice(params: unknown, characters: number): boolean {
    const parsed = v.safeParse(noticeSchema, params)
    if (!parsed.success) return false
    const { subscription, events, gap, ended, error } = parsed.output
    const queue = this.#subscriptions.get(subscription)
    if (queue === undefined) return true
    queue.push(events, characters)
    if (gap !== undefined) queue.gap(gap.missed)
    if (ended === true) {
      this.#subscriptions.delete(subscription)
      queue.end(error === undefined ? daemonEnds() : errorOfObject(error))
    }
    return true
  }

  #odd(): AtollError {
    return new AtollError('UNREACHABLE', `what answers on ${this.#path} is no atoll daemon`, {
      outcome: 'unknown',
    })
  }

  #fail(error: AtollError): void {
    this.#lost ??= error
    this.#socket.destroy()
  }

  /** Why the daemon has turned this connection away, with all that it asked for unread. */
  #refusal(): AtollError | null {
    const told = this.#told
    if (this.#isServed || told === null || told.outcome !== 'not-applied') return null
    return told.code === 'BUSY' || told.code === 'STOPPED' ? told : null
  }

  #onClose(): void {
    const why = this.#told === null ? '' : `: ${this.#told.message}`
    const refusal = this.#refusal()
    const message = this.#lost?.message ?? `the connection to ${this.#path} was lost${why}`
    this.#lost ??= refusal ?? new AtollError('UNREACHABLE', message)
    for (const call of this.#pending.values()) {
      if (refusal === null) call.lose(message)
      else call.fail(refusal)
    }
    const end = new AtollError('UNREACHABLE', message)
    for (const queue of this.#subscriptions.values()) queue.end(end)
    for (const map of [this.#pending, this.#starting, this.#subscriptions]) map.clear()
  }
}

/** A watch has no end of its own: its reader must not take the daemon's for one. */
function daemonEnds(): AtollError {
  return new AtollError('UNREACHABLE', 'the watch ended: its daemon stops or has left', {
    hint: 'go on at another daemon, or at this one once it is back',
  })
}
