/**
 * Serves a table of methods on connections. Who may connect is the socket's permissions' business
 * (unix-socket.ts): whoever can connect may do everything.
 */
import type { Duplex } from 'node:stream'
import { AtollError } from '../base/errors.ts'
import type { CallOptions } from '../node/api.ts'
import type { Log } from '../seams/log.ts'
import { Connection } from './connection.ts'
import { RpcCounts } from './counts.ts'
import { errorObject } from './error-object.ts'
import { RPC_LIMITS, type RpcLimits } from './limits.ts'
import { errorText } from './message.ts'
import type { AnyMethod } from './method.ts'
import type { RpcLevels } from './metrics.ts'
import { openRpc } from './openrpc.ts'
import type { Service } from './session.ts'

export interface RpcServerOptions<Target> {
  readonly methods: ReadonlyMap<string, AnyMethod<Target>>
  /** What the methods are called on. */
  readonly target: Target
  readonly log: Log
  /** For tests. */
  readonly limits?: Partial<RpcLimits>
}

type Running<Target> = (target: Target, params: unknown, options: CallOptions) => unknown

export class RpcServer<Target> implements RpcLevels {
  readonly counts = new RpcCounts()
  readonly #options: RpcServerOptions<Target>
  readonly #limits: RpcLimits
  readonly #service: Service
  /** Bounded by `connectionsMax`. */
  readonly #connections = new Set<Connection>()
  #closing: PromiseWithResolvers<void> | null = null

  constructor(options: RpcServerOptions<Target>) {
    this.#options = options
    this.#limits = { ...RPC_LIMITS, ...options.limits }
    this.#service = {
      limits: this.#limits,
      counts: this.counts,
      method: (name) => this.#options.methods.get(name),
      call: (method, params, callOptions) => this.#call(method, params, callOptions),
      watch: (method, params, callOptions) => this.#watch(method, params, callOptions),
    }
  }

  get connections(): number {
    return this.#connections.size
  }

  /** Calls under way. */
  get inFlight(): number {
    return this.#sum(({ inFlight }) => inFlight)
  }

  get subscriptions(): number {
    return this.#sum(({ subscriptions }) => subscriptions)
  }

  /** Of replies that clients have not read. */
  get queuedBytes(): number {
    return this.#sum(({ queuedBytes }) => queuedBytes)
  }

  /** Serves one client. The stream must allow half-open (`allowHalfOpen`). */
  accept(socket: Duplex): void {
    if (this.#closing !== null || this.#connections.size >= this.#limits.connectionsMax) {
      this.#turnAway(socket)
      return
    }
    const connection = new Connection(socket, {
      service: this.#service,
      onClosed: () => {
        this.#connections.delete(connection)
        if (this.#connections.size === 0) this.#closing?.resolve()
      },
      onSlow: () => {
        this.counts.slow++
        this.#options.log.write('warn', 'rpc.client-does-not-read')
      },
    })
    this.#connections.add(connection)
    this.counts.accepted++
  }

  /** Answers what is under way, begins nothing new, and after `graceMs` closes regardless. */
  async close(graceMs: number): Promise<void> {
    if (this.#closing === null) {
      this.#closing = Promise.withResolvers<void>()
      if (this.#connections.size === 0) this.#closing.resolve()
      for (const connection of this.#connections) connection.end()
      const timer = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy()
      }, graceMs)
      timer.unref()
      void this.#closing.promise.then(() => clearTimeout(timer))
    }
    await this.#closing.promise
  }

  /** A failure before the first wait is a failure like any other. */
  #call(method: AnyMethod<never>, params: unknown, options: CallOptions): Promise<unknown> {
    if (method.name === 'rpc.discover') {
      return Promise.resolve(openRpc(this.#options.methods.values()))
    }
    const startedMs = performance.now()
    try {
      const result = this.#run(method)(this.#options.target, params, options) as Promise<unknown>
      if (this.#options.log.allows('debug', 'rpc.call')) this.#trace(method.name, result)
      return result.then(
        (value) => {
          this.#ended(method.name, startedMs)
          return value
        },
        (error: unknown) => {
          this.#ended(method.name, startedMs)
          return this.#failed(method.name, error)
        },
      )
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Begun at the first step, so that what cannot begin is an error of the subscription. */
  async *#watch(
    method: AnyMethod<never>,
    params: unknown,
    options: CallOptions,
  ): AsyncGenerator<unknown, void, undefined> {
    yield* this.#run(method)(this.#options.target, params, options) as AsyncIterable<unknown>
  }

  /** A line for each call, when that is wanted: otherwise a call costs nothing more. */
  #trace(method: string, result: Promise<unknown>): void {
    const startMs = performance.now()
    const note = (outcome: string): void => {
      const tookMs = Math.round((performance.now() - startMs) * 10) / 10
      this.#options.log.write('debug', 'rpc.call', { method, outcome, tookMs })
    }
    result.then(
      () => note('ok'),
      (error: unknown) => note(error instanceof AtollError ? error.code : 'INTERNAL'),
    )
  }

  #ended(method: string, startedMs: number): void {
    this.counts.call(method, (performance.now() - startedMs) / 1000)
  }

  #sum(pick: (connection: Connection) => number): number {
    let sum = 0
    for (const connection of this.#connections) sum += pick(connection)
    return sum
  }

  /** The params are what the method's own schema made of them. */
  #run(method: AnyMethod<never>): Running<Target> {
    return method.run as unknown as Running<Target>
  }

  /** Defects are worth a line in the log; what users do wrong is not. */
  #failed(method: string, error: unknown): never {
    if (!(error instanceof AtollError) || error.code === 'INTERNAL') {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#options.log.write('error', 'rpc.defect', { method, error: what })
    }
    throw error
  }

  #turnAway(socket: Duplex): void {
    this.counts.turnedAway++
    const why =
      this.#closing === null
        ? new AtollError('BUSY', `the daemon has ${this.#limits.connectionsMax} connections`)
        : new AtollError('STOPPED', 'the daemon is stopping')
    socket.on('error', () => socket.destroy())
    socket.resume()
    socket.end(`${errorText(null, errorObject(why))}\n`)
  }
}
