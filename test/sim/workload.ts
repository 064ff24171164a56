/**
 * Clients of the replicated store, spread over all nodes of a world, and what they were promised.
 *
 * Each value is written once. Most keys are written once as well: nothing can explain the loss of
 * such a value. Some are shared by all clients. The careful ones are only replaced by who read them
 * before; the others are also written blindly, and deleted.
 */
import type { KvApi, KvRead, KvWritten } from '../../src/node/api.ts'
import { HistoryRecorder, type Operation, operationsOf, byKey } from './checker/history.ts'
import { checkSiblings } from './checker/siblings.ts'
import { Clients } from './clients.ts'
import { SimulationError } from './kernel.ts'
import { type Answer, NodeCalls } from './node-calls.ts'
import type { SimRandom } from './sim-random.ts'
import type { World } from './world.ts'

export interface KvNode {
  readonly kv: KvApi
}

const DEADLINE_MS = 4000
const SHARED_KEYS = 4
const VERIFY_ATTEMPTS = 20

/** What a client knows of a key: a context, and the values that it stands for. */
interface Seen {
  readonly context: string
  readonly values: readonly string[]
}

export class Workload<N extends KvNode> {
  readonly #world: World<N>
  readonly #random: SimRandom
  readonly #clients: Clients
  readonly #calls: NodeCalls<N>
  readonly history: HistoryRecorder
  readonly #keys: string[] = []
  /** Written to fewer disks than a majority: to be found again once all disks are back. */
  readonly #partial = new Map<string, number>()
  #values = 0
  /** Acknowledged by a majority. */
  acknowledged = 0
  #onAcknowledged: (() => void) | null = null

  /** `uses`: whether clients may ask this machine's node. */
  constructor(world: World<N>, random: SimRandom, uses: (index: number) => boolean = () => true) {
    this.#world = world
    this.#calls = new NodeCalls(world, DEADLINE_MS, uses)
    this.#random = random
    this.#clients = new Clients(world, random, 'client')
    this.history = new HistoryRecorder(() => world.kernel.nowUs)
  }

  /** How often each error code was met. */
  get codes(): ReadonlyMap<string, number> {
    return this.#calls.codes
  }

  get keys(): readonly string[] {
    return this.#keys
  }

  get partials(): number {
    return this.#partial.size
  }

  start(clients: number, thinkMs: number): void {
    this.#clients.start(clients, thinkMs, (random) => {
      let process = this.history.newProcess()
      return async () => {
        const known = await this.#act(process, random)
        if (!known) process = this.history.newProcess()
      }
    })
  }

  /** Resolves in the moment in which a client hears that a majority has its write. */
  async nextAcknowledgement(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onAcknowledged = resolve
    })
    this.#onAcknowledged = null
  }

  /** Resolves when no call is under way any more. */
  async stop(): Promise<void> {
    await this.#clients.stop('the clients')
  }

  /**
   * With everything healed: every key is read in full through some node, and both histories must
   * hold: the full calls at any time, and at the end whatever at least one disk had acknowledged
   * (`disksLost`: disks are gone, and with them what they alone had).
   */
  async verify(options: { readonly disksLost: boolean }): Promise<void> {
    const before = this.history.lines.length
    for (const key of this.#keys) await this.#readInFull(key)
    const lines = this.history.lines
    const beganAt = lines[before]?.t ?? 0
    const operations = operationsOf(lines)
    check('a quorum call', operations)
    if (!options.disksLost) check('a durable call', this.#asDurable(operations, beganAt))
  }

  /** Partial writes count as acknowledged, and only the reads of the end are looked at. */
  #asDurable(operations: readonly Operation[], finalReadsFrom: number): Operation[] {
    return operations
      .filter(({ f, start }) => f !== 'read' || start >= finalReadsFrom)
      .map((operation) => {
        // A read of one value looks like that value.
        const end = operation.f === 'read' ? undefined : this.#partial.get(String(operation.value))
        return end === undefined ? operation : { ...operation, outcome: 'ok' as const, end }
      })
  }

  async #readInFull(key: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const process = this.history.newProcess()
      const read = await this.#get(process, this.#random, key, 'quorum')
      if (read !== undefined) return
      if (attempt === VERIFY_ATTEMPTS) {
        throw new SimulationError(`nothing reads ${key}, although all faults are over`)
      }
      await this.#world.sleep(500)
    }
  }

  /** One thing that a client does; false when its outcome is not known. */
  async #act(process: number, random: SimRandom): Promise<boolean> {
    const dice = random.float()
    if (dice < 0.35) return this.#put(process, random, this.#newKey())
    if (dice < 0.5 && this.#keys.length > 0) {
      const level = random.chance(0.5) ? 'quorum' : undefined
      return (await this.#get(process, random, random.pick(this.#keys), level)) !== undefined
    }
    if (dice < 0.75) return this.#readAndReplace(process, random)
    const key = this.#numberedKey('shared', random)
    if (dice < 0.8) return this.#put(process, random, key)
    if (dice < 0.85) return this.#putAndReplace(process, random, key)
    const read = await this.#get(process, random, key)
    if (read === undefined || dice < 0.9) return read !== undefined
    if (dice < 0.96 || read === null) return this.#put(process, random, key, seenBy(read))
    return this.#delete(process, random, key, { context: read.context, values: valuesOf(read) })
  }

  /** A client that goes on from the context of its own write, perhaps at another node. */
  async #putAndReplace(process: number, random: SimRandom, key: string): Promise<boolean> {
    let seen = null as Seen | null
    for (let step = 0; step < 3; step++) {
      const value = this.#newValue()
      const answer = await this.#write(process, random, key, value, seen)
      if (!this.#settleWrite(process, value, answer)) return false
      if ('error' in answer) return true
      seen = { context: answer.value.context, values: [...(seen?.values ?? []), value] }
    }
    return seen === null || random.chance(0.5) || this.#delete(process, random, key, seen)
  }

  /** Always with the context of what was read: nobody may destroy what another wrote meanwhile. */
  async #readAndReplace(process: number, random: SimRandom): Promise<boolean> {
    const key = this.#numberedKey('careful', random)
    const read = await this.#get(process, random, key, 'quorum')
    if (read === undefined) return false
    return this.#put(process, random, key, seenBy(read))
  }

  #newKey(): string {
    const key = `own/${this.#values}`
    this.#keys.push(key)
    return key
  }

  #numberedKey(kind: string, random: SimRandom): string {
    const key = `${kind}/${random.int(SHARED_KEYS)}`
    if (!this.#keys.includes(key)) this.#keys.push(key)
    return key
  }

  #newValue(): string {
    return `v${++this.#values}`
  }

  async #put(
    process: number,
    random: SimRandom,
    key: string,
    over: Seen | null = null,
  ): Promise<boolean> {
    const value = this.#newValue()
    return this.#settleWrite(process, value, await this.#write(process, random, key, value, over))
  }

  async #delete(process: number, random: SimRandom, key: string, over: Seen): Promise<boolean> {
    return this.#settleWrite(process, null, await this.#write(process, random, key, null, over))
  }

  /** `value` null: a delete. */
  #write(
    process: number,
    random: SimRandom,
    key: string,
    value: string | null,
    over: Seen | null,
  ): Promise<Answer<KvWritten>> {
    const context = over === null ? {} : { context: over.context }
    const options = { deadlineMs: DEADLINE_MS, ...context }
    const index = this.#calls.someHost(random)
    const covers = over === null ? {} : { covers: [...over.values] }
    const node = this.#world.host(index).name
    const f = value === null ? 'delete' : 'write'
    this.history.invoke({ process, f, key, value, ...covers, node })
    return this.#calls.call(index, ({ kv }) =>
      value === null ? kv.del(key, options) : kv.put(key, value, options),
    )
  }

  #settleWrite(process: number, value: string | null, answer: Answer<KvWritten>): boolean {
    if ('error' in answer) {
      const known = this.#calls.outcomeOf(answer.error) === 'not-applied'
      this.history.finish(process, known ? 'fail' : 'info')
      return known
    }
    const { acks, replicas, partial } = answer.value
    // While a partition moves, a majority of its new replicas alone is still partial.
    if ((!partial && acks * 2 <= replicas) || acks < 1) {
      throw new SimulationError(`acknowledged by ${acks} of ${replicas}, partial: ${partial}`)
    }
    this.history.finish(process, partial ? 'info' : 'ok')
    if (!partial) {
      this.acknowledged++
      this.#onAcknowledged?.()
    } else if (value !== null) this.#partial.set(value, this.history.lines.at(-1)?.t ?? 0)
    return !partial
  }

  /** What was read, null for nothing; undefined when it was not a full read. */
  async #get(
    process: number,
    random: SimRandom,
    key: string,
    level?: 'quorum',
  ): Promise<KvRead | null | undefined> {
    const index = this.#calls.someHost(random)
    const options = { deadlineMs: DEADLINE_MS, ...(level === undefined ? {} : { read: level }) }
    const node = this.#world.host(index).name
    this.history.invoke({ process, f: 'read', key, value: null, node })
    const answer = await this.#calls.call(index, (api) => api.kv.get(key, options))
    if ('error' in answer) this.#calls.outcomeOf(answer.error)
    const full = 'value' in answer && answer.value?.partial !== true
    if (!full) {
      this.history.finish(process, 'info')
      return undefined
    }
    const read = answer.value
    this.history.finish(process, 'ok', read === null ? [] : valuesOf(read))
    return read
  }
}

function seenBy(read: KvRead | null): Seen | null {
  return read === null ? null : { context: read.context, values: valuesOf(read) }
}

function valuesOf(read: KvRead): string[] {
  return [read.value, ...read.others].map(String)
}

function check(what: string, operations: readonly Operation[]): void {
  for (const [key, ofKey] of byKey(operations)) {
    const verdict = checkSiblings(ofKey)
    if (verdict.kind !== 'valid') {
      const story = ofKey.map((one) => JSON.stringify(one)).join('\n')
      throw new SimulationError(`${what} on ${key}: ${verdict.why}\n${story}`)
    }
  }
}
