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
      this.#leave('abort', 'reset')
      return false
    }
    return this.#connection.sendFrame(this.#socket, this, frame.slice())
  }

  close(): void {
    this.#leave('close', 'closed')
  }

  abort(): void {
    this.#leave('abort', 'closed')
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

  #leave(kind: 'close' | 'abort', reason: CloseReason): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.links.delete(this.stream)
    this.#connection.sendControl(this.#socket, kind, this.stream)
    this.#socket.network.schedule(() => this.end(reason))
  }
}
