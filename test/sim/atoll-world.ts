/** A world of whole nodes with clients, and the end that every scenario with them has in common. */
import type { LogFields } from '../../src/seams/log.ts'
import { compareStored, readStored, type Stored } from './checker/stored.ts'
import { TopologyChecker } from './checker/topologies.ts'
import { type AtollProgramNode, type AtollProgramOptions, atollProgram } from './atoll-program.ts'
import { Cluster } from './cluster.ts'
import { CounterWorkload } from './counter-workload.ts'
import { SimulationError } from './kernel.ts'
import type { ScenarioContext, ScenarioReport } from './scenario.ts'
import { SimRandom } from './sim-random.ts'
import { SimDisk } from './sim-storage.ts'
import { SimulatedStage } from './register-stage.ts'
import { REGISTER_DEADLINE_MS, RegisterWorkload } from './register-workload.ts'
import { SetWorkload } from './set-workload.ts'
import { Watchers } from './watchers.ts'
import { Workload } from './workload.ts'
import { World } from './world.ts'

const LIMIT_MS = 3_600_000
const CONVERGE_MS = 180_000
const DURATION_MS_MIN = 60_000
const ACKNOWLEDGED_MIN = 200
/** More on one key exhaust any search for an order. */
const REGISTER_CLIENTS_MAX = 8
/** A few: their keys are few, and each change moves a whole set. */
const TYPE_CLIENTS_MAX = 3
const WATCHERS_MAX = 2

export class AtollWorld {
  readonly world: World<AtollProgramNode>
  readonly cluster: Cluster<AtollProgramNode>
  readonly workload: Workload<AtollProgramNode>
  readonly sets: SetWorkload<AtollProgramNode>
  readonly counters: CounterWorkload<AtollProgramNode>
  readonly registers: RegisterWorkload
  readonly watchers: Watchers<AtollProgramNode>
  readonly disks: readonly SimDisk[]
  readonly topologies = new TopologyChecker()
  #listener: ((source: string, event: string) => void) | null = null
  /** Partitions that each node's disk has let go of, by its name. */
  readonly #dropped = new Map<string, Set<unknown>>()
  /** For what the scenario itself leaves to chance. */
  readonly random: SimRandom

  constructor(context: ScenarioContext, hosts: number, options: AtollProgramOptions) {
    this.random = new SimRandom(context.seed).fork('scenario')
    const disks: SimDisk[] = []
    this.disks = disks
    this.world = new World<AtollProgramNode>({
      seed: context.seed,
      hosts,
      program: atollProgram(options),
      disk: (_name, chance) => {
        const disk = new SimDisk(chance)
        disks.push(disk)
        return disk
      },
      kernel: { trace: context.trace, limitMs: LIMIT_MS },
    })
    this.cluster = new Cluster(this.world)
    const clients = this.world.random.fork('clients')
    const uses = (index: number): boolean => this.cluster.serves(index)
    this.workload = new Workload(this.world, clients, uses)
    this.sets = new SetWorkload(this.world, this.world.random.fork('sets'), uses)
    this.counters = new CounterWorkload(this.world, this.world.random.fork('counters'), uses)
    this.registers = new RegisterWorkload(
      new SimulatedStage(this.world, REGISTER_DEADLINE_MS, uses),
      this.world.random.fork('registers'),
    )
    this.watchers = new Watchers(this.world, this.world.random.fork('watchers'), uses)
    this.world.log.watch((...line) => {
      this.topologies.onLog(...line)
      this.#listener?.(line[0], line[1])
      this.#noteDropped(...line)
    })
    context.onFailure(() => this.world.log.lines(150))
  }

  /** The machine whose node logs this next; null when none does in time. */
  async nextLine(event: string, mostMs: number): Promise<number | null> {
    const heard = new Promise<number | null>((resolve) => {
      this.#listener = (source, line) => {
        const host = this.world.hosts.find(({ name }) => name === source)
        if (line === event && host !== undefined) resolve(host.index)
      }
    })
    const late = this.world.sleep(mostMs).then(() => null)
    const index = await Promise.race([heard, late])
    this.#listener = null
    return index
  }

  #noteDropped(source: string, event: string, fields?: LogFields): void {
    if (event !== 'store.partition-dropped') return
    const dropped = this.#dropped.get(source) ?? new Set()
    this.#dropped.set(source, dropped.add(fields?.['partition']))
  }

  hasDropped(index: number, partition: number): boolean {
    return this.#dropped.get(this.world.host(index).name)?.has(partition) === true
  }

  disk(index: number): SimDisk {
    const disk = this.disks[index]
    if (disk === undefined) throw new SimulationError(`there is no disk ${index}`)
    return disk
  }

  /** Clients of the store, of its counters and sets, and of the registers. */
  startClients(clients: number, thinkMs: number): void {
    this.workload.start(clients, thinkMs)
    this.sets.start(Math.min(clients, TYPE_CLIENTS_MAX), 4 * thinkMs)
    this.counters.start(Math.min(clients, TYPE_CLIENTS_MAX), 2 * thinkMs)
    this.watchers.start(1 + this.random.int(WATCHERS_MAX))
    this.registers.start(Math.min(clients, REGISTER_CLIENTS_MAX), thinkMs)
  }

  /**
   * After the last fault: the clients go on for so many acknowledged writes, and end. Thousands say
   * no more without faults, and each of their keys is read and compared at the end.
   */
  async endClientsAfter(writes: number): Promise<void> {
    const { world, workload } = this
    const goal = workload.acknowledged + writes
    await world.until('clients get on', 120_000, () => workload.acknowledged >= goal)
    await this.#endClients()
  }

  async #endClients(): Promise<void> {
    const { workload, sets, counters, registers } = this
    await Promise.all([workload.stop(), sets.stop(), counters.stop(), registers.stop()])
  }

  /** Until the seed counts: long enough, and enough acknowledged. */
  async enough(limitMs = 600_000): Promise<void> {
    const { world, workload } = this
    await world.sleep(Math.max(0, DURATION_MS_MIN - world.kernel.nowMs))
    const what = `${ACKNOWLEDGED_MIN} operations are acknowledged`
    await world.until(what, limitMs, () => workload.acknowledged >= ACKNOWLEDGED_MIN)
  }

  /** Every fault is over: within a bound all is well, nothing is lost, and nothing is left. */
  async finish(options: { readonly disksLost?: boolean } = {}): Promise<void> {
    const { world, workload, sets, counters, registers, watchers, cluster } = this
    const disksLost = options.disksLost ?? false
    await world.sleep(1000)
    await this.#endClients()
    await cluster.settled()
    await workload.verify({ disksLost })
    await sets.verify({ disksLost })
    await counters.verify({ disksLost })
    await registers.verify()
    const keys = [...workload.keys, ...sets.keys, ...counters.keys]
    await cluster.converged(keys, CONVERGE_MS)
    await watchers.verify(keys, { disksLost })
    await watchers.stop()
    await cluster.stop()
    await this.#replicasAreSame()
    if (workload.acknowledged < ACKNOWLEDGED_MIN) {
      throw new SimulationError(`only ${workload.acknowledged} operations were acknowledged`)
    }
  }

  /** Byte by byte: a version may be the same where an element of a set is not. */
  async #replicasAreSame(): Promise<void> {
    const disks: Stored[] = []
    for (const index of this.cluster.members) {
      const { name } = this.world.host(index)
      const stored = this.world.look(index, async (seams) => {
        const { clock, log } = seams
        return await readStored(name, { storage: await seams.storage('/data'), clock, log })
      })
      disks.push(await stored)
    }
    const { different } = compareStored(disks)
    if (different.length > 0) {
      throw new SimulationError(`not the same on all replicas: ${different.join(', ')}`)
    }
  }

  report(faults: number, notes = ''): ScenarioReport {
    const { world, workload, sets, counters, registers, topologies } = this
    const met = new Map(workload.codes)
    for (const { codes } of [sets, counters, registers]) {
      for (const [code, count] of codes) met.set(code, (met.get(code) ?? 0) + count)
    }
    const errors = [...met].map(([code, count]) => `${code} ${count}`)
    return {
      traceHash: world.kernel.traceHash,
      events: world.kernel.events,
      simulatedMs: world.kernel.nowMs,
      operations: [workload, sets, counters, registers].reduce(
        (sum, of) => sum + of.acknowledged,
        0,
      ),
      faults,
      notes: [
        `nodes ${world.hosts.length}`,
        `topologies ${topologies.decided}`,
        notes,
        `partial ${workload.partials}`,
        `types ${sets.acknowledged + counters.acknowledged}`,
        this.watchers.notes,
        `registers ${registers.acknowledged} (${registers.unknown} unknown)`,
        ...errors,
      ]
        .filter((note) => note !== '')
        .join(' · '),
    }
  }
}
