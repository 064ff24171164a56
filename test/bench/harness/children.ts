/**
 * Processes, ports and directories of a run. Nothing outlives the harness, however it ends, short
 * of kill −9: then the processes stay, and their directory under the temporary one tells of them.
 */
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/** Kept of what a process says, for the message when it fails. */
const OUTPUT_CHARACTERS_MAX = 20_000

export class Child {
  readonly name: string
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  #output = ''

  constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#process = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => resolve())
      child.once('error', (error) => {
        this.#hear(String(error))
        resolve()
      })
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#hear(chunk.toString()))
    }
  }

  get pid(): number {
    const { pid } = this.#process
    if (pid === undefined) throw new Error(`${this.name} did not start: ${this.#output}`)
    return pid
  }

  get running(): boolean {
    const { exitCode, signalCode, pid } = this.#process
    return pid !== undefined && exitCode === null && signalCode === null
  }

  /** The end of what it said. */
  get output(): string {
    return this.#output
  }

  /** Resolves once it has ended, but for SIGSTOP and SIGCONT. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.running) this.#process.kill(signal)
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await this.#ended
  }

  #hear(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX)
  }
}

export class Children {
  readonly #children = new Set<Child>()
  readonly #directories = new Set<string>()
  readonly #ports = new Set<number>()

  /** Ends everything when this process ends; to be called once, by the program. */
  endWithProcess(): void {
    process.on('exit', () => this.#killAll())
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => process.exit(128 + (signal === 'SIGINT' ? 2 : 15)))
    }
  }

  /** Its standard output and error are kept for messages, unless `options.stdio` says otherwise. */
  spawn(name: string, program: string, args: readonly string[], options: SpawnOptions = {}): Child {
    const child = new Child(
      name,
      spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'], ...options }),
    )
    this.#children.add(child)
    return child
  }

  directory(name: string): string {
    const path = mkdtempSync(join(tmpdir(), `atoll-bench-${name}-`))
    this.#directories.add(path)
    return path
  }

  remove(directory: string): void {
    rmSync(directory, { recursive: true, force: true })
    this.#directories.delete(directory)
  }

  /** Given once; below the range from which the kernel takes ports for outgoing connections. */
  async freePort(): Promise<number> {
    for (;;) {
      const port = randomInt(20_000, 30_000)
      if (this.#ports.has(port)) continue
      const server = createServer()
      const free = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false))
        server.listen(port, '127.0.0.1', () => resolve(true))
      })
      await new Promise<void>((resolve) => server.close(() => resolve()))
      if (!free) continue
      this.#ports.add(port)
      return port
    }
  }

  async freePorts(count: number): Promise<number[]> {
    const ports: number[] = []
    while (ports.length < count) ports.push(await this.freePort())
    return ports
  }

  #killAll(): void {
    for (const child of this.#children) if (child.running) process.kill(child.pid, 'SIGKILL')
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true })
  }
}

/** Polls a condition; the deadline makes a hang an error. A condition that throws does not hold. */
export async function until(
  timeoutMs: number,
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
): Promise<void> {
  const end = performance.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      if (await condition()) return
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      throw new Error(typeof what === 'string' ? what : what(), { cause: last })
    }
    await delay(20)
  }
}
