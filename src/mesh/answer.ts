/** What a request of another peer came to, on its way back. */
import { AtollError } from '../base/errors.ts'
import { WireError } from '../wire/codec.ts'
import { encodeError } from '../wire/error-codec.ts'
import { MESSAGE } from '../wire/frames.ts'
import { BODY_BYTES_MAX } from './limits.ts'
import type { Queued } from './outbox.ts'

export class Answer implements Queued {
  readonly tag: number
  readonly id: number
  readonly kind = 0
  readonly settled = false
  readonly body: Uint8Array

  private constructor(tag: number, id: number, body: Uint8Array) {
    this.tag = tag
    this.id = id
    this.body = body
  }

  static success(id: number, body: Uint8Array): Answer {
    if (body.length <= BODY_BYTES_MAX) return new Answer(MESSAGE.ANSWER, id, body)
    const message = `an answer of ${body.length} bytes is over its limit`
    return Answer.failure(id, new AtollError('TOO_LARGE', message, { outcome: 'unknown' }))
  }

  static failure(id: number, error: AtollError): Answer {
    return new Answer(MESSAGE.FAILURE, id, encodeError(error))
  }

  sentOn(): void {
    // Nobody asks an answer where it went.
  }
}

/** The other side's error as ours: that it stops does not mean that this node stops. */
export function asTold(error: AtollError): AtollError {
  if (error.code !== 'STOPPED') return error
  return new AtollError('UNREACHABLE', `the asked node: ${error.message}`, {
    outcome: error.outcome,
  })
}

/** What the asker is told of an error of ours; only an AtollError says more than that. */
export function toldError(error: unknown): AtollError {
  if (error instanceof AtollError) return error
  if (error instanceof WireError) {
    return new AtollError('USAGE', `a malformed request: ${error.message}`)
  }
  const why = error instanceof Error ? error.message : String(error)
  return new AtollError('INTERNAL', `a request failed: ${why}`, { outcome: 'unknown' })
}
