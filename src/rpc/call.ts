/**
 * One call under way on a connection. It is answered exactly once: by its result, its error, or,
 * when it outlives its own deadline, by the server. A call that was a notification (no id) is
 * run and answered to nobody.
 */
import { AtollError } from '../base/errors.ts'
import type { CallOptions } from '../node/api.ts'
import type { Reply } from './message.ts'

export class Call {
  readonly #reply: Reply
  readonly #changes: boolean
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #answered = false

  constructor(reply: Reply, changes: boolean) {
    this.#reply = reply
    this.#changes = changes
  }

  /** Arms the server's own deadline, which is `graceMs` later than the node's. */
  options(deadlineMs: number | undefined, graceMs: number): CallOptions {
    if (deadlineMs === undefined) return { signal: this.#abort.signal }
    this.#timer = setTimeout(() => this.#expire(deadlineMs), deadlineMs + graceMs)
    this.#timer.unref()
    return { signal: this.#abort.signal, deadlineMs }
  }

  /** The node ends the call, and says with what outcome. */
  cancel(why: string): void {
    this.#abort.abort(new AtollError('CANCELLED', why, { outcome: this.#unknown() }))
  }

  succeed(result: unknown): void {
    if (this.#end()) this.#reply.result(result)
  }

  fail(error: unknown): void {
    if (!this.#end()) return
    // What the signal was aborted with may come back as it is, or wrapped by what it passed through.
    const reason: unknown = this.#abort.signal.aborted ? this.#abort.signal.reason : null
    this.#reply.error(error instanceof AtollError || reason === null ? error : reason)
  }

  #expire(deadlineMs: number): void {
    const error = new AtollError('TIMEOUT', `no answer in ${deadlineMs} ms`, {
      outcome: this.#unknown(),
    })
    if (this.#end()) this.#reply.error(error)
    this.#abort.abort(error)
  }

  #end(): boolean {
    if (this.#answered) return false
    this.#answered = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    return true
  }

  #unknown(): 'unknown' | 'not-applied' {
    return this.#changes ? 'unknown' : 'not-applied'
  }
}
