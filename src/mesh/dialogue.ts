/** A link used for question and answer, frame by frame, under one deadline: for admission only. */
import { AtollError } from '../base/errors.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { CloseReason, Link, LinkHandler } from '../seams/network.ts'
import { FRAME } from '../wire/frames.ts'
import { decodeRefusal, encodeRefusal } from './hello.ts'

/** Nobody has reason to send more before it gets an answer. */
const WAITING_MAX = 2

export class Dialogue implements LinkHandler {
  readonly #link: Link
  readonly #timer: Timer
  readonly #frameBytesMax: number
  readonly #waiting: Uint8Array[] = []
  #receiver: { resolve(frame: Uint8Array): void; reject(error: AtollError): void } | null = null
  #error: AtollError | null = null
  #onEnd: (() => void) | null = null

  /** In the turn in which the link was handed over. */
  constructor(link: Link, clock: Clock, timeoutMs: number, frameBytesMax: number) {
    this.#link = link
    this.#frameBytesMax = frameBytesMax
    this.#timer = clock.after(timeoutMs, () => {
      this.#fail(new AtollError('TIMEOUT', `${link.peer} took too long`, { outcome: 'unknown' }))
      link.abort()
    })
    link.open(this)
  }

  /** Called once, when nothing more can be said. */
  onEnd(listener: () => void): void {
    this.#onEnd = listener
  }

  send(frame: Uint8Array): void {
    this.#link.send(frame)
  }

  /** The next frame, of this kind. Rejects with what the other side refused for, or UNREACHABLE. */
  async receive(tag: number): Promise<Uint8Array> {
    const frame = await this.#next()
    if (frame[0] === FRAME.REFUSAL) throw decodeRefusal(frame)
    if (frame[0] !== tag) throw new AtollError('DENIED', `${this.#link.peer} answered out of turn`)
    return frame.subarray(1)
  }

  refuse(error: AtollError): void {
    this.send(encodeRefusal(error))
    this.close()
  }

  close(): void {
    this.#timer.cancel()
    this.#link.close()
  }

  onFrame(frame: Uint8Array): void {
    if (frame.length > this.#frameBytesMax || this.#waiting.length >= WAITING_MAX) {
      this.#fail(new AtollError('DENIED', `${this.#link.peer} sent more than it may`))
      this.#link.abort()
      return
    }
    const receiver = this.#receiver
    this.#receiver = null
    if (receiver === null) this.#waiting.push(frame)
    else receiver.resolve(frame)
  }

  onDrain(): void {
    // A few small frames never fill a link.
  }

  onClose(_reason: CloseReason): void {
    this.#fail(
      new AtollError('UNREACHABLE', `${this.#link.peer} closed the connection`, {
        outcome: 'unknown',
      }),
    )
  }

  #next(): Promise<Uint8Array> {
    const frame = this.#waiting.shift()
    if (frame !== undefined) return Promise.resolve(frame)
    if (this.#error !== null) return Promise.reject(this.#error)
    return new Promise((resolve, reject) => {
      this.#receiver = { resolve, reject }
    })
  }

  #fail(error: AtollError): void {
    this.#timer.cancel()
    if (this.#error !== null) return
    this.#error = error
    this.#receiver?.reject(error)
    this.#receiver = null
    this.#onEnd?.()
  }
}
