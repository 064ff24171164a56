/**
 * Real daemons on loopback for the figures: start, kill, restart, and what the kernel says of
 * their CPU and memory. They run from `dist`, as a user's do.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RpcConnection } from './rpc-connection.ts'

const ROOT = resolve(import.meta.dirname, '../..')
export const ATOLLD = join(ROOT, 'dist/bin/atolld.js')
export const ATOLL = join(ROOT, 'dist/bin/atoll.js')
const TICKS_PER_SECOND = 100

export interface MemberLine {
  readonly id: string
  readonly name: string
  readonly state: string
}

export class Daemon {
  readonly name: string
  readonly dir: string
  readonly socket: string
  readonly #port: number
  #process: ChildProcess | null = null
  #stderr = ''

  /** `port` stays the same over restarts: daemons that all moved at once find nobody. */
  constructor(root: string, name: string, port: number) {
    this.#port = port
    this.name = name
    this.dir = join(root, name)
    this.socket = join(root, `${name}.sock`)
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error(`${this.name} does not run`)
    return pid
  }

  start(extra: readonly string[], nodeFlags: readonly string[] = []): void {
    const args = ['--data', this.dir, '--socket', this.socket, '--name', this.name]
    const listen = ['--listen', `/ip4/127.0.0.1/tcp/${this.#port}`]
    const child = spawn(process.execPath, [...nodeFlags, ATOLLD, ...args, ...listen, ...extra], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#stderr = ''
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-20_000)
    })
    this.#process = child
  }

  /** A connection once the daemon answers. */
  async connect(timeoutMs = 15_000): Promise<RpcConnection> {
    const end = Date.now() + timeoutMs
    for (;;) {
      try {
        return await RpcConnection.open(this.socket)
      } catch (error) {
        if (Date.now() > end) {
          throw new Error(`${this.name} does not answer:\n${this.#stderr}`, { cause: error })
        }
        await delay(5)
      }
    }
  }

  async call<T>(method: string, params: object = {}): Promise<T> {
    const connection = await this.connect()
    try {
      return await connection.call<T>(method, params)
    } finally {
      connection.close()
    }
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((done) => child.once('exit', () => done()))
    child.kill(signal)
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
    await ended
    this.#process = null
  }

  /** User plus system time since the start, in microseconds. */
  cpuMicros(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND
  }

  rssMb(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  }

  log(): string {
    return this.#stderr
  }
}

export class Mesh {
  readonly root = mkdtempSync(join(tmpdir(), 'atoll-figures-'))
  readonly daemons: Daemon[] = []

  /** Starts `count` daemons, founds a cluster with the first and lets the others join it. */
  static async start(count: number, nodeFlags: readonly string[] = []): Promise<Mesh> {
    const mesh = new Mesh()
    const names = Array.from({ length: count }, (_, i) => `n${i + 1}`)
    for (const name of names) mesh.daemons.push(new Daemon(mesh.root, name, await freePort()))
    const [founder, ...others] = mesh.daemons
    if (founder === undefined) throw new Error('a mesh has at least one daemon')
    founder.start(['--init'], nodeFlags)
    const { ticket } = await founder.call<{ ticket: string }>('ticket.create', { uses: 0 })
    for (const daemon of others) daemon.start(['--join', ticket], nodeFlags)
    await mesh.settled(count)
    return mesh
  }

  /** Waits until everybody sees `alive` members alive and nothing moves. */
  async settled(alive: number, timeoutMs = 120_000): Promise<void> {
    await until(
      timeoutMs,
      async () => {
        for (const daemon of this.daemons) {
          const status = await daemon.call<Record<string, unknown>>('status')
          const members = status['members'] as { alive: number }
          if (members.alive !== alive || status['movingPartitions'] !== 0) return false
          const shown = await daemon.call<{ members: unknown[] }>('topology.show')
          if (shown.members.length !== this.daemons.length) return false
        }
        return true
      },
      'the mesh did not settle',
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.signal('SIGKILL')))
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** Below the range from which the kernel takes ports for outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    const server = createServer()
    const free = await new Promise<boolean>((done) => {
      server.once('error', () => done(false))
      server.listen(port, '127.0.0.1', () => done(true))
    })
    await new Promise<void>((done) => server.close(() => done()))
    if (free) return port
  }
}

/** Polls a condition; the deadline makes a hang an error. */
export async function until(
  timeoutMs: number,
  condition: () => Promise<boolean>,
  what: string,
): Promise<void> {
  const end = Date.now() + timeoutMs
  for (;;) {
    if (await condition().catch(() => false)) return
    if (Date.now() > end) throw new Error(what)
    await delay(50)
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}
