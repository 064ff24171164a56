/**
 * A random walk over a few nodes: clients on all of them, messages lost, late and in another order,
 * crashes, power losses, movements, clocks that leap by days. What the clients were told is checked for linearizability, each
 * key on its own. The same seed gives the same walk.
 */
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { byKey, HistoryRecorder, type Operation, operationsOf } from '../sim/checker/history.ts'
import { casRegister, checkLinearizable } from '../sim/checker/linearizable.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { isInstall, isList, type Question, RegisterWorld } from './world.ts'

const NODES = 'abcde'
const SETS = ['abc', 'cde', 'bcd', 'ab', 'abcde', 'ade'] as const
const CLIENTS = 6
const DEADLINE_MS = 400
const HOUR_MS = 60 * 60 * 1000
/** Whose clock is that far off is refused by others, or refuses them. One at a time leaps. */
const LEAPS_MS = [72 * HOUR_MS, 20 * HOUR_MS, -72 * HOUR_MS, 40 * 365 * 24 * HOUR_MS] as const

export interface Walk {
  /** Why it is not linearizable; empty: it is. */
  readonly faults: readonly string[]
  readonly operations: readonly Operation[]
  readonly moves: number
  readonly crashes: number
  readonly leaps: number
}

export class Walker {
  readonly #world: RegisterWorld
  readonly #random: SimRandom
  readonly #history: HistoryRecorder
  /** New ones when there is enough of the old ones to check. */
  readonly #keys: number
  readonly #down = new Map<string, number>()
  /** By node that runs, what rejects when it dies. */
  readonly #deaths = new Map<string, PromiseWithResolvers<never>>()
  #value = 0
  #moves = 0
  #crashes = 0
  #leaps = 0
  /** Whose clock is wrong. */
  #leapt = ''
  #isMoving = false
  #isOver = false

  private constructor(world: RegisterWorld, seed: string, keys: number) {
    this.#world = world
    this.#random = new SimRandom(`walk ${seed}`)
    this.#keys = keys
    this.#history = new HistoryRecorder(() => Math.round(world.clock.monotonicMs() * 1000))
  }

  static async run(seed: string, forMs: number): Promise<Walk> {
    const world = await RegisterWorld.start(['abc'], { nodes: NODES, seed })
    return new Walker(world, seed, 4).#run(forMs)
  }

  async #run(forMs: number): Promise<Walk> {
    const world = this.#world
    const faults = this.#random.fork('net')
    const lossPercent = faults.int(12)
    world.hub.delayMs = () => 0.2 + faults.float() * (faults.int(20) === 0 ? 60 : 2)
    world.fate = (question) => this.#fateOf(question, faults, lossPercent)
    const clients = Array.from({ length: CLIENTS }, (_, i) => this.#client(`client ${i}`))
    const endMs = world.clock.monotonicMs() + forMs
    while (world.clock.monotonicMs() < endMs) {
      await world.wait(5 + this.#random.float() * 60)
      await this.#disturb()
    }
    this.#isOver = true
    world.fate = () => undefined
    for (const name of this.#down.keys()) await this.#restart(name)
    if (this.#leapt !== '') world.skew(this.#leapt, 0)
    await world.drive(Promise.all(clients))
    await this.#lastReads()
    const operations = operationsOf(this.#history.lines)
    const counts = { moves: this.#moves, crashes: this.#crashes, leaps: this.#leaps }
    return { faults: check(operations), operations, ...counts }
  }

  #fateOf(question: Question, random: SimRandom, lossPercent: number) {
    if (random.int(100) < lossPercent) return random.int(2) === 0 ? 'lost' : 'answer lost'
    // Retirement is where the rare faults are: one replica is told, the others much later.
    const isRare = isInstall(question) || isList(question)
    if (isRare && random.int(3) === 0) return this.#world.later(random.int(400))
    return undefined
  }

  async #client(name: string): Promise<void> {
    const random = this.#random.fork(name)
    let process = this.#history.newProcess()
    while (!this.#isOver) {
      await this.#world.later(random.float() * 30)
      const node = NODES[random.int(NODES.length)] ?? 'a'
      if (!this.#world.nodes.has(node)) continue
      const key = `k${random.int(this.#keys)}.${Math.floor(this.#world.clock.monotonicMs() / 2000)}`
      if (!(await this.#call(random, process, node, key))) process = this.#history.newProcess()
    }
  }

  /** False: nobody knows what came of it. */
  async #call(random: SimRandom, process: number, node: string, key: string): Promise<boolean> {
    const reg = this.#world.reg(node)
    const options = { deadlineMs: DEADLINE_MS }
    const death = this.#deathOf(node)
    const died = <T>(call: Promise<T>): Promise<T> => Promise.race([call, death])
    const kind = random.int(10)
    const v = `v${++this.#value}`
    const begin = (f: Operation['f'], value: unknown): void =>
      this.#history.invoke({ process, f, key, value, node })
    try {
      if (kind < 4) {
        begin('read', null)
        const found = await died(reg.get(key, options))
        this.#history.finish(process, 'ok', found?.value ?? null)
      } else if (kind < 6) {
        begin('write', v)
        await died(reg.set(key, v, options))
        this.#history.finish(process, 'ok')
      } else if (kind < 7) {
        begin('delete', null)
        await died(reg.del(key, options))
        this.#history.finish(process, 'ok')
      } else if (kind < 8) {
        begin('cas', [null, v])
        await died(reg.set(key, v, { ...options, ifAbsent: true }))
        this.#history.finish(process, 'ok')
      } else {
        const before = await died(reg.get(key, options))
        if (before === null) return true
        begin('cas', [before.value, v])
        await died(reg.set(key, v, { ...options, ifVersion: before.version }))
        this.#history.finish(process, 'ok')
      }
      return true
    } catch (error) {
      if (kind >= 8 && !this.#isBusy(process)) return true
      const isKnown = isAtollError(error) && error.outcome === 'not-applied'
      this.#history.finish(process, isKnown ? 'fail' : 'info')
      return isKnown
    }
  }

  #isBusy(process: number): boolean {
    return this.#history.lines.findLast(({ p }) => p === process)?.type === 'invoke'
  }

  async #disturb(): Promise<void> {
    const world = this.#world
    const now = world.clock.monotonicMs()
    for (const [name, untilMs] of this.#down) if (untilMs < now) await this.#restart(name)
    switch (this.#random.int(12)) {
      case 0: {
        const name = NODES[this.#random.int(NODES.length)] ?? 'a'
        // A client on a dead node never hears of its call: that one is unknown for ever.
        if (this.#down.size === 0 && this.#random.int(2) === 0) this.#crash(name)
        break
      }
      case 1:
      case 2:
        await this.#move()
        break
      case 3:
        if (this.#random.int(10) === 0) for (const name of world.nodes.keys()) this.#crash(name)
        break
      case 4:
        this.#leap()
        break
      default:
    }
  }

  #leap(): void {
    if (this.#leapt !== '') this.#world.skew(this.#leapt, 0)
    const isOver = this.#leapt !== ''
    this.#leapt = ''
    if (isOver) return
    this.#leaps++
    this.#leapt = NODES[this.#random.int(NODES.length)] ?? 'a'
    this.#world.skew(this.#leapt, LEAPS_MS[this.#random.int(LEAPS_MS.length)] ?? 0)
  }

  /** Of a call on a node that dies nobody ever hears. */
  #deathOf(name: string): Promise<never> {
    let death = this.#deaths.get(name)
    if (death === undefined) {
      death = Promise.withResolvers<never>()
      death.promise.catch(() => undefined)
      this.#deaths.set(name, death)
    }
    return death.promise
  }

  #crash(name: string): void {
    this.#crashes++
    const gone = new AtollError('UNREACHABLE', `${name} died`, { outcome: 'unknown' })
    this.#deaths.get(name)?.reject(gone)
    this.#deaths.delete(name)
    this.#world.crash(name, { power: this.#random.int(2) === 0 })
    this.#down.set(name, this.#world.clock.monotonicMs() + this.#random.int(500))
  }

  async #restart(name: string): Promise<void> {
    this.#down.delete(name)
    await this.#world.boot(name)
  }

  /** Begins a movement, or ends one when a majority says that all is there. */
  async #move(): Promise<void> {
    const world = this.#world
    const [partition] = world.latest.partitions
    if (partition === undefined) return
    if (this.#isMoving) {
      const said = [...world.nodes.values()].filter(({ installed, member }) => {
        const isReplica = partition.replicas.includes(member.storageId)
        return isReplica && installed.includes(`0 in ${partition.cfg}`)
      })
      if (said.length * 2 <= partition.replicas.length) return
      world.finish()
    } else {
      const set = SETS[this.#random.int(SETS.length)] ?? 'abc'
      if (world.idsOf(set).join() === partition.replicas.join()) return
      world.move([set])
      this.#moves++
    }
    this.#isMoving = !this.#isMoving
    // Some hear of it now, the others from whoever they ask.
    const told = [...world.nodes.keys()].filter(() => this.#random.int(3) > 0)
    await world.tell(told.length > 0 ? told : [...world.nodes.keys()].slice(0, 1))
  }

  async #lastReads(): Promise<void> {
    const keys = new Set(this.#history.lines.map(({ k }) => k))
    for (const key of keys) {
      const process = this.#history.newProcess()
      const node = NODES[this.#random.int(NODES.length)] ?? 'a'
      this.#history.invoke({ process, f: 'read', key, value: null, node })
      const options = { deadlineMs: 20_000 }
      const found = await this.#world.drive(this.#world.reg(node).get(key, options))
      this.#history.finish(process, 'ok', found?.value ?? null)
    }
  }
}

function check(operations: readonly Operation[]): string[] {
  const faults: string[] = []
  for (const [key, list] of byKey(operations)) {
    const verdict = checkLinearizable(list, casRegister)
    if (verdict.kind !== 'valid') faults.push(`${key}: ${verdict.kind}, ${verdict.why}`)
  }
  return faults
}

export function countOf(operations: readonly Operation[], outcome: Operation['outcome']): number {
  return operations.filter((each) => each.outcome === outcome).length
}
