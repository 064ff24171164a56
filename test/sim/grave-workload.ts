/**
 * Clients who delete, and what they were promised: what somebody deleted knowingly does not come back,
 * whoever was away; what has a time is there until then and not after; and in the end nothing is left
 * of either, on any disk.
 *
 * Each key is written by one client alone, some times, and then buried for ever. So a full read of
 * it after the burial was acknowledged finds nothing, and that is all there is to check.
 */
import type { KvApi } from '../../src/node/api.ts'
import type { MetricFamily } from '../../src/base/metrics.ts'
import { Clients } from './clients.ts'
import { SimulationError } from './kernel.ts'
import { NodeCalls } from './node-calls.ts'
import type { SimRandom } from './sim-random.ts'
import type { World } from './world.ts'

interface StoreNode {
  readonly kv: KvApi
  metrics(): Promise<readonly MetricFamily[]>
}

const DEADLINE_MS = 4000
const VERIFY_ATTEMPTS = 20
const TTL_MS_MAX = 20_000

/** `buried`: a majority has acknowledged it. `open`: it was tried, or is to be tried again. */
interface Grave {
  readonly key: string
  state: 'alive' | 'open' | 'buried'
  /** By a right clock, of those with a time: when it is over at the latest. */
  overMs: number | null
  /** As JSON. */
  readonly values: string[]
}

export interface GraveOptions {
  /** What its keys begin with. */
  readonly prefix: string
  /** How far clocks may be off: so long before and after its time nobody knows. */
  readonly slackMs: number
  /** Some keys live for so long at least. */
  readonly ttlMsMin?: number
}

export class GraveWorkload<N extends StoreNode> {
  readonly #world: World<N>
  readonly #random: SimRandom
  readonly #clients: Clients
  readonly #calls: NodeCalls<N>
  readonly #prefix: string
  readonly #slackMs: number
  readonly #ttlMsMin: number
  readonly graves: Grave[] = []
  #values = 0
  acknowledged = 0

  /** `uses`: whether clients may ask this machine's node. */
  constructor(
    world: World<N>,
    random: SimRandom,
    uses: (index: number) => boolean,
    { prefix, slackMs, ttlMsMin = 1000 }: GraveOptions,
  ) {
    this.#world = world
    this.#random = random
    this.#clients = new Clients(world, random, 'graves')
    this.#calls = new NodeCalls(world, DEADLINE_MS, uses)
    this.#prefix = prefix
    this.#slackMs = slackMs
    this.#ttlMsMin = ttlMsMin
  }

  get keys(): string[] {
    return this.graves.map(({ key }) => key)
  }

  start(clients: number, thinkMs: number): void {
    this.#clients.start(clients, thinkMs, (random) => () => this.#act(random))
  }

  /** Resolves when no call is under way any more. */
  async stop(): Promise<void> {
    await this.#clients.stop('the grave diggers')
  }

  /** With everything healed: all that lives is there, and nothing that was buried. */
  async verify(): Promise<void> {
    for (const grave of this.graves) {
      await this.#insist(`a full read of ${grave.key}`, () => this.#look(this.#random, grave))
    }
  }

  /** Each key is read through this node, whatever it says: that it looks may change nothing. */
  async glance(index: number): Promise<void> {
    await Promise.all(this.graves.map(({ key }) => this.#glanceAt(index, key)))
  }

  /** So many are made at once, and this node looks at each while replicas still hear of it. */
  async race(count: number, index: number, withinMs: number): Promise<void> {
    const races = Array.from({ length: count }, async (_, i) => {
      const random = this.#random.fork(`race/${this.graves.length}/${i}`)
      await this.#world.sleep(random.between(0, withinMs))
      const made = this.#make(random)
      const key = this.graves.at(-1)?.key ?? ''
      await this.#world.sleep(random.between(0, withinMs))
      await Promise.all([made, this.#glanceAt(index, key)])
    })
    await Promise.all(races)
  }

  async #glanceAt(index: number, key: string): Promise<void> {
    const options = { deadlineMs: DEADLINE_MS, read: 'quorum' } as const
    const answer = await this.#calls.call(index, ({ kv }) => kv.get(key, options))
    if ('error' in answer) this.#calls.outcomeOf(answer.error)
  }

  /** Buries whatever is not yet, knowing all that is there; what has a time only when told so. */
  async buryAll({ withTimes = false } = {}): Promise<void> {
    for (const grave of this.graves) {
      if (grave.state === 'buried' || (grave.overMs !== null && !withTimes)) continue
      await this.#insist(`the burial of ${grave.key}`, () => this.#bury(this.#random, grave, 'all'))
    }
  }

  /** Records of any kind on all disks. */
  async records(members: Iterable<number>): Promise<number> {
    let sum = 0
    for (const index of members) {
      const answer = await this.#calls.call(index, async (node) => node.metrics())
      if ('error' in answer) return Number.POSITIVE_INFINITY
      const family = answer.value.find(({ name }) => name === 'atoll_store_records')
      const [sample] = family?.samples ?? []
      sum += sample !== undefined && 'value' in sample ? sample.value : Number.POSITIVE_INFINITY
    }
    return sum
  }

  async #insist(what: string, attempt: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < VERIFY_ATTEMPTS; i++) {
      if (await attempt()) return
      await this.#world.sleep(500)
    }
    throw new SimulationError(`in vain, although all faults are over: ${what}`)
  }

  async #act(random: SimRandom): Promise<void> {
    const dice = random.float()
    if (dice < 0.35 || this.graves.length === 0) await this.#make(random)
    else if (dice < 0.65) await this.#look(random, random.pick(this.graves))
    else {
      const alive = this.graves.filter(({ state, overMs }) => {
        return state === 'alive' && overMs === null
      })
      if (alive.length > 0) await this.#bury(random, random.pick(alive), 'quorum')
    }
  }

  /** One or two writes through different nodes; some end by themselves. */
  async #make(random: SimRandom): Promise<void> {
    const hasTime = random.chance(0.3)
    const ttlMs = this.#ttlMsMin + random.int(TTL_MS_MAX)
    const grave: Grave = {
      key: `${this.#prefix}/${this.graves.length}`,
      // Nobody else touches it before it is made.
      state: 'open',
      overMs: null,
      values: [],
    }
    this.graves.push(grave)
    for (let i = 0; i < (hasTime ? 1 : 1 + random.int(2)); i++) {
      const value = `g${++this.#values}`
      grave.values.push(JSON.stringify(value))
      const options = { deadlineMs: DEADLINE_MS, ...(hasTime ? { ttlMs } : {}) }
      const index = this.#calls.someHost(random)
      const answer = await this.#calls.call(index, ({ kv }) => kv.put(grave.key, value, options))
      if (hasTime) grave.overMs = this.#world.kernel.nowMs + ttlMs
      if ('error' in answer) return void this.#calls.outcomeOf(answer.error)
      if (answer.value.partial) return
      this.acknowledged++
    }
    grave.state = 'alive'
  }

  /**
   * Whoever buries reads before, so that what it deletes is all that was there: of what a majority
   * has acknowledged another majority tells, of the rest only all.
   */
  async #bury(random: SimRandom, grave: Grave, level: 'quorum' | 'all'): Promise<boolean> {
    grave.state = 'open'
    const options = { deadlineMs: DEADLINE_MS, read: level } as const
    const reader = this.#calls.someHost(random)
    const read = await this.#calls.call(reader, ({ kv }) => kv.get(grave.key, options))
    if ('error' in read) {
      this.#calls.outcomeOf(read.error)
      return false
    }
    const context = read.value === null ? {} : { context: read.value.context }
    const index = this.#calls.someHost(random)
    const answer = await this.#calls.call(index, ({ kv }) =>
      kv.del(grave.key, { deadlineMs: DEADLINE_MS, ...context }),
    )
    if ('error' in answer) this.#calls.outcomeOf(answer.error)
    if ('error' in answer || answer.value.partial) return false
    this.acknowledged++
    grave.state = 'buried'
    return true
  }

  /** False when it was no full read. */
  async #look(random: SimRandom, grave: Grave): Promise<boolean> {
    const { state } = grave
    const fromMs = this.#world.kernel.nowMs
    const options = { deadlineMs: DEADLINE_MS, read: 'quorum' } as const
    const index = this.#calls.someHost(random)
    const answer = await this.#calls.call(index, ({ kv }) => kv.get(grave.key, options))
    if ('error' in answer) {
      this.#calls.outcomeOf(answer.error)
      return false
    }
    const at = `at ${fromMs} ms ${this.#world.host(index).name}`
    const found = answer.value === null ? null : JSON.stringify(answer.value.value)
    if (found !== null && !grave.values.includes(found)) {
      throw new SimulationError(`${at} reads ${found} of ${grave.key}: nobody wrote it`)
    }
    if (state === 'buried' && found !== null) {
      throw new SimulationError(`${at}: ${grave.key} is back, ${found}, which was deleted`)
    }
    const { overMs } = grave
    if (overMs !== null && found !== null && fromMs > overMs + this.#slackMs) {
      throw new SimulationError(`${at}: ${grave.key} is alive, and its time was over at ${overMs}`)
    }
    const nowMs = this.#world.kernel.nowMs
    // Of what has a time the write took at most a call: it ends that much earlier perhaps.
    const isSafe = overMs === null || nowMs < overMs - DEADLINE_MS - this.#slackMs
    if (state === 'alive' && grave.state === 'alive' && isSafe && found === null) {
      throw new SimulationError(`${at}: ${grave.key} is lost, and nobody deleted it`)
    }
    return true
  }
}
