/**
 * The plainest client of the socket, for the benchmark's own calls: it must cost little and depend on nothing
 * of the project, so that what is measured is the daemon.
 */
import { connect, type Socket } from 'node:net'

interface Waiting {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
}

interface Reply {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { code: number; message: string; data?: { code?: string } }
  readonly method?: string
  readonly params?: unknown
}

export class RpcFailure extends Error {
  readonly code: string
  constructor(error: NonNullable<Reply['error']>) {
    super(`${error.data?.code ?? error.code}: ${error.message}`)
    this.code = error.data?.code ?? String(error.code)
  }
}

export class RpcConnection {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1
  #parts: string[] = []
  #out: string[] = []
  onNotification: (params: unknown) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => this.#onData(text))
    socket.on('error', () => {})
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('connection lost'))
      this.#waiting.clear()
    })
  }

  static open(path: string): Promise<RpcConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path)
      socket.once('error', reject)
      socket.once('connect', () => resolve(new RpcConnection(socket)))
    })
  }

  call<T>(method: string, params: object): Promise<T> {
    const id = this.#nextId++
    if (this.#out.length === 0) setImmediate(() => this.#flush())
    this.#out.push(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return new Promise<T>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  close(): void {
    this.#socket.destroy()
  }

  #flush(): void {
    this.#socket.write(this.#out.join(''))
    this.#out = []
  }

  #onData(text: string): void {
    const lines = text.split('\n')
    const last = lines.pop() ?? ''
    for (const line of lines) {
      this.#parts.push(line)
      this.#onLine(this.#parts.join(''))
      this.#parts = []
    }
    if (last !== '') this.#parts.push(last)
  }

  #onLine(line: string): void {
    const reply = JSON.parse(line) as Reply
    if (reply.id === undefined) return this.onNotification(reply.params)
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    if (reply.error) waiting?.reject(new RpcFailure(reply.error))
    else waiting?.resolve(reply.result as never)
  }
}
