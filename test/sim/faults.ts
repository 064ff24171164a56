/**
 * Faults at random: each seed turns on a random subset of the kinds, at random rates. A fault
 * begins, lasts, and is taken back by itself; `stop` takes back whatever is left.
 */
import type { SimRandom } from './sim-random.ts'
import type { World } from './world.ts'

export const FAULT_KINDS = [
  'crash',
  'power',
  'move',
  'pause',
  'stall',
  'cut',
  'one-way',
  'split',
  'bridge',
  'loss',
  'slow',
  'clog',
  'break',
  'wall-jump',
  'wall-rate',
] as const

export type FaultKind = (typeof FAULT_KINDS)[number]

export interface FaultOptions {
  readonly kinds: readonly FaultKind[]
  /** Mean time between two faults. */
  readonly gapMs: number
  /** Machines without a running program at any one time. */
  readonly downMax: number
}

/** One machine keeps its address: who was away while all others moved would find nobody, ever. */
const FIXED = 0

/** Each kind with even odds, never none. */
export function swarm(random: SimRandom, kinds: readonly FaultKind[] = FAULT_KINDS): FaultKind[] {
  const chosen = kinds.filter(() => random.chance(0.4))
  return chosen.length > 0 ? chosen : [random.pick(kinds)]
}

export class Faults<N> {
  readonly #world: World<N>
  readonly #random: SimRandom
  readonly #options: FaultOptions
  /** Machines whose program a fault of ours has ended, stopped or is bringing back. */
  readonly #down = new Set<number>()
  readonly #counts = new Map<FaultKind, number>()
  #stopped = false
  #restarting = 0

  constructor(world: World<N>, random: SimRandom, options: FaultOptions) {
    this.#world = world
    this.#random = random
    this.#options = options
  }

  get counts(): ReadonlyMap<FaultKind, number> {
    return this.#counts
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Injects faults until `stop`. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      await this.#world.sleep(this.#random.exponential(this.#options.gapMs))
      if (!this.#stopped) this.inject(this.#random.pick(this.#options.kinds))
    }
  }

  /** The end of all faults: the network is whole, every program runs and every clock is right. */
  async stop(): Promise<void> {
    this.#stopped = true
    const { hosts } = this.#world
    this.#world.heal()
    for (const host of hosts) {
      this.#world.resume(host.index)
      host.clock.reset()
      if (!host.alive && host.starts > 0) this.#restart(host.index)
    }
    await this.#world.until('every program runs', 120_000, () => {
      return (
        this.#restarting === 0 && hosts.every(({ node, starts }) => node !== null || starts === 0)
      )
    })
  }

  inject(kind: FaultKind): void {
    if (!this.#begin(kind)) return
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    this.#world.log.add('world', 'info', `fault.${kind}`, { down: [...this.#down].join(' ') })
  }

  /** False when it cannot happen now. */
  #begin(kind: FaultKind): boolean {
    switch (kind) {
      case 'crash':
      case 'power':
      case 'move':
        return this.#kill(kind)
      case 'pause':
        return this.#pause()
      case 'stall':
        return this.#withHost((index) => this.#world.stall(index, this.#random.exponential(1500)))
      case 'wall-jump':
      case 'wall-rate':
        return this.#withHost((index) => this.#setClock(kind, index))
      default:
        this.#network(kind)
        return true
    }
  }

  #kill(kind: 'crash' | 'power' | 'move'): boolean {
    if (this.#down.size >= this.#options.downMax) return false
    return this.#withHost((index) => {
      this.#down.add(index)
      if (kind === 'power') this.#world.powerLoss(index)
      else this.#world.crash(index)
      // Often at once, as a supervisor does; sometimes long enough to be called dead.
      const downMs = this.#random.chance(0.3) ? 10 : this.#random.exponential(15_000)
      this.#later(downMs, () => {
        const mayMove = index !== FIXED && !this.#world.host(index).alive
        if (kind === 'move' && mayMove) this.#world.readdress(index)
        this.#restart(index)
      })
    })
  }

  #restart(index: number): void {
    if (this.#world.host(index).alive) return
    this.#restarting++
    this.#world
      .start(index)
      .then(
        () => this.#down.delete(index),
        (error: unknown) => this.#world.kernel.fail(error),
      )
      .finally(() => this.#restarting--)
      .catch((error: unknown) => this.#world.kernel.fail(error))
  }

  #pause(): boolean {
    if (this.#down.size >= this.#options.downMax) return false
    return this.#withHost((index) => {
      this.#down.add(index)
      this.#world.pause(index)
      this.#later(this.#random.exponential(8000), () => {
        this.#world.resume(index)
        this.#down.delete(index)
      })
    })
  }

  #setClock(kind: 'wall-jump' | 'wall-rate', index: number): void {
    const { clock } = this.#world.host(index)
    // Small steps as time services make them; big ones are a scenario of their own.
    if (kind === 'wall-jump') clock.jump(this.#random.between(-2000, 2000))
    else clock.setWallRate(this.#random.between(0.5, 2))
  }

  #network(kind: FaultKind): void {
    const random = this.#random
    const { hosts } = this.#world
    const durationMs = random.exponential(10_000)
    const [a, b] = [random.int(hosts.length), random.int(hosts.length)]
    switch (kind) {
      case 'cut':
        this.#world.cut(a, b)
        break
      case 'one-way':
        this.#world.cutOneWay(a, b)
        break
      case 'split':
      case 'bridge':
        this.#split(kind === 'bridge')
        break
      case 'break':
        this.#world.breakConnections(a, b)
        return
      default:
        this.#degrade(kind, a, b, durationMs)
    }
    this.#later(durationMs, () => this.#world.heal())
  }

  /** Two halves; with a bridge, one machine reaches both. */
  #split(bridge: boolean): void {
    const left = new Set<number>()
    const right = new Set<number>()
    for (const { index } of this.#world.hosts) (this.#random.chance(0.5) ? left : right).add(index)
    if (bridge) {
      const middle = this.#random.int(this.#world.hosts.length)
      left.add(middle)
      right.add(middle)
    }
    this.#world.partition([...left], [...right])
  }

  #degrade(kind: FaultKind, a: number, b: number, durationMs: number): void {
    const { fabric, kernel } = this.#world
    const path = fabric.path(this.#world.host(a).machine, this.#world.host(b).machine)
    if (kind === 'loss') path.loss = this.#random.between(0, 0.3)
    if (kind === 'slow') path.extraDelayMs = this.#random.exponential(200)
    if (kind === 'clog') path.cloggedUntilUs = kernel.nowUs + durationMs * 1000
  }

  /** A machine whose program runs and that no other fault has in hand. */
  #withHost(act: (index: number) => void): boolean {
    const free = this.#world.hosts.filter(({ node, index }) => {
      return node !== null && !this.#down.has(index)
    })
    if (free.length === 0) return false
    act(this.#random.pick(free).index)
    return true
  }

  #later(delayMs: number, run: () => void): void {
    this.#world.kernel.schedule(
      null,
      delayMs * 1000,
      'fault',
      () => {
        if (!this.#stopped) run()
      },
      this.total,
    )
  }
}
