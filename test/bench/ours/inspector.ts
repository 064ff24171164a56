/**
 * The CPU profiler of a Node process that was started with `--inspect=127.0.0.1:0`: it runs between
 * two moments of ours, so a profile shows the load and not the start.
 */
import type { Profiler } from '../harness/section.ts'
import type { Daemon } from './daemons.ts'

export const INSPECT_FLAGS = ['--inspect=127.0.0.1:0'] as const

/** A sample each so many microseconds. */
const INTERVAL_MICROS = 500

export class InspectorProfiler implements Profiler {
  readonly name: string
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (message: Message) => void>()
  #next = 1

  private constructor(name: string, socket: WebSocket) {
    this.name = name
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as Message
      if (message.id === undefined) return
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
    })
  }

  static async attach(daemon: Daemon): Promise<InspectorProfiler> {
    const url = /Debugger listening on (ws:\S+)/.exec(daemon.log())?.[1]
    if (url === undefined) throw new Error(`${daemon.name} does not say where its debugger listens`)
    const socket = new WebSocket(url)
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve(), { once: true })
      socket.addEventListener('error', () => reject(new Error(`no debugger at ${url}`)), {
        once: true,
      })
    })
    const profiler = new InspectorProfiler(daemon.name, socket)
    await profiler.#call('Profiler.enable')
    await profiler.#call('Profiler.setSamplingInterval', { interval: INTERVAL_MICROS })
    return profiler
  }

  async start(): Promise<void> {
    await this.#call('Profiler.start')
  }

  async stop(): Promise<string> {
    const { profile } = await this.#call('Profiler.stop')
    return JSON.stringify(profile)
  }

  close(): void {
    this.#socket.close()
  }

  #call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {})
        else reject(new Error(`${method}: ${error.message}`))
      })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }
}

interface Message {
  readonly id?: number
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}
