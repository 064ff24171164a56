/**
 * Clients that watch the replicated store as programs do: begin, list, apply what is told; after a
 * gap list again; when the node is gone, go on from the last cursor at another.
 *
 * What they hold themselves to: of a key nothing older comes after something newer, as long as they
 * stay with a node; and when all is well again, what they have applied is what a read gives.
 */
import type { KvApi, KvEvent, KvRead, KvValue } from '../../src/node/api.ts'
import { AtollError } from '../../src/base/errors.ts'
import { type Context, contextCovers, contextOfText } from '../../src/store/version-vector.ts'
import { SimulationError } from './kernel.ts'
import { NodeCalls } from './node-calls.ts'
import type { SimRandom } from './sim-random.ts'
import { ProcessDied, type World } from './world.ts'

interface KvNode {
  readonly kv: KvApi
}

/** Values as an event or a list shows them: of a list only the newest, and how many more. */
interface Shown {
  readonly newest: string | null
  readonly others: number
  /** null: of a list. */
  readonly context: Context | null
}

const DEADLINE_MS = 4000
const PAGE = 1000
const SETTLE_MS = 180_000
const STAY_MS = 15_000
const NOTHING: Shown = { newest: null, others: 0, context: null }

class Watcher {
  readonly name: string
  /** By key, what is known. */
  readonly known = new Map<string, Shown>()
  /** Keys that were told of since the list began. */
  readonly fresh = new Set<string>()
  cursor: string | null = null
  /** Lists that are to be made: the last one counts. */
  wanted = 0
  listed = 0
  gaps = 0
  events = 0
  resumed = 0

  constructor(name: string) {
    this.name = name
  }
}

export class Watchers<N extends KvNode> {
  readonly #world: World<N>
  readonly #random: SimRandom
  readonly #calls: NodeCalls<N>
  readonly #watchers: Watcher[] = []
  #isStopped = false
  #running = 0
  readonly #ends = new Set<() => void>()

  constructor(world: World<N>, random: SimRandom, uses: (index: number) => boolean) {
    this.#world = world
    this.#random = random
    this.#calls = new NodeCalls(world, DEADLINE_MS, uses)
  }

  get gaps(): number {
    return this.#watchers.reduce((total, { gaps }) => total + gaps, 0)
  }

  get notes(): string {
    const sum = (of: (watcher: Watcher) => number): number =>
      this.#watchers.reduce((total, watcher) => total + of(watcher), 0)
    const [events, gaps, resumed] = [
      sum((w) => w.events),
      sum((w) => w.gaps),
      sum((w) => w.resumed),
    ]
    return `watched ${events} (${gaps} gaps, ${resumed} resumed)`
  }

  /** Each stays with a node for so long, on average. */
  start(count: number, stayMs = STAY_MS): void {
    for (let i = 0; i < count; i++) {
      const watcher = new Watcher(`watcher ${i}`)
      this.#watchers.push(watcher)
      const random = this.#random.fork(watcher.name)
      this.#running += 2
      for (const task of [this.#watch(watcher, random, stayMs), this.#list(watcher, random)]) {
        task
          .catch((error: unknown) => this.#world.kernel.fail(error))
          .finally(() => this.#running--)
          .catch((error: unknown) => this.#world.kernel.fail(error))
      }
    }
  }

  /**
   * All is well, and nobody writes any more: what was applied is what is there. `disksLost`: what was
   * told may be gone with the disk that had it.
   */
  async verify(keys: readonly string[], { disksLost }: { disksLost: boolean }): Promise<void> {
    let why = ''
    const left = new Set(keys)
    try {
      await this.#world.until('the watchers know what is there', SETTLE_MS, async () => {
        for (const key of left) {
          const read = await this.#read(key)
          why = read === undefined ? `${key} cannot be read` : this.#fault(key, read, disksLost)
          if (why !== '') return false
          left.delete(key)
        }
        return true
      })
    } catch (error) {
      throw new SimulationError(`a watch has missed something: ${why}`, { cause: error })
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const end of this.#ends) end()
    await this.#world.until('the watchers stop', 120_000, () => this.#running === 0)
  }

  #fault(key: string, read: KvRead | null, disksLost: boolean): string {
    const newest = read === null ? null : textOf(read.value)
    const others = read?.others.length ?? 0
    for (const { name, known, wanted, listed } of this.#watchers) {
      if (wanted !== listed) return `${name} has not listed the keys yet`
      const shown = known.get(key) ?? NOTHING
      if (shown.newest === newest && shown.others === others) continue
      const context = read === null ? null : contextOfText(read.context, key)
      const isBehind = shown.context !== null && context !== null
      // Lost with a disk: the watcher knows more than there is.
      if (disksLost && isBehind && !coversAll(context, shown.context)) continue
      if (disksLost && read === null) continue
      return `${name} holds ${show(shown)} of ${key}, a read gives ${newest ?? 'nothing'} and ${others}`
    }
    return ''
  }

  async #read(key: string): Promise<KvRead | null | undefined> {
    const index = this.#calls.someHost(this.#random)
    const options = { deadlineMs: DEADLINE_MS, read: 'quorum' } as const
    const answer = await this.#calls.call(index, ({ kv }) => kv.get(key, options))
    return 'value' in answer ? answer.value : undefined
  }

  async #watch(watcher: Watcher, random: SimRandom, meanMs: number): Promise<void> {
    while (!this.#isStopped) {
      const index = this.#calls.someHost(random)
      try {
        await this.#session(watcher, index, random.exponential(meanMs))
      } catch (error) {
        if (error instanceof SimulationError) throw error
        if (!(error instanceof ProcessDied)) this.#calls.outcomeOf(error)
        if (error instanceof AtollError && error.code === 'USAGE') throw error
        await this.#world.sleep(200)
      }
    }
  }

  /** Stays with one node for so long, or as long as that lives. */
  async #session(watcher: Watcher, index: number, stayMs: number): Promise<void> {
    const ends = new AbortController()
    const end = (): void => {
      // As code of its process: one that stands still does not end it.
      this.#world.call(index, async () => ends.abort()).catch(() => undefined)
    }
    this.#ends.add(end)
    this.#world
      .sleep(stayMs)
      .then(end)
      .catch(() => undefined)
    try {
      await this.#world.call(index, async (node) => {
        if (node === null) throw new ProcessDied('it has not started yet')
        const after = watcher.cursor
        if (after !== null) watcher.resumed++
        const told = new Map<string, Context>()
        const options = { signal: ends.signal, ...(after !== null && { after }) }
        for await (const event of node.kv.watch('', options)) this.#apply(watcher, event, told)
      })
    } finally {
      this.#ends.delete(end)
    }
  }

  #apply(watcher: Watcher, event: KvEvent, told: Map<string, Context>): void {
    const isFirst = event.kind === 'begin' && watcher.cursor === null
    watcher.cursor = event.cursor
    if (isFirst || event.kind === 'gap') {
      if (event.kind === 'gap') watcher.gaps++
      watcher.wanted++
      watcher.fresh.clear()
    }
    if (!('key' in event)) return
    watcher.events++
    const { key } = event
    const context = contextOfText(event.context, key)
    const before = told.get(key)
    if (before !== undefined && !coversAll(context, before)) {
      throw new SimulationError(`${watcher.name} was told of ${key} what is older than before`)
    }
    told.set(key, context)
    watcher.fresh.add(key)
    const isValue = 'value' in event
    const newest = isValue ? textOf(event.value) : null
    watcher.known.set(key, { newest, others: isValue ? event.others.length : 0, context })
  }

  /** Lists all keys, in full, once more for each time that is wanted. */
  async #list(watcher: Watcher, random: SimRandom): Promise<void> {
    while (!this.#isStopped) {
      const { wanted } = watcher
      if (wanted !== watcher.listed) {
        const found = await this.#pages(random)
        if (found !== null && watcher.wanted === wanted) {
          for (const key of watcher.known.keys()) {
            if (!found.has(key) && !watcher.fresh.has(key)) watcher.known.delete(key)
          }
          for (const [key, shown] of found) {
            if (!watcher.fresh.has(key)) watcher.known.set(key, shown)
          }
          watcher.listed = wanted
        }
      }
      await this.#world.sleep(300)
    }
  }

  /** null: not in full. */
  async #pages(random: SimRandom): Promise<ReadonlyMap<string, Shown> | null> {
    const found = new Map<string, Shown>()
    for (let after = ''; ; ) {
      const index = this.#calls.someHost(random)
      const options = { after, limit: PAGE, deadlineMs: DEADLINE_MS }
      const answer = await this.#calls.call(index, ({ kv }) => kv.ls('', options))
      if ('error' in answer) this.#calls.outcomeOf(answer.error)
      if (!('value' in answer) || answer.value.partial) return null
      for (const { key, value, siblingCount } of answer.value.entries) {
        found.set(key, { newest: textOf(value), others: siblingCount - 1, context: null })
      }
      if (answer.value.next === null) return found
      after = answer.value.next
    }
  }
}

function textOf(value: KvValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function coversAll(whole: Context, part: Context): boolean {
  const dots = [...part.vector].map(([actor, n]) => ({ actor, n }))
  return [...dots, ...part.dots].every((dot) => contextCovers(whole, dot))
}

function show({ newest, others, context }: Shown): string {
  return `${newest ?? 'nothing'} and ${others} (${context === null ? 'listed' : 'told'})`
}
