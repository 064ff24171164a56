/**
 * A world of simulated machines, generic over what runs on them.
 *
 * The world alone decides what happens to machines: it starts, kills, pauses and wipes; it cuts
 * paths and switches the power off. What a program does in it goes through the seams that the
 * world made for that one process.
 */
import type { Seams } from '../../src/seams/seams.ts'
import type { Storage } from '../../src/seams/storage.ts'
import type { LogLevel } from '../../src/seams/log.ts'
import { Fabric, type FabricOptions, LAN, type SimHost } from './fabric.ts'
import { Kernel, type KernelOptions, SimulationError } from './kernel.ts'
import type { SimProcess } from './process.ts'
import { HostClock, SimClock } from './sim-clock.ts'
import { LogRing } from './sim-log.ts'
import { SimFigures } from './sim-figures.ts'
import { SimNetwork } from './sim-network.ts'
import { SimRandom } from './sim-random.ts'

/** Runs `run` after a delay, as an event of the process that asks, unless that has died. */
export type After = (delayMs: number, run: () => void) => void

/** A disk, which outlives processes (sim-storage.ts has the real one). */
export interface WorldDisk {
  open(directory: string, after: After): Promise<Storage>
  /** The process died; what it had written and not synced is the machine's memory's still. */
  crash(): void
  /** The machine lost its power: what was not synced survives in part, or not. */
  powerLoss(): void
  /** Everything is gone: a new disk in the same machine. */
  wipe(): void
}

/** How programs come to life and leave; a scenario gives it. */
export interface Program<N> {
  start(seams: Seams, host: HostInfo): Promise<N>
  stop(node: N): Promise<void>
}

export interface HostInfo {
  readonly index: number
  readonly name: string
  /** 0 at the first start of this machine. */
  readonly starts: number
}

export interface WorldOptions<N> {
  readonly seed: string
  readonly hosts: number
  readonly program: Program<N>
  readonly disk: (name: string, random: SimRandom) => WorldDisk
  readonly kernel?: KernelOptions
  readonly fabric?: Partial<FabricOptions>
  readonly logLevel?: LogLevel
}

/** The call was under way when its process died: its outcome is unknown. */
export class ProcessDied extends Error {
  override readonly name = 'ProcessDied'
}

export class WorldHost<N> {
  readonly index: number
  readonly name: string
  readonly machine: SimHost
  readonly clock: HostClock
  readonly disk: WorldDisk
  /** What its node's doctor sees. */
  readonly figures = new SimFigures()
  starts = 0
  process: SimProcess | null = null
  /** Set once its program has started. */
  node: N | null = null
  /** Those that its process has made. */
  readonly networks = new Set<SimNetwork>()
  /** When it was last stopped, stalled, or let go on: its answers may be late until well after. */
  lastHeldUs = Number.NEGATIVE_INFINITY
  /** Ends the calls that wait for this process. */
  readonly waiting = new Set<(error: Error) => void>()

  constructor(index: number, machine: SimHost, clock: HostClock, disk: WorldDisk) {
    this.index = index
    this.name = machine.name
    this.machine = machine
    this.clock = clock
    this.disk = disk
  }

  get alive(): boolean {
    return this.process !== null
  }

  get running(): boolean {
    return this.node !== null && this.process !== null && !this.process.paused
  }
}

export class World<N> {
  readonly kernel: Kernel
  readonly random: SimRandom
  readonly fabric: Fabric
  readonly log: LogRing
  readonly hosts: readonly WorldHost<N>[]
  readonly #program: Program<N>

  constructor(options: WorldOptions<N>) {
    this.kernel = new Kernel(options.kernel)
    this.random = new SimRandom(options.seed)
    this.log = new LogRing(this.kernel, options.logLevel)
    const fabric = { ...LAN, ...options.fabric }
    this.fabric = new Fabric(this.kernel, this.random.fork('network'), fabric)
    this.#program = options.program
    this.hosts = Array.from({ length: options.hosts }, (_, index) => {
      const machine = this.fabric.addHost(`n${index}`)
      const disk = options.disk(machine.name, this.random.fork(`disk/${index}`))
      return new WorldHost<N>(index, machine, new HostClock(this.kernel), disk)
    })
  }

  host(index: number): WorldHost<N> {
    const host = this.hosts[index]
    if (host === undefined) throw new SimulationError(`there is no host ${index}`)
    return host
  }

  /** Runs the world until the script settles. */
  run<T>(script: () => Promise<T>): Promise<T> {
    return this.kernel.run(script)
  }

  sleep(durationMs: number): Promise<void> {
    return this.kernel.sleep(durationMs)
  }

  /** Waits until the condition holds; fails the run when it does not in time. */
  async until(what: string, deadlineMs: number, condition: () => boolean | Promise<boolean>) {
    const endUs = this.kernel.nowUs + deadlineMs * 1000
    while (!(await condition())) {
      if (this.kernel.nowUs >= endUs) {
        throw new SimulationError(`not within ${deadlineMs} ms: ${what}`)
      }
      await this.sleep(100)
    }
  }

  /** Starts the program on a machine that runs none; rejects when the program refuses to start. */
  async start(index: number): Promise<N> {
    const host = this.host(index)
    if (host.alive) throw new SimulationError(`${host.name} runs already`)
    host.machine.powered = true
    host.lastHeldUs = Number.NEGATIVE_INFINITY
    const process = this.kernel.spawn(host.name)
    host.process = process
    const info = { index, name: host.name, starts: host.starts++ }
    const seams = this.#seams(host, process, info.starts)
    const node = await this.call(index, () => this.#program.start(seams, info))
    host.node = node
    return node
  }

  /** An orderly end. */
  async stop(index: number): Promise<void> {
    const host = this.host(index)
    const { node, process } = host
    if (node === null || process === null) return
    await this.call(index, () => this.#program.stop(node))
    if (host.process !== process) return
    const left = process.pendingTimers
    this.#bury(host)
    host.disk.crash()
    if (left > 0) throw new SimulationError(`${host.name} left ${left} timers behind`)
  }

  /** kill −9: the machine runs on, and its kernel closes what the process had open. */
  crash(index: number): void {
    const host = this.host(index)
    if (!host.alive) return
    this.#bury(host)
    host.disk.crash()
  }

  /** The plug is pulled. Nobody says anything; `start` switches the machine on again. */
  powerLoss(index: number): void {
    const host = this.host(index)
    host.machine.powered = false
    if (host.alive) this.#bury(host)
    host.disk.powerLoss()
  }

  pause(index: number): void {
    const host = this.host(index)
    host.lastHeldUs = Number.POSITIVE_INFINITY
    if (host.process !== null) this.kernel.pause(host.process)
  }

  resume(index: number): void {
    const host = this.host(index)
    host.lastHeldUs = Math.max(this.kernel.nowUs, host.process?.stalledUntilUs ?? 0)
    if (host.process !== null) this.kernel.resume(host.process)
  }

  stall(index: number, durationMs: number): void {
    const host = this.host(index)
    host.lastHeldUs = Math.max(host.lastHeldUs, this.kernel.nowUs + durationMs * 1000)
    if (host.process !== null) this.kernel.stall(host.process, durationMs)
  }

  wipe(index: number): void {
    const host = this.host(index)
    if (host.alive) throw new SimulationError(`${host.name} still uses its disk`)
    host.disk.wipe()
  }

  /** The machine comes back under another address. */
  readdress(index: number): void {
    const host = this.host(index)
    if (host.alive) throw new SimulationError(`${host.name} still uses its address`)
    this.fabric.readdress(host.machine)
  }

  /** Packets from a to b vanish; the other direction stays as it is. */
  cutOneWay(a: number, b: number, cut = true): void {
    this.fabric.path(this.host(a).machine, this.host(b).machine).cut = cut
  }

  cut(a: number, b: number): void {
    this.cutOneWay(a, b)
    this.cutOneWay(b, a)
  }

  /** Cuts every path between two machines that no group has in common. */
  partition(...groups: readonly (readonly number[])[]): void {
    for (const a of this.hosts) {
      for (const b of this.hosts) {
        const together = groups.some((group) => group.includes(a.index) && group.includes(b.index))
        if (a !== b) this.cutOneWay(a.index, b.index, !together)
      }
    }
  }

  /** Takes away every fault of the network. */
  heal(): void {
    for (const a of this.hosts) {
      for (const b of this.hosts) {
        const path = this.fabric.path(a.machine, b.machine)
        path.cut = false
        path.loss = 0
        path.extraDelayMs = 0
        path.cloggedUntilUs = 0
      }
    }
  }

  /** Breaks every open connection between two machines, as a middlebox does that lost its state. */
  breakConnections(a: number, b: number): void {
    const other = this.host(b).machine
    for (const network of this.host(a).networks) {
      for (const connection of network.connections) {
        const far = connection.otherOf(connection.socketOf(network))
        if (far.network.host === other)
          for (const side of connection.sides) connection.reset(side, 'reset')
      }
    }
  }

  /**
   * Calls into a node, as code of its process. Rejects with ProcessDied when the process is gone
   * or dies before the answer; waits as long as the process is paused.
   */
  call<T>(index: number, run: (node: N | null) => Promise<T>): Promise<T> {
    const host = this.host(index)
    const { process } = host
    return new Promise((resolve, reject) => {
      if (process === null) return reject(new ProcessDied(`${host.name} is down`))
      host.waiting.add(reject)
      this.kernel.schedule(process, 0, 'client', () => {
        const answer = (async () => run(host.node))()
        const settled = (): boolean => host.waiting.delete(reject)
        answer.then(settled, settled)
        answer.then(resolve, reject)
      })
    })
  }

  /** Ends the run: a promise was broken. */
  fail(error: unknown): void {
    this.kernel.fail(error)
  }

  /** Looks at a machine whose node is not running, by its seams, as another process there would. */
  async look<T>(index: number, run: (seams: Seams) => Promise<T>): Promise<T> {
    const host = this.host(index)
    if (host.alive) throw new SimulationError(`${host.name} is running`)
    const process = this.kernel.spawn(`${host.name}/look`)
    try {
      return await run(this.#seams(host, process, host.starts))
    } finally {
      this.kernel.kill(process)
    }
  }

  #bury(host: WorldHost<N>): void {
    const { process } = host
    if (process === null) return
    this.kernel.kill(process)
    host.process = null
    host.node = null
    for (const network of host.networks) network.crash()
    host.networks.clear()
    const waiting = [...host.waiting]
    host.waiting.clear()
    for (const reject of waiting) reject(new ProcessDied(`${host.name} died`))
  }

  #seams(host: WorldHost<N>, process: SimProcess, start: number): Seams {
    const { kernel } = this
    const after: After = (delayMs, run) => {
      kernel.schedule(process, delayMs * 1000, 'disk', run)
    }
    return {
      clock: new SimClock(kernel, process, host.clock),
      random: this.random.fork(`node/${host.index}/${start}`),
      log: this.log.of(host.name),
      network: (config) => {
        const network = new SimNetwork(this.fabric, host.machine, process, config)
        host.networks.add(network)
        this.log.alias(network.self, host.name)
        return network
      },
      host: host.figures,
      storage: (directory) => host.disk.open(directory, after),
    }
  }
}
