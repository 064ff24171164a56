/**
 * Clients of sets of the store, spread over all nodes of a world, and what they were promised: a set
 * has the elements that were acknowledged and that nobody tried to remove, and none that nobody added.
 */
import type { KvApi, KvWritten } from '../../src/node/api.ts'
import { Clients } from './clients.ts'
import { SimulationError } from './kernel.ts'
import { type Answer, NodeCalls } from './node-calls.ts'
import type { SimRandom } from './sim-random.ts'
import type { World } from './world.ts'

interface KvNode {
  readonly kv: KvApi
}

type Acknowledged = Pick<KvWritten, 'partial'>

const DEADLINE_MS = 4000
const KEYS = 3
const VERIFY_ATTEMPTS = 20

/** Elements of a set. */
interface Elements {
  readonly full: Set<string>
  readonly partial: Set<string>
  readonly most: Set<string>
  /** Somebody may have removed them. */
  readonly removed: Set<string>
}

export class SetWorkload<N extends KvNode> {
  readonly #world: World<N>
  readonly #random: SimRandom
  readonly #clients: Clients
  readonly #calls: NodeCalls<N>
  readonly #sets: readonly Elements[]
  #elements = 0
  acknowledged = 0

  /** `uses`: whether clients may ask this machine's node. */
  constructor(world: World<N>, random: SimRandom, uses: (index: number) => boolean) {
    this.#world = world
    this.#random = random
    this.#clients = new Clients(world, random, 'sets')
    this.#calls = new NodeCalls(world, DEADLINE_MS, uses)
    this.#sets = Array.from({ length: KEYS }, () => ({
      full: new Set<string>(),
      partial: new Set<string>(),
      most: new Set<string>(),
      removed: new Set<string>(),
    }))
  }

  /** How often each error code was met. */
  get codes(): ReadonlyMap<string, number> {
    return this.#calls.codes
  }

  get keys(): string[] {
    return [...this.#sets.keys()].map((i) => `set/${i}`)
  }

  start(clients: number, thinkMs: number): void {
    this.#clients.start(clients, thinkMs, (random) => () => this.#act(random))
  }

  /** Resolves when no call is under way any more. */
  async stop(): Promise<void> {
    await this.#clients.stop('the clients of sets')
  }

  /**
   * With everything healed. `disksLost`: disks are gone, and with them what they alone had. In the
   * end the elements that are read are removed by what was read of them, and stay away.
   */
  async verify({ disksLost }: { readonly disksLost: boolean }): Promise<void> {
    for (const set of this.#sets) {
      if (!disksLost) for (const element of set.partial) set.full.add(element)
    }
    for (const i of this.#sets.keys()) {
      await this.#insist(`set/${i}`, () => this.#read(this.#random, i))
    }
    await this.#insist('what is read of set/0 is removed', () => this.#empty())
  }

  async #insist(what: string, attempt: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < VERIFY_ATTEMPTS; i++) {
      if (await attempt()) return
      await this.#world.sleep(500)
    }
    throw new SimulationError(`${what}: nobody answers, although all faults are over`)
  }

  async #act(random: SimRandom): Promise<void> {
    const dice = random.float()
    const i = random.int(KEYS)
    if (dice < 0.6) await this.#add(random, i)
    else if (dice < 0.8) await this.#remove(random, i)
    else await this.#read(random, i)
  }

  async #add(random: SimRandom, i: number): Promise<void> {
    const set = this.#setOf(i)
    const element = `e${++this.#elements}`
    set.most.add(element)
    const answer = await this.#calls.call(this.#calls.someHost(random), ({ kv }) =>
      kv.set.add(`set/${i}`, [element], { deadlineMs: DEADLINE_MS }),
    )
    const outcome = this.#outcomeOf(answer)
    if (outcome === 'not-applied') set.most.delete(element)
    else if (outcome !== 'unknown') set[outcome].add(element)
  }

  async #remove(random: SimRandom, i: number): Promise<void> {
    const set = this.#setOf(i)
    if (set.most.size === 0) return
    const element = random.pick([...set.most])
    set.removed.add(element)
    const answer = await this.#calls.call(this.#calls.someHost(random), ({ kv }) =>
      kv.set.rm(`set/${i}`, [element], { deadlineMs: DEADLINE_MS }),
    )
    this.#outcomeOf(answer)
  }

  /** False: no full answer. */
  async #read(random: SimRandom, i: number): Promise<boolean> {
    const set = this.#setOf(i)
    const least = [...set.full]
    const answer = await this.#calls.call(this.#calls.someHost(random), ({ kv }) =>
      kv.set.ls(`set/${i}`, { read: 'quorum', deadlineMs: DEADLINE_MS }),
    )
    if ('error' in answer) {
      this.#calls.outcomeOf(answer.error)
      return false
    }
    const read = new Set(answer.value.value.map(String))
    const lost = least.find((element) => !read.has(element) && !set.removed.has(element))
    if (lost !== undefined) throw new SimulationError(`${lost} of set/${i} is lost`)
    const strange = [...read].find((element) => !set.most.has(element))
    if (strange !== undefined) throw new SimulationError(`nobody added ${strange} to set/${i}`)
    return true
  }

  async #empty(): Promise<boolean> {
    const options = { deadlineMs: DEADLINE_MS }
    const answer = await this.#calls.call(this.#calls.someHost(this.#random), async ({ kv }) => {
      const { value, context } = await kv.set.ls('set/0', { ...options, read: 'quorum' })
      if (value.length === 0) return { left: 0, again: 0 }
      await kv.set.rm('set/0', value, { ...options, write: 'quorum', context })
      const after = await kv.set.ls('set/0', { ...options, read: 'quorum' })
      const again = after.value.filter((element) => value.includes(element)).length
      return { left: after.value.length, again }
    })
    if ('error' in answer) {
      this.#calls.outcomeOf(answer.error)
      return false
    }
    const { left, again } = answer.value
    if (again > 0) throw new SimulationError('elements of set/0 that were removed are there')
    // What one disk alone had may have come meanwhile.
    if (left > 0) return false
    for (const element of this.#setOf(0).most) this.#setOf(0).removed.add(element)
    return true
  }

  #outcomeOf(answer: Answer<Acknowledged>): 'full' | 'partial' | 'unknown' | 'not-applied' {
    if ('error' in answer) {
      return this.#calls.outcomeOf(answer.error) === 'not-applied' ? 'not-applied' : 'unknown'
    }
    if (!answer.value.partial) this.acknowledged++
    return answer.value.partial ? 'partial' : 'full'
  }

  #setOf(i: number): Elements {
    const set = this.#sets[i]
    if (set === undefined) throw new SimulationError(`there is no set ${i}`)
    return set
  }
}
