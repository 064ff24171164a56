/**
 * Clients that add to counters and delete them: each addition is a bit of its own, so that what is
 * read says which additions count, and one that counted twice would show as another.
 *
 * An acknowledged addition counts until somebody deletes with a context that has seen it; what an
 * acknowledged deletion has seen never counts again. Deletions name their context: a blind one
 * replaces what its coordinator holds, which nobody can tell from outside.
 */
import type { KvApi } from '../../src/node/api.ts'
import { Clients } from './clients.ts'
import { SimulationError } from './kernel.ts'
import { type Answer, NodeCalls } from './node-calls.ts'
import type { SimRandom } from './sim-random.ts'
import type { World } from './world.ts'

interface KvNode {
  readonly kv: KvApi
}

const DEADLINE_MS = 4000
/** Then another key is used. */
const BITS = 48
const VERIFY_ATTEMPTS = 20

/** Additions, as the bits of a number. */
interface Bits {
  readonly key: string
  used: number
  /** Asked for, and not known not to have been made. */
  tried: bigint
  /** Acknowledged by a majority. */
  full: bigint
  /** Acknowledged by fewer. */
  partial: bigint
  /** Seen by a deletion that was asked for. */
  doomed: bigint
  /** Seen by a deletion that a majority has acknowledged. */
  gone: bigint
  /** Seen by a deletion that fewer have. */
  partlyGone: bigint
}

export class CounterWorkload<N extends KvNode> {
  readonly #world: World<N>
  readonly #random: SimRandom
  readonly #clients: Clients
  readonly #calls: NodeCalls<N>
  readonly #all: Bits[] = []
  acknowledged = 0

  /** `uses`: whether clients may ask this machine's node. */
  constructor(world: World<N>, random: SimRandom, uses: (index: number) => boolean) {
    this.#world = world
    this.#random = random
    this.#clients = new Clients(world, random, 'bits')
    this.#calls = new NodeCalls(world, DEADLINE_MS, uses)
  }

  /** How often each error code was met. */
  get codes(): ReadonlyMap<string, number> {
    return this.#calls.codes
  }

  get keys(): string[] {
    return this.#all.map(({ key }) => key)
  }

  start(clients: number, thinkMs: number): void {
    this.#clients.start(clients, thinkMs, (random) => () => this.#act(random))
  }

  /** Resolves when no call is under way any more. */
  async stop(): Promise<void> {
    await this.#clients.stop('the clients of counters')
  }

  /** With everything healed. `disksLost`: disks are gone, and with them what they alone had. */
  async verify({ disksLost }: { readonly disksLost: boolean }): Promise<void> {
    for (const bits of this.#all) {
      if (!disksLost) {
        bits.full |= bits.partial
        bits.gone |= bits.partlyGone
      }
      await this.#readInFull(bits)
    }
  }

  async #readInFull(bits: Bits): Promise<void> {
    for (let i = 0; i < VERIFY_ATTEMPTS; i++) {
      if ((await this.#read(this.#random, bits)) !== null) return
      await this.#world.sleep(500)
    }
    throw new SimulationError(`nobody reads ${bits.key}, although all faults are over`)
  }

  async #act(random: SimRandom): Promise<void> {
    const dice = random.float()
    const last = this.#all.at(-1)
    if (dice < 0.6 || last === undefined) await this.#add(random, this.#current())
    else if (dice < 0.8) await this.#read(random, random.pick(this.#all))
    else await this.#delete(random, dice < 0.9 ? last : random.pick(this.#all))
  }

  #current(): Bits {
    const last = this.#all.at(-1)
    if (last !== undefined && last.used < BITS) return last
    const none = { used: 0, tried: 0n, full: 0n, partial: 0n, doomed: 0n, gone: 0n, partlyGone: 0n }
    const bits = { key: `bits/${this.#all.length}`, ...none }
    this.#all.push(bits)
    return bits
  }

  async #add(random: SimRandom, bits: Bits): Promise<void> {
    const bit = 2n ** BigInt(bits.used++)
    bits.tried |= bit
    const answer = await this.#calls.call(this.#calls.someHost(random), ({ kv }) =>
      kv.counter.add(bits.key, Number(bit), { deadlineMs: DEADLINE_MS }),
    )
    const outcome = this.#outcomeOf(answer)
    if (outcome === 'not-applied') bits.tried &= ~bit
    else if (outcome !== 'unknown') bits[outcome] |= bit
  }

  /** What counts, with the context of it; null: no full answer. */
  async #read(
    random: SimRandom,
    bits: Bits,
  ): Promise<{ readonly seen: bigint; readonly context: string } | null> {
    const { full, gone } = bits
    const answer = await this.#calls.call(this.#calls.someHost(random), ({ kv }) =>
      kv.counter.get(bits.key, { read: 'quorum', deadlineMs: DEADLINE_MS }),
    )
    if ('error' in answer) {
      this.#calls.outcomeOf(answer.error)
      return null
    }
    const seen = BigInt(answer.value?.value ?? 0)
    const where = `${bits.key} reads ${seen.toString(2)}`
    if (seen < 0n) throw new SimulationError(`${where}: less than nothing`)
    this.#none(seen & ~bits.tried, `${where}: nobody added`)
    this.#none(seen & gone, `${where}: deleted, and counts again`)
    this.#none(full & ~seen & ~bits.doomed, `${where}: acknowledged, and does not count`)
    return { seen, context: answer.value?.context ?? '' }
  }

  /** With the context of what it reads. */
  async #delete(random: SimRandom, bits: Bits): Promise<void> {
    const read = await this.#read(random, bits)
    if (read === null || read.context === '') return
    const { seen, context } = read
    bits.doomed |= seen
    const answer = await this.#calls.call(this.#calls.someHost(random), ({ kv }) =>
      kv.del(bits.key, { context: context, deadlineMs: DEADLINE_MS }),
    )
    const outcome = this.#outcomeOf(answer)
    if (outcome === 'full') bits.gone |= seen
    else if (outcome === 'partial') bits.partlyGone |= seen
  }

  #none(bits: bigint, what: string): void {
    if (bits !== 0n) throw new SimulationError(`${what}: ${bits.toString(2)}`)
  }

  #outcomeOf(answer: Answer<{ readonly partial: boolean }>) {
    if ('error' in answer) {
      return this.#calls.outcomeOf(answer.error) === 'not-applied' ? 'not-applied' : 'unknown'
    }
    if (!answer.value.partial) this.acknowledged++
    return answer.value.partial ? 'partial' : 'full'
  }
}
