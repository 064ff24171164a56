/** A server on a fake node behind a real unix socket, and plain clients that speak bytes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeApi } from '../../src/node/api.ts'
import { type ConnectedNode, connect as connectNode } from '../../src/client.ts'
import type { RpcLimits } from '../../src/rpc/limits.ts'
import { methodTable } from '../../src/rpc/methods.ts'
import { RpcServer } from '../../src/rpc/server.ts'
import { FakeNode } from './fake-node.ts'

export interface Message {
  readonly id?: unknown
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly code: number; readonly message: string; readonly data: Data }
}

interface Data {
  readonly code: string
  readonly retryable: boolean
  readonly outcome: string
  readonly hint?: string
  readonly version?: string
}

/** One raw connection: what is written is what was given, what is read is split into lines. */
export class RawClient {
  readonly socket: Socket
  readonly lines: string[] = []
  closed = false
  #rest = ''
  #wake: (() => void)[] = []

  constructor(path: string) {
    this.socket = connect(path)
    this.socket.setEncoding('utf8')
    this.socket.on('data', (text: string) => {
      const parts = (this.#rest + text).split('\n')
      this.#rest = parts.pop() ?? ''
      this.lines.push(...parts)
      this.#notify()
    })
    this.socket.on('error', () => undefined)
    this.socket.on('close', () => {
      this.closed = true
      this.#notify()
    })
  }

  send(...messages: readonly unknown[]): void {
    this.socket.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(''))
  }

  /** The next line, parsed; rejects when the connection closes first. */
  async next(): Promise<Message> {
    for (;;) {
      const line = this.lines.shift()
      if (line !== undefined) return JSON.parse(line) as Message
      if (this.closed) throw new Error('the connection was closed')
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  async call(method: string, params: object = {}, id: number | string = 1): Promise<Message> {
    this.send({ jsonrpc: '2.0', id, method, params })
    return await this.next()
  }

  async whenClosed(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = []
    for (const resume of wake) resume()
  }
}

export class Rig {
  readonly node = new FakeNode()
  readonly logged: string[] = []
  readonly server: RpcServer<NodeApi>
  readonly path: string
  readonly #dir = mkdtempSync(join(tmpdir(), 'atoll-rpc-'))
  readonly #listener: Server
  readonly #clients: RawClient[] = []

  private constructor(limits: Partial<RpcLimits>) {
    this.path = join(this.#dir, 's')
    this.server = new RpcServer<NodeApi>({
      methods: methodTable(),
      target: this.node,
      log: {
        allows: (level) => level !== 'debug',
        write: (_, event) => void this.logged.push(event),
      },
      limits,
    })
    this.#listener = createServer({ allowHalfOpen: true }, (socket) => this.server.accept(socket))
  }

  static async open(limits: Partial<RpcLimits> = {}): Promise<Rig> {
    const rig = new Rig(limits)
    await new Promise<void>((resolve) => rig.#listener.listen(rig.path, resolve))
    return rig
  }

  raw(): RawClient {
    const client = new RawClient(this.path)
    this.#clients.push(client)
    return client
  }

  connect(): Promise<ConnectedNode> {
    return connectNode({ socket: this.path })
  }

  async close(): Promise<void> {
    for (const { socket } of this.#clients) socket.destroy()
    this.#listener.close()
    await this.server.close(0)
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** Turns the event loop until the condition holds; the deadline makes a hang an error. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not in 5 s: ${what}`)
    await new Promise<void>((resolve) => void setImmediate(resolve))
  }
}

/** Long enough for anything local that is under way to arrive. */
export async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => void setImmediate(resolve))
}
