/** One call that a client waits for: settled once, by its reply or by whoever gives it up. */
import * as v from 'valibot'
import { AtollError, type Outcome } from '../base/errors.ts'
import type { CallOptions } from '../node/api.ts'
import { errorOfObject } from './error-object.ts'
import type { AnyMethod } from './method.ts'

/** The part of a method that a client needs. */
export type CallShape = Pick<AnyMethod<never>, 'name' | 'changes' | 'result'>

/** A daemon that stands still is given this much longer than the call's own deadline. */
const GRACE_MS = 1000

export interface ClientCallOptions extends CallOptions {
  /** How long the reply may take, known to this side alone; default: the deadline and a second. */
  readonly patienceMs?: number
}

/** What a timer can wait, 24 days; more would be over at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class PendingCall {
  readonly promise: Promise<unknown>
  /** Whether the request may have left this process. */
  sent = false
  readonly #method: CallShape
  readonly #resolve: (result: unknown) => void
  readonly #reject: (error: Error) => void
  readonly #signal: AbortSignal | undefined
  readonly #path: string
  readonly #onGivenUp: () => void
  readonly #timer: NodeJS.Timeout | null

  /**
   * `path` is for messages. `onGivenUp` is told when the caller or the deadline ends the call before
   * its reply.
   */
  constructor(method: CallShape, options: ClientCallOptions, path: string, onGivenUp: () => void) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#method = method
    this.#path = path
    this.#onGivenUp = onGivenUp
    this.#signal = options.signal
    this.#signal?.addEventListener('abort', this.#onAbort, { once: true })
    const { deadlineMs, patienceMs = deadlineMs && deadlineMs + GRACE_MS } = options
    this.#timer =
      patienceMs === undefined
        ? null
        : setTimeout(
            () => this.#onDeadline(deadlineMs ?? patienceMs),
            Math.min(patienceMs, TIMER_MS_MAX),
          )
    this.#timer?.unref()
  }

  /** The result is checked: the other end may be of another version. */
  succeed(result: unknown): void {
    const parsed = v.safeParse(this.#method.result, result)
    if (parsed.success) return this.#settle(() => this.#resolve(parsed.output))
    const error = new AtollError('INTERNAL', `the daemon's reply to ${this.#method.name} is odd`, {
      outcome: this.#method.changes ? 'unknown' : 'not-applied',
      hint: 'are the daemon and this program of one version?',
    })
    this.fail(error)
  }

  refuse(errorObject: unknown): void {
    this.fail(errorOfObject(errorObject))
  }

  fail(error: AtollError): void {
    this.#settle(() => this.#reject(error))
  }

  /** The connection ended with no reply. */
  lose(message: string): void {
    this.fail(new AtollError('UNREACHABLE', message, { outcome: this.#outcome() }))
  }

  /** Nothing is known of a change once its request may have left. */
  #outcome(): Outcome {
    return this.#method.changes && this.sent ? 'unknown' : 'not-applied'
  }

  readonly #onAbort = (): void => {
    const options = { outcome: this.#outcome(), cause: this.#signal?.reason as unknown }
    this.fail(new AtollError('CANCELLED', `${this.#method.name} was cancelled`, options))
    this.#onGivenUp()
  }

  /** Said is the deadline that was asked for; the reply had a little longer. */
  #onDeadline(withinMs: number): void {
    const message = `no answer from ${this.#path} in ${durationText(withinMs)}`
    const hint = 'is the daemon paused or overloaded?'
    this.fail(new AtollError('TIMEOUT', message, { outcome: this.#outcome(), hint }))
    this.#onGivenUp()
  }

  #settle(settle: () => void): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    if (this.#timer !== null) clearTimeout(this.#timer)
    settle()
  }
}

function durationText(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Number((ms / 1000).toFixed(1))} s`
}
