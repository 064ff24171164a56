/** One daemon of a throw-away mesh: a child process, and what was done to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError } from '../../base/errors.ts'
import { type ConnectedNode, connect } from '../../rpc/connect.ts'
import type { Environment } from '../../rpc/socket-path.ts'

export type DevState = 'running' | 'killed' | 'paused' | 'cut'

/** glibc gives large blocks back as soon as they are free, as configs/atolld.service has it. */
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '131072' }

export interface DevNodeOptions {
  readonly name: string
  readonly directory: string
  readonly atolld: string
  readonly env: Environment
  readonly onUnexpectedEnd: (node: DevNode) => void
}

const POLL_MS = 10
const ANSWER_MS = 30_000
const LOG_TAIL = 400

export class DevNode {
  readonly name: string
  readonly socket: string
  readonly #options: DevNodeOptions
  readonly #log: string
  #child: ChildProcess | null = null
  #state: DevState = 'killed'
  /** The port of the first start: it comes back where the others look for it. */
  #listen = '/ip4/127.0.0.1/tcp/0'

  constructor(options: DevNodeOptions) {
    this.#options = options
    this.name = options.name
    this.socket = join(options.directory, `${options.name}.sock`)
    this.#log = join(options.directory, `${options.name}.log`)
  }

  get state(): DevState {
    return this.#state
  }

  start(extra: readonly string[]): void {
    const { directory, atolld, name, env } = this.#options
    const data = join(directory, name)
    mkdirSync(data, { recursive: true, mode: 0o700 })
    const place = ['--config', join(directory, 'config.json'), '--data', data, '--name', name]
    const how = ['--socket', this.socket, '--listen', this.#listen, '--profile', 'local']
    const log = openSync(this.#log, 'a', 0o600)
    // A group of its own: Ctrl-C is for the parent, which ends its children itself.
    const child = spawn(process.execPath, [atolld, ...place, ...how, ...extra], {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
      env: { ...withoutSettings(env), ...ALLOCATOR, ATOLL_DEV: '1' },
    })
    closeSync(log)
    child.on('exit', () => this.#onExit(child))
    child.on('error', () => this.#onExit(child))
    this.#child = child
    this.#state = 'running'
  }

  /** A connection, once it answers. */
  async connect(): Promise<ConnectedNode> {
    const end = performance.now() + ANSWER_MS
    for (;;) {
      try {
        return await connect({ socket: this.socket })
      } catch (error) {
        if (this.#child === null) throw this.#ended()
        if (performance.now() > end) throw error
        await new Promise<void>((resolve) => setTimeout(resolve, POLL_MS))
      }
    }
  }

  /** Keeps the port it was given for its next start. */
  remember(addresses: readonly string[]): void {
    const local = addresses.find((address) => address.startsWith('/ip4/127.0.0.1/tcp/'))
    if (local !== undefined) this.#listen = local.split('/').slice(0, 5).join('/')
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#state = 'killed'
    if (child === null) return
    this.#child = null
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill('SIGKILL')
    await gone
  }

  pause(): void {
    this.#running().kill('SIGSTOP')
    this.#state = 'paused'
  }

  async cut(): Promise<void> {
    await this.#order({ cut: true })
    this.#state = 'cut'
  }

  async heal(): Promise<void> {
    if (this.#state === 'killed') return this.start([])
    if (this.#state === 'paused') this.#running().kill('SIGCONT')
    if (this.#state === 'cut') await this.#order({ cut: false })
    this.#state = 'running'
  }

  #order(order: { readonly cut: boolean }): Promise<void> {
    const child = this.#running()
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve())
      child.send(order, (error) => {
        if (error !== null) reject(new AtollError('UNREACHABLE', `${this.name} does not listen`))
      })
    })
  }

  #running(): ChildProcess {
    if (this.#child !== null) return this.#child
    throw new AtollError('CONFLICT', `${this.name} does not run`, {
      hint: `start it again with: atoll dev heal ${this.name}`,
    })
  }

  #onExit(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = null
    this.#state = 'killed'
    this.#options.onUnexpectedEnd(this)
  }

  #ended(): AtollError {
    return new AtollError('INTERNAL', `the daemon ${this.name} ended: ${this.lastWords()}`)
  }

  /** The end of its log. */
  lastWords(): string {
    try {
      return readFileSync(this.#log, 'utf8').slice(-LOG_TAIL).trim() || 'without a word'
    } catch {
      return 'without a log'
    }
  }
}

/** What is set for the user's own daemon is not meant for these. */
function withoutSettings(env: Environment): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ATOLL_')))
}
