/**
 * Writes whose coordinator loses its power after the others have them and before its own disk has: its
 * own is slow. It comes back without them, and at once writes the same keys again, with what their
 * reader had seen before. Whatever was acknowledged of both stays until somebody replaces it knowingly.
 */
import { AtollError, isAtollError } from '../../src/base/errors.ts'
import { decodeRecord } from '../../src/store/record.ts'
import { userKey } from '../../src/store/place.ts'
import type { AtollProgramNode } from './atoll-program.ts'
import type { AtollWorld } from './atoll-world.ts'
import { checkSiblings } from './checker/siblings.ts'
import { byKey, HistoryRecorder, operationsOf } from './checker/history.ts'
import { readStored } from './checker/stored.ts'
import { SimulationError } from './kernel.ts'
import { ProcessDied } from './world.ts'

const KEYS = 12
const SLOW_SYNC_MS = 60
/** The others have most of them by then, and its own disk, as a rule, none. */
const SENT_MS = 4
const DEADLINE_MS = 4000
const READ_MS = 60_000

interface Put {
  readonly key: string
  readonly value: string
  /** Of the value that it replaces. */
  readonly context?: string
}

export class CutShort {
  readonly #atoll: AtollWorld
  readonly #history: HistoryRecorder
  readonly #keys: string[] = []
  /** Writes that others held, and the disk of who had sent them did not. */
  writes = 0
  rounds = 0

  constructor(atoll: AtollWorld) {
    this.#atoll = atoll
    this.#history = new HistoryRecorder(() => atoll.world.kernel.nowUs)
  }

  /** All machines are up, and have met. */
  async round(): Promise<void> {
    const { world, random } = this.#atoll
    const victim = random.int(world.hosts.length)
    const other = (victim + 1) % world.hosts.length
    const keys = Array.from({ length: KEYS }, (_, i) => `cut/${this.rounds}/${i}`)
    this.rounds++
    this.#keys.push(...keys)
    // The first dot since a start waits for the disk, and nothing is sent before: after the first
    // round the victim has given out one while its disk was quick.
    const writer = (i: number): number => (i === 0 && this.rounds > 1 ? victim : other)
    const contexts = await Promise.all(
      keys.map((key, i) => this.#put(writer(i), { key, value: first(key) })),
    )
    const puts = (what: string): Put[] =>
      keys.flatMap((key, i) => {
        const context = contexts[i] ?? ''
        return context === '' ? [] : { key, value: `${key} ${what}`, context }
      })
    const [lost, later] = [puts('lost'), puts('later')]
    const { faults } = this.#atoll.disk(victim)
    faults.slowSyncMs = SLOW_SYNC_MS
    const calls = lost.map((put) => this.#put(victim, put))
    await world.sleep(SENT_MS + random.exponential(SENT_MS))
    world.powerLoss(victim)
    faults.slowSyncMs = 0
    await Promise.all(calls)
    const here = await this.#stored(victim)
    for (const { key, value } of lost) {
      const isThere = (await this.#read(other, key)).includes(value)
      if (isThere && !here.has(value)) this.writes++
    }
    await world.start(victim)
    await Promise.all(later.map((put) => this.#put(victim, put)))
  }

  /** All machines are well. */
  async verify(): Promise<void> {
    for (const key of this.#keys) {
      const process = this.#history.newProcess()
      this.#history.invoke({ process, f: 'read', key, value: null, node: 'n0' })
      this.#history.finish(process, 'ok', await this.#read(0, key))
    }
    for (const [key, operations] of byKey(operationsOf(this.#history.lines))) {
      const verdict = checkSiblings(operations)
      if (verdict.kind === 'valid') continue
      const story = operations.map((one) => JSON.stringify(one)).join('\n')
      throw new SimulationError(`cut short, on ${key}: ${verdict.why}\n${story}`)
    }
    if (this.writes === 0) throw new SimulationError('no write was cut short')
  }

  /** Gives the context; '' when nobody can say whether it was done. */
  async #put(index: number, { key, value, context }: Put): Promise<string> {
    const process = this.#history.newProcess()
    const node = this.#atoll.world.host(index).name
    const covers = context === undefined ? {} : { covers: [first(key)] }
    this.#history.invoke({ process, f: 'write', key, value, ...covers, node })
    const options = { deadlineMs: DEADLINE_MS, ...(context && { context }) }
    try {
      const written = await this.#on(index, ({ kv }) => kv.put(key, value, options))
      this.#history.finish(process, written.partial ? 'info' : 'ok')
      return written.context
    } catch (error) {
      this.#history.finish(process, 'info')
      if (error instanceof ProcessDied || error instanceof AtollError) return ''
      throw error
    }
  }

  /** Of a majority, which may take a while after a death. */
  async #read(index: number, key: string): Promise<string[]> {
    const { world } = this.#atoll
    const options = { read: 'quorum', deadlineMs: DEADLINE_MS } as const
    const endMs = world.kernel.nowMs + READ_MS
    for (;;) {
      try {
        const { siblings } = await this.#on(index, ({ kv }) => kv.siblings(key, options))
        return siblings.map(({ value }) =>
          typeof value === 'string' ? value : JSON.stringify(value),
        )
      } catch (error) {
        if (!isAtollError(error, 'NO_QUORUM') || world.kernel.nowMs > endMs) throw error
        await world.sleep(500)
      }
    }
  }

  #on<T>(index: number, run: (node: AtollProgramNode) => Promise<T>): Promise<T> {
    return this.#atoll.world.call(index, (node) => {
      if (node === null) throw new SimulationError(`n${index} does not run`)
      return run(node)
    })
  }

  /** Values of those keys that are on the disk of a machine that is off. */
  async #stored(index: number): Promise<ReadonlySet<string>> {
    const { world } = this.#atoll
    const { name } = world.host(index)
    const { records } = await world.look(index, async (seams) => {
      const { clock, log } = seams
      return await readStored(name, { storage: await seams.storage('/data'), clock, log })
    })
    const text = new TextDecoder()
    const ours = [...records].filter(([stored]) => userKey(stored).startsWith('cut/'))
    return new Set(
      ours.flatMap(([, bytes]) =>
        decodeRecord(bytes).siblings.map(({ value }) => text.decode(value)),
      ),
    )
  }
}

function first(key: string): string {
  return `${key} first`
}
