/**
 * Real daemons on loopback: start, kill, restart, and what the kernel says of their CPU and
 * memory. They run from `dist`, as a user's do.
 */
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Child, type Children, until } from '../harness/children.ts'
import { type Usage, usageOf } from '../harness/process-usage.ts'
import { RpcConnection } from './rpc-connection.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
export const ATOLLD = join(ROOT, 'dist/bin/atolld.js')
export const ATOLL = join(ROOT, 'dist/bin/atoll.js')

export interface MemberLine {
  readonly id: string
  readonly name: string
  readonly state: string
}

/** What is used of `topology.show`. */
interface Topology {
  readonly members: readonly unknown[]
  readonly replicationFactor: number
  readonly partitions: readonly {
    readonly replicas: readonly string[]
    readonly previous: readonly string[] | null
  }[]
}

export class Daemon {
  readonly name: string
  readonly dir: string
  readonly socket: string
  readonly #children: Children
  readonly #port: number
  readonly #flags: readonly string[]
  #process: Child | null = null

  /**
   * `port` and `flags` stay the same over restarts: daemons that all moved at once find nobody.
   */
  constructor(
    children: Children,
    root: string,
    name: string,
    port: number,
    flags: readonly string[] = [],
  ) {
    this.#flags = flags
    this.#children = children
    this.#port = port
    this.name = name
    this.dir = join(root, name)
    this.socket = join(root, `${name}.sock`)
  }

  get pid(): number {
    if (this.#process === null) throw new Error(`${this.name} does not run`)
    return this.#process.pid
  }

  get running(): boolean {
    return this.#process?.running ?? false
  }

  start(extra: readonly string[], nodeFlags: readonly string[] = []): void {
    const args = ['--data', this.dir, '--socket', this.socket, '--name', this.name]
    const listen = ['--listen', `/ip4/127.0.0.1/tcp/${this.#port}`]
    const command = [...nodeFlags, ATOLLD, ...args, ...listen, ...this.#flags, ...extra]
    this.#process = this.#children.spawn(this.name, process.execPath, command)
  }

  /** A connection once the daemon answers. */
  async connect(timeoutMs = 30_000): Promise<RpcConnection> {
    const end = performance.now() + timeoutMs
    for (;;) {
      try {
        return await RpcConnection.open(this.socket)
      } catch (error) {
        if (performance.now() > end || !this.running) {
          throw new Error(`${this.name} does not answer:\n${this.log()}`, { cause: error })
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
    await this.#process?.signal(signal)
  }

  usage(): Usage {
    return usageOf([this.pid])
  }

  log(): string {
    return this.#process?.output ?? ''
  }
}

export class Mesh {
  readonly root: string
  readonly daemons: Daemon[] = []
  readonly #children: Children

  private constructor(children: Children) {
    this.#children = children
    this.root = children.directory('mesh')
  }

  /** Starts `count` daemons, founds a cluster with the first and lets the others join it. */
  static async start(
    children: Children,
    count: number,
    nodeFlags: readonly string[] = [],
    flagsOf: (i: number) => readonly string[] = () => [],
  ): Promise<Mesh> {
    const mesh = new Mesh(children)
    for (const [i, port] of (await children.freePorts(count)).entries()) {
      const name = `n${i + 1}`
      mesh.daemons.push(new Daemon(children, mesh.root, name, port, flagsOf(i)))
    }
    const [founder, ...others] = mesh.daemons
    if (founder === undefined) throw new Error('a mesh has at least one daemon')
    founder.start(['--init'], nodeFlags)
    const { ticket } = await founder.call<{ ticket: string }>('ticket.create', { uses: 0 })
    for (const daemon of others) daemon.start(['--join', ticket], nodeFlags)
    await mesh.settled(count)
    return mesh
  }

  get pids(): number[] {
    return this.daemons.filter(({ running }) => running).map(({ pid }) => pid)
  }

  /** Of all that run, together. */
  usage(): Usage {
    return usageOf(this.pids)
  }

  /**
   * Waits until everybody sees `alive` members alive, all replicas are placed, and nothing moves.
   * That nothing moves is not enough: between two steps of its growth a mesh has too few replicas.
   */
  async settled(alive: number, timeoutMs = 120_000): Promise<void> {
    await until(
      timeoutMs,
      async () => {
        for (const daemon of this.daemons) {
          const status = await daemon.call<Record<string, unknown>>('status')
          const members = status['members'] as { alive: number }
          if (members.alive !== alive) return false
          if (!isPlaced(await daemon.call<Topology>('topology.show'), this.daemons.length)) {
            return false
          }
        }
        return true
      },
      () => `the mesh did not settle:\n${this.daemons.map((each) => each.log()).join('\n')}`,
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.signal('SIGKILL')))
    this.#children.remove(this.root)
  }
}

function isPlaced({ members, replicationFactor, partitions }: Topology, count: number): boolean {
  const replicas = Math.min(replicationFactor, count)
  const placed = partitions.every((each) => each.replicas.length === replicas && !each.previous)
  return members.length === count && placed
}
