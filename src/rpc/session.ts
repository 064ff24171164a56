/**
 * The conversation on one connection, without the connection: lines of JSON-RPC in, lines out.
 * Knows the calls under way, so that they can be cancelled, and the subscriptions.
 */
import * as v from 'valibot'
import { AtollError } from '../base/errors.ts'
import type { CallOptions } from '../node/api.ts'
import { Call } from './call.ts'
import type { RpcCounts } from './counts.ts'
import {
  type ErrorObject,
  errorObject,
  INVALID_PARAMS,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  PARSE_ERROR,
  protocolError,
} from './error-object.ts'
import { jsonExcess } from '../base/json-scan.ts'
import type { RpcLimits } from './limits.ts'
import {
  Batch,
  errorText,
  idOfWrong,
  Reply,
  type ReplySink,
  type Request,
  requestOf,
} from './message.ts'
import type { AnyMethod } from './method.ts'
import { Subscription } from './subscription.ts'
import { describeIssues, hintOf, shortened } from './validation.ts'

/** The table of methods and what stands behind it. */
export interface Service {
  readonly limits: RpcLimits
  readonly counts: RpcCounts
  method(name: string): AnyMethod<never> | undefined
  call(method: AnyMethod<never>, params: unknown, options: CallOptions): Promise<unknown>
  watch(method: AnyMethod<never>, params: unknown, options: CallOptions): AsyncIterable<unknown>
}

export interface SessionOut {
  /** The client does not read as fast as it is written to. */
  readonly behind: boolean
  send(line: string): void
  /** A call or subscription ended: there is room for another. */
  eased(): void
}

type AnyWatch = Extract<AnyMethod<never>, { kind: 'watch' }>

const CANCEL = '$/cancelRequest'

export class Session implements ReplySink {
  readonly #service: Service
  readonly #out: SessionOut
  /** Bounded by `inFlightMax` plus a batch; a call stays until the node has ended it. */
  readonly #calls = new Set<Call>()
  /** Those of them that can be cancelled by name. */
  readonly #byId = new Map<string | number, Call>()
  /** Bounded by `subscriptionsMax`. */
  readonly #subscriptions = new Map<string, Subscription>()
  #nextSubscription = 1

  constructor(service: Service, out: SessionOut) {
    this.#service = service
    this.#out = out
  }

  /** Calls under way. */
  get inFlight(): number {
    return this.#calls.size
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  get idle(): boolean {
    return this.#calls.size === 0 && this.#subscriptions.size === 0
  }

  /** null: a line that is not UTF-8. Blank ones are passed over. */
  onLine(line: string | null): void {
    if (line === '' || line === '\r') return
    if (line === null) return this.refuse(protocolError(PARSE_ERROR, 'the line is not UTF-8'))
    const { depthMax, elementsMax } = this.#service.limits
    const excess = jsonExcess(line, depthMax, elementsMax)
    if (excess !== null) {
      const limit = excess === 'depth' ? `${depthMax} levels` : `${elementsMax} elements`
      return this.refuse(protocolError(INVALID_REQUEST, `the JSON has over ${limit}`, 'TOO_LARGE'))
    }
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      return this.refuse(protocolError(PARSE_ERROR, 'the line is not JSON'))
    }
    if (Array.isArray(message)) this.#onBatch(message)
    else this.#onMessage(message, this)
  }

  /** An error that belongs to no request that could be read. */
  refuse(error: ErrorObject): void {
    this.#service.counts.error(error.data.code)
    this.#out.send(errorText(null, error))
  }

  reply(text: string | null): void {
    if (text !== null) this.#out.send(text)
  }

  /** Tells what subscriptions held back while the client was behind. */
  flush(): void {
    for (const subscription of this.#subscriptions.values()) subscription.flush()
  }

  cancelSubscriptions(): void {
    for (const subscription of this.#subscriptions.values()) subscription.cancel()
  }

  /** The client is gone. */
  cancelAll(): void {
    this.cancelSubscriptions()
    for (const call of this.#calls) call.cancel('the connection was closed')
  }

  #onBatch(messages: readonly unknown[]): void {
    const { batchMax } = this.#service.limits
    if (messages.length === 0 || messages.length > batchMax) {
      return this.refuse(protocolError(INVALID_REQUEST, `a batch holds 1 to ${batchMax} requests`))
    }
    const batch = new Batch(this, messages.length)
    for (const message of messages) this.#onMessage(message, batch)
  }

  #onMessage(message: unknown, sink: ReplySink): void {
    const request = requestOf(message)
    if (request === null) {
      const error = protocolError(INVALID_REQUEST, 'not a JSON-RPC 2.0 request')
      this.#service.counts.error(error.data.code)
      return sink.reply(errorText(idOfWrong(message), error))
    }
    const reply = new Reply(sink, request.id, this.#service.counts)
    if (request.method === CANCEL) return this.#onCancel(request, reply)
    const method = this.#service.method(request.method)
    if (method === undefined) {
      const error = `there is no method "${shortened(request.method)}"; see rpc.discover`
      return reply.refuse(protocolError(METHOD_NOT_FOUND, error, 'UNSUPPORTED'))
    }
    if (Array.isArray(request.params)) {
      const error = `${method.name}: the parameters must be an object, by name`
      return reply.refuse(protocolError(INVALID_PARAMS, error))
    }
    const parsed = v.safeParse(method.params, request.params ?? {})
    if (!parsed.success) {
      const error = `${method.name}: ${describeIssues(parsed.issues)}`
      const hint = hintOf(method.name, parsed.issues)
      return reply.refuse(protocolError(INVALID_PARAMS, error, 'USAGE', hint))
    }
    if (method.kind === 'watch') this.#subscribe(method, parsed.output, reply)
    else this.#call(method, parsed.output, request, reply)
  }

  #call(method: AnyMethod<never>, params: unknown, { id }: Request, reply: Reply): void {
    const named = id !== undefined && id !== null
    if (named && this.#byId.has(id)) {
      return reply.refuse(protocolError(INVALID_REQUEST, 'a call under way has this id'))
    }
    const call = new Call(reply, method.changes)
    this.#calls.add(call)
    if (named) this.#byId.set(id, call)
    const ended = () => {
      this.#calls.delete(call)
      if (named && this.#byId.get(id) === call) this.#byId.delete(id)
      this.#out.eased()
    }
    const { deadlineMs } = params as { readonly deadlineMs?: number }
    const options = call.options(deadlineMs, this.#service.limits.deadlineGraceMs)
    this.#service.call(method, params, options).then(
      (result) => {
        call.succeed(result)
        ended()
      },
      (error: unknown) => {
        call.fail(error)
        ended()
      },
    )
  }

  #subscribe(method: AnyWatch, params: unknown, reply: Reply): void {
    const { limits, counts } = this.#service
    const { subscriptionsMax, eventsMax } = limits
    if (this.#subscriptions.size >= subscriptionsMax) {
      const error = `this connection has ${subscriptionsMax} subscriptions, the most it may have`
      return reply.error(new AtollError('BUSY', error))
    }
    const id = `s${this.#nextSubscription++}`
    counts.watch(method.name)
    const onMissed = (events: number): void => {
      counts.eventsMissed += events
    }
    const subscription = new Subscription(id, method.name, this.#out, eventsMax, onMissed)
    this.#subscriptions.set(id, subscription)
    reply.result({ subscription: id, cursor: subscription.cursor })
    const events = this.#service.watch(method, params, { signal: subscription.signal })
    subscription
      .run(events, method.keeps)
      .finally(() => {
        this.#subscriptions.delete(id)
        this.#out.eased()
      })
      .catch((error: unknown) => this.refuse(errorObject(error)))
  }

  /** `{id}` names a call, `{subscription}` a subscription. What is over already is no error. */
  #onCancel(request: Request, reply: Reply): void {
    const parsed = v.safeParse(cancelParams, request.params)
    if (!parsed.success) {
      return reply.refuse(protocolError(INVALID_PARAMS, `${CANCEL}: give id or subscription`))
    }
    const { id, subscription } = parsed.output
    if (id !== undefined) this.#byId.get(id)?.cancel('the caller cancelled it')
    if (subscription !== undefined) this.#subscriptions.get(subscription)?.cancel()
    reply.result(null)
  }
}

const cancelParams = v.pipe(
  v.strictObject({
    id: v.exactOptional(v.union([v.string(), v.number()])),
    subscription: v.exactOptional(v.string()),
  }),
  v.check(({ id, subscription }) => id !== undefined || subscription !== undefined),
)
