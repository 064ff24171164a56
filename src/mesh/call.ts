/** One request of this node: from `request` until its promise settles. */
import { AtollError, type ErrorCode } from '../base/errors.ts'
import { MESSAGE } from '../wire/frames.ts'
import { Expiring } from './deadlines.ts'
import type { MeshLink } from './mesh-link.ts'
import type { Outgoing } from './outgoing.ts'

/** What a call asks of its channel when it ends by itself. */
export interface CallHost {
  onCallEnded(call: Call): void
}

const NO_BODY = new Uint8Array(0)

export class Call extends Expiring implements Outgoing {
  readonly tag = MESSAGE.REQUEST
  readonly id: number
  readonly kind: number
  readonly #host: CallHost
  readonly #resolve: (body: Uint8Array) => void
  readonly #reject: (error: AtollError) => void
  #body: Uint8Array
  #signal: AbortSignal | null = null
  settled = false
  /** Where it was sent and where its answer comes from; null while it waits. */
  link: MeshLink | null = null

  constructor(
    host: CallHost,
    id: number,
    kind: number,
    body: Uint8Array,
    resolve: (body: Uint8Array) => void,
    reject: (error: AtollError) => void,
  ) {
    super()
    this.#host = host
    this.id = id
    this.kind = kind
    this.#body = body
    this.#resolve = resolve
    this.#reject = reject
  }

  get body(): Uint8Array {
    return this.#body
  }

  watch(signal: AbortSignal): void {
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** It left in a frame; its bytes are not needed any more. */
  sentOn(link: MeshLink): void {
    this.link = link
    this.#body = NO_BODY
  }

  resolve(body: Uint8Array): void {
    if (this.#settle()) this.#resolve(body)
  }

  reject(error: AtollError): void {
    if (this.#settle()) this.#reject(error)
  }

  /** Ends it for a reason on this side: its outcome is in doubt once it was sent. */
  fail(code: ErrorCode, message: string, hint?: string): void {
    const outcome = this.link === null ? 'not-applied' : 'unknown'
    this.reject(new AtollError(code, message, { outcome, ...(hint === undefined ? {} : { hint }) }))
  }

  override expire(): void {
    const what = this.link === null ? 'could not be sent' : 'was not answered'
    this.fail('TIMEOUT', `a request ${what} in time`)
  }

  readonly #onAbort = (): void => {
    this.fail('CANCELLED', 'the request was cancelled')
  }

  #settle(): boolean {
    if (this.settled) return false
    this.settled = true
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#host.onCallEnded(this)
    this.#body = NO_BODY
    return true
  }
}
