/**
 * `GET /metrics` for a collector, where `--metrics` says. Nothing else is served, and nothing can
 * be changed by it; whoever reaches the address may read what is counted.
 *
 * A connection is good for one request and lives ten seconds at most, whatever it does, and there
 * are at most sixteen: a client that is slow, mute or hostile holds a small text and a socket.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { AtollError } from '../base/errors.ts'
import { PROMETHEUS_CONTENT_TYPE } from '../base/prometheus-text.ts'
import type { Log } from '../seams/log.ts'
import { isLoopback, type MetricsAddress } from './metrics-address.ts'

const CONNECTIONS_MAX = 16
const CONNECTION_MS = 10_000
const HEADER_BYTES_MAX = 8 * 1024

export interface MetricsEndpointOptions {
  readonly address: MetricsAddress
  /** Rejects with STOPPED or BUSY while there is nothing to tell yet. */
  readonly text: () => Promise<string>
  readonly log: Log
  /** For tests. */
  readonly connectionMs?: number
}

/** Rejects with ADDRESS_IN_USE or CONFIG_INVALID when it cannot listen. */
export async function openMetricsEndpoint(
  options: MetricsEndpointOptions,
): Promise<MetricsEndpoint> {
  const endpoint = new MetricsEndpoint(options)
  await endpoint.listen()
  return endpoint
}

export class MetricsEndpoint {
  readonly #options: MetricsEndpointOptions
  readonly #server: Server
  /** At most CONNECTIONS_MAX. */
  readonly #sockets = new Set<Socket>()

  constructor(options: MetricsEndpointOptions) {
    this.#options = options
    this.#server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => {
      void this.#answer(request, response)
    })
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.on('connection', (socket) => this.#bound(socket))
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** While it listens. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`
  }

  async listen(): Promise<void> {
    const { address, log } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen(address.port, address.host, resolve)
    try {
      await promise
    } catch (cause) {
      throw listenError(address, cause)
    }
    log.write('info', 'daemon.metrics', { url: this.url })
    if (isLoopback(address)) return
    const message = 'whoever reaches this address can read the metrics; nothing protects it'
    log.write('warn', 'daemon.metrics-open', { url: this.url, message })
  }

  /** Ends at once what is under way. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    for (const socket of this.#sockets) socket.destroy()
    await promise
  }

  #bound(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), this.#options.connectionMs ?? CONNECTION_MS)
    timer.unref()
    this.#sockets.add(socket)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#sockets.delete(socket)
    })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { text, log } = this.#options
    response.shouldKeepAlive = false
    const [path] = (request.url ?? '').split('?')
    if (request.method !== 'GET' || path !== '/metrics') {
      return reply(response, 404, 'only GET /metrics is served here\n')
    }
    try {
      reply(response, 200, await text(), PROMETHEUS_CONTENT_TYPE)
    } catch (error) {
      if (error instanceof AtollError && error.retryable) {
        return reply(response, 503, `${error.message}\n`)
      }
      log.write('error', 'daemon.metrics-failed', { error: String(error) })
      reply(response, 500, 'the metrics could not be read; see the log\n')
    }
  }
}

function reply(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, headers).end(text)
}

function listenError({ host, port }: MetricsAddress, cause: unknown): AtollError {
  const where = `cannot serve metrics on ${host}:${port}`
  const { code } = cause as { readonly code?: unknown }
  if (code === 'EADDRINUSE') {
    const hint = 'another process has the port; choose another with --metrics'
    return new AtollError('ADDRESS_IN_USE', `${where}: the port is taken`, { hint, cause })
  }
  const hint =
    code === 'EACCES'
      ? 'that port needs more rights; choose one above 1023 with --metrics'
      : 'name an address of this machine, like 127.0.0.1:9464, with --metrics'
  return new AtollError('CONFIG_INVALID', where, { hint, cause })
}
