/** Real daemons and commands from `dist`, as a user runs them, in a directory that goes away. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type ConnectedNode, connect } from '../../src/client.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const ATOLLD = join(ROOT, 'dist/bin/atolld.js')
export const ATOLL = join(ROOT, 'dist/bin/atoll.js')
const ANSWER_MS = 15_000
const COMMAND_MS = 30_000
const POLL_MS = 20

export interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

export class DaemonProcess {
  readonly name: string
  readonly data: string
  readonly socket: string
  readonly #env: NodeJS.ProcessEnv
  readonly #launcher: readonly string[]
  #child: ChildProcess | null = null
  #err = ''

  /** `launcher`: a command that becomes the one after it, such as `ip netns exec NAME`. */
  constructor(
    root: string,
    name: string,
    env: NodeJS.ProcessEnv,
    launcher: readonly string[] = [],
  ) {
    this.name = name
    this.data = join(root, name)
    this.socket = join(root, `${name}.sock`)
    this.#env = env
    this.#launcher = launcher
  }

  /** Undefined when it was not started. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  start(...extra: readonly string[]): this {
    const own = ['--data', this.data, '--socket', this.socket, '--name', this.name]
    const listen = extra.includes('--listen') ? [] : ['--listen', '/ip4/127.0.0.1/tcp/0']
    const profile = extra.includes('--profile') ? [] : ['--profile', 'local']
    const args = [ATOLLD, ...own, ...listen, ...profile, ...extra]
    this.#err = ''
    const [file = '', ...rest] = [...this.#launcher, process.execPath, ...args]
    const child = spawn(file, rest, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: this.#env,
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.#err = (this.#err + chunk.toString()).slice(-50_000)
    })
    this.#child = child
    return this
  }

  get log(): string {
    return this.#err
  }

  /** A connection, once the daemon takes it; it answers once it is up. */
  async connect(): Promise<ConnectedNode> {
    const end = performance.now() + ANSWER_MS
    for (;;) {
      try {
        return await connect({ socket: this.socket })
      } catch (error) {
        const child = this.#child
        const over = child === null || child.exitCode !== null || performance.now() > end
        if (over) throw new Error(`${this.name} does not answer:\n${this.#err}`, { cause: error })
        await delay(POLL_MS)
      }
    }
  }

  /** Resolves with how the process ended. */
  async ended(): Promise<Ended> {
    const child = this.#child
    if (child === null) throw new Error(`${this.name} was not started`)
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'close', { signal: AbortSignal.timeout(ANSWER_MS) })
      await closed.catch(() => {
        throw new Error(`${this.name} does not end:\n${this.#err}`)
      })
    }
    return { status: child.exitCode, out: '', err: this.#err }
  }

  /** SIGSTOP and SIGCONT, after which it lives on. */
  tell(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async signal(signal: NodeJS.Signals): Promise<Ended> {
    this.#child?.kill(signal)
    return await this.ended()
  }

  /** Without waiting for what becomes of it. */
  kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  async end(): Promise<void> {
    const child = this.#child
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    await this.signal('SIGKILL')
  }
}

export class Machine {
  readonly root = mkdtempSync(join(tmpdir(), 'atoll-e2e-'))
  readonly #env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: this.root,
    XDG_RUNTIME_DIR: this.root,
    XDG_CONFIG_HOME: join(this.root, 'config'),
    XDG_STATE_HOME: join(this.root, 'state'),
    // One cache for all: what is measured here is not the first start.
    XDG_CACHE_HOME: join(tmpdir(), `atoll-e2e-cache-${process.getuid?.() ?? 0}`),
  }
  readonly #daemons: DaemonProcess[] = []
  /** Whoever runs this is ended: nothing runs on. */
  readonly #killAll = (): void => {
    for (const daemon of this.#daemons) daemon.kill('SIGKILL')
  }

  constructor() {
    if (!existsSync(ATOLLD)) throw new Error('dist is missing: run `npm run build` first')
    process.once('exit', this.#killAll)
  }

  daemon(name: string, launcher: readonly string[] = []): DaemonProcess {
    const daemon = new DaemonProcess(this.root, name, this.#env, launcher)
    this.#daemons.push(daemon)
    return daemon
  }

  /** Runs a command to its end; never rejects. */
  atoll(...args: readonly string[]): Promise<Ended> {
    return this.run(process.execPath, [ATOLL, ...args])
  }

  atolld(...args: readonly string[]): Promise<Ended> {
    return this.run(process.execPath, [ATOLLD, ...args])
  }

  run(file: string, args: readonly string[], limitMs = COMMAND_MS): Promise<Ended> {
    return new Promise((done) => {
      const options = { env: this.#env, timeout: limitMs }
      const child = execFile(file, [...args], options, (_error, out, err) => {
        done({ status: child.exitCode, out, err })
      })
    })
  }

  /** As `atoll`, read by somebody who begins to read only `afterMs` after the first byte came. */
  async piped(args: readonly string[], afterMs: number): Promise<Ended> {
    const child = spawn(process.execPath, [ATOLL, ...args], { env: this.#env })
    const closed = once(child, 'close')
    await once(child.stdout, 'readable')
    await delay(afterMs)
    const out = (await child.stdout.setEncoding('utf8').toArray()).join('')
    await closed
    return { status: child.exitCode, out, err: '' }
  }

  async end(): Promise<void> {
    await Promise.all(this.#daemons.map((daemon) => daemon.end()))
    process.removeListener('exit', this.#killAll)
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** Polls a condition; the deadline makes a hang an error. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not in ${timeoutMs} ms: ${what}`)
    await delay(POLL_MS)
  }
}

/** The first daemon founds a cluster, the others join; resolves when each of three holds everything. */
export async function formThree([first, ...others]: readonly [
  DaemonProcess,
  DaemonProcess,
  DaemonProcess,
]): Promise<void> {
  await using node = await first.start('--init').connect()
  await until('running', async () => (await node.status()).state === 'running')
  const { ticket } = await node.ticket.create({ uses: 0 })
  for (const daemon of others) daemon.start('--join', ticket)
  await until(
    'three replicas of everything',
    async () => {
      const { partitions } = await node.topology.show()
      return partitions.every(({ replicas, previous }) => {
        return replicas.length === 3 && previous === null
      })
    },
    60_000,
  )
}
