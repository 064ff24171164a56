/**
 * One client on the socket: newline-delimited JSON-RPC 2.0, pipelined, answered in any order.
 *
 * What comes in is bounded before it costs anything (limits.ts): a line over its limit ends the
 * connection after an error that says so; at `inFlightMax` calls, or while the client does not
 * read its replies, nothing more is read from it. The replies of one turn of the event loop leave
 * in one write.
 *
 * Closing the connection cancels its calls and subscriptions. A client that only ends its own
 * side (`nc -N`) still gets its answers: the two are told apart by writing one blank, which JSON
 * allows before any value and which fails when nobody is left to read it.
 */
import type { Duplex } from 'node:stream'
import { AtollError } from '../base/errors.ts'
import { errorObject } from './error-object.ts'
import type { RpcLimits } from './limits.ts'
import { LineSplitter } from './line-splitter.ts'
import { type Service, Session, type SessionOut } from './session.ts'

const LINE_END = Buffer.from('\n')

export interface ConnectionOptions {
  readonly service: Service
  /** Called once. */
  readonly onClosed: (connection: Connection) => void
  /** The client does not read, and was given up. */
  readonly onSlow: () => void
}

export class Connection implements SessionOut {
  readonly #socket: Duplex
  readonly #options: ConnectionOptions
  readonly #limits: RpcLimits
  readonly #splitter: LineSplitter
  readonly #session: Session
  /** Lines read and not begun: at most one read's worth. */
  #lines: readonly (string | null)[] = []
  #nextLine = 0
  #pumping = false
  /** Replies of this turn. */
  #outbox: string[] = []
  #outboxLength = 0
  /** No more lines are begun; it closes once all that is under way is answered. */
  #ending = false

  constructor(socket: Duplex, options: ConnectionOptions) {
    this.#socket = socket
    this.#options = options
    this.#limits = options.service.limits
    this.#splitter = new LineSplitter(this.#limits.lineBytesMax)
    this.#session = new Session(options.service, this)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#onClose())
    // It may have been paused while the daemon came up.
    socket.resume()
  }

  /** Begins nothing more, and closes once what is under way has been answered. */
  end(): void {
    this.#lines = []
    this.#nextLine = 0
    this.#ending = true
    this.#session.cancelSubscriptions()
    this.eased()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Calls under way. */
  get inFlight(): number {
    return this.#session.inFlight
  }

  get subscriptions(): number {
    return this.#session.subscriptions
  }

  /** Of replies that the client has not read. */
  get queuedBytes(): number {
    return this.#socket.writableLength + this.#outboxLength
  }

  get behind(): boolean {
    return this.queuedBytes > this.#limits.writeBytesSoft
  }

  send(line: string): void {
    this.#outboxLength += line.length
    if (this.#outbox.push(line) === 1) setImmediate(this.#flush)
  }

  eased(): void {
    if (this.#nextLine < this.#lines.length) this.#pump()
    const isDone = this.#session.idle && this.#outbox.length === 0
    if (this.#ending && isDone && this.#nextLine >= this.#lines.length) this.#socket.end()
  }

  #onData(chunk: Buffer): void {
    if (this.#ending) return
    const { lines, tooLong } = this.#splitter.push(chunk)
    this.#lines =
      this.#nextLine < this.#lines.length ? [...this.#lines.slice(this.#nextLine), ...lines] : lines
    this.#nextLine = 0
    this.#pump()
    if (!tooLong) return
    const limit = `a line is over ${this.#limits.lineBytesMax} bytes; the connection ends`
    this.#session.refuse(errorObject(new AtollError('TOO_LARGE', limit)))
    this.end()
  }

  /** Begins what may be begun, and reads on only when nothing is left over. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#nextLine < this.#lines.length && !this.#full()) {
      this.#session.onLine(this.#lines[this.#nextLine++] ?? null)
    }
    this.#pumping = false
    if (this.#nextLine < this.#lines.length) this.#socket.pause()
    else if (this.#socket.isPaused()) this.#socket.resume()
  }

  #full(): boolean {
    return this.#session.inFlight >= this.#limits.inFlightMax || this.behind
  }

  readonly #flush = (): void => {
    if (this.#socket.destroyed) return
    const text = `${this.#outbox.join('\n')}\n`
    this.#outbox = []
    this.#outboxLength = 0
    this.#socket.write(text, this.#onWritten)
    if (this.#socket.writableLength > this.#limits.writeBytesMax) {
      this.#options.onSlow()
      this.#socket.destroy()
    } else this.eased()
  }

  /** Also called when the socket has failed; then there is nothing left to do. */
  readonly #onWritten = (): void => {
    if (this.#socket.destroyed || this.behind) return
    this.#session.flush()
    this.eased()
  }

  /**
   * The client writes no more; perhaps it still reads. Its last line may lack the line feed
   * (`printf … | nc -N`): cut short it would not be a whole JSON document, so none is mistaken.
   */
  #onEnd(): void {
    if (this.#splitter.partialBytes > 0) this.#onData(LINE_END)
    if (!this.#session.idle) this.#socket.write(' ')
    this.#ending = true
    this.eased()
  }

  #onClose(): void {
    this.#lines = []
    this.#nextLine = 0
    this.#session.cancelAll()
    this.#options.onClosed(this)
  }
}
