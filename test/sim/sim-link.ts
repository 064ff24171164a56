/** One end of a framed stream on a simulated connection. */
import { assert } from '../../src/base/assert.ts'
import type { PeerId } from '../../src/base/ids.ts'
import {
  type CloseReason,
  FRAME_BYTES_MAX,
  type Link,
  type LinkHandler,
  type TrafficClass,
} from '../../src/seams/network.ts'
import type { SimConnection, SimSocket } from './sim-connection.ts'

export class SimLink implements Link {
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly inbound: boolean
  readonly stream: number
  readonly #connection: SimConnection
  readonly #socket: SimSocket
  #handler: LinkHandler | null = null
  #open = true
  #ended = false
  /** Sent and not yet taken by the other process. */
  bufferedBytes = 0
  full = false

  constructor(
    connection: SimConnection,
    socket: SimSocket,
    stream: number,
    trafficClass: TrafficClass,
    inbound: boolean,
  ) {
    this.#connection = connection
    this.#socket = socket
    this.stream = stream
    this.trafficClass = trafficClass
    this.inbound = inbound
    this.peer = connection.otherOf(socket).network.self
  }

  open(handler: LinkHandler): void {
    assert(this.#handler === null, 'a link was opened twice')
    this.#handler = handler
  }

  send(frame: Uint8Array): boolean {
    if (!this.#open) return false
    if (frame.length > FRAME_BYTES_MAX) {
      this.abort()
      return false
    }
    return this.#connection.sendFrame(this.#socket, this, frame.slice())
  }

  close(): void {
    if (!this.#leave('close')) return
    this.#socket.network.schedule(() => this.end('closed'))
  }

  /** The handler hears of it within this call, as with libp2p: the harder case for it. */
  abort(): void {
    if (this.#leave('abort')) this.end('reset')
  }

  deliver(frame: Uint8Array): void {
    if (!this.#open) return
    assert(this.#handler !== null, 'a link was not opened in the turn it was handed over')
    this.#handler.onFrame(frame)
  }

  drained(): void {
    if (this.#open) this.#handler?.onDrain()
  }

  /** Nothing more is sent or delivered. */
  shut(): void {
    this.#open = false
  }

  end(reason: CloseReason): void {
    this.#open = false
    if (this.#ended) return
    this.#ended = true
    this.#handler?.onClose(reason)
  }

  #leave(kind: 'close' | 'abort'): boolean {
    if (!this.#open) return false
    this.#open = false
    this.#socket.links.delete(this.stream)
    this.#connection.sendControl(this.#socket, kind, this.stream)
    return true
  }
}
