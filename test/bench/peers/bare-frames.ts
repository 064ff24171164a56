/** The frames of the bare system: length, number, kind, body. As little as can be. */
import type { Socket } from 'node:net'

/** Length (4), number (4), kind (1). */
const HEAD_BYTES = 9

export type FrameHandler = (id: number, kind: number, body: Buffer) => void

export function frame(id: number, kind: number, body: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + body.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt32LE(id, 4)
  bytes.writeUInt8(kind, 8)
  bytes.set(body, HEAD_BYTES)
  return bytes
}

/** Calls `handle` for each frame that comes in. */
export function readFrames(socket: Socket, handle: FrameHandler): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUInt32LE(at)
      if (bytes.length - at < length) break
      const id = bytes.readUInt32LE(at + 4)
      handle(id, bytes.readUInt8(at + 8), bytes.subarray(at + HEAD_BYTES, at + length))
      at += length
    }
    rest = bytes.subarray(at)
  })
}

/** What is sent in one turn of the event loop leaves in one write. */
export class FrameWriter {
  readonly #socket: Socket
  #waiting: Buffer[] = []

  constructor(socket: Socket) {
    this.#socket = socket
  }

  send(bytes: Buffer): void {
    if (this.#waiting.push(bytes) > 1) return
    setImmediate(() => {
      const waiting = this.#waiting
      this.#waiting = []
      this.#socket.write(waiting.length === 1 ? (waiting[0] ?? bytes) : Buffer.concat(waiting))
    })
  }
}
