/**
 * Clients of the registers, spread over all nodes of a stage, and what they were promised.
 *
 * Each value is written once, so a read names the one change that it saw. A call whose outcome is
 * unknown is now and then made again under the same id, perhaps at another node: together they are
 * one operation. Every key has few clients and few calls, since a search for an order grows fast;
 * then another key takes its place.
 */
import type { RegApi, RegWritten, Value } from '../../src/node/api.ts'
import { byKey, HistoryRecorder, type Operation, operationsOf } from './checker/history.ts'
import { casRegister, checkLinearizable } from './checker/linearizable.ts'
import { Clients } from './clients.ts'
import { SimulationError } from './kernel.ts'
import type { Answer } from './node-calls.ts'
import type { RegisterStage } from './register-stage.ts'
import type { SimRandom } from './sim-random.ts'

/** Of each call. */
export const REGISTER_DEADLINE_MS = 4000
const DEADLINE_MS = REGISTER_DEADLINE_MS
const KEYS = 4
const CALLS_PER_KEY = 80
const COUNTERS = 2
const RETRIES = 3
const VERIFY_ATTEMPTS = 40
/** Newest known versions that a new one is held against. */
const VERSIONS_LOOKED_AT = 50

/** What a register showed: its value and version; null: nothing. */
type Seen = { readonly value: string; readonly version: string } | null

/** How a counter stands: increments that happened, and those of which nobody knows. */
interface Count {
  done: number
  unknown: number
  readonly numbers: Set<number>
}

export class RegisterWorkload {
  readonly #stage: RegisterStage
  readonly #random: SimRandom
  readonly #clients: Clients
  readonly history: HistoryRecorder
  /** By slot, the key that is used now and how often it was. */
  readonly #slots = Array.from({ length: KEYS }, (_, slot) => ({ key: `reg/${slot}/0`, calls: 0 }))
  readonly #keys = new Set<string>()
  readonly #counts = new Map<string, Count>()
  /** By key, versions with the time at which they were known. */
  readonly #versions = new Map<string, { readonly atUs: number; readonly version: string }[]>()
  #values = 0
  #ids = 0
  /** Changes that were acknowledged. */
  acknowledged = 0
  /** Calls of which nobody could say what became of them. */
  unknown = 0

  constructor(stage: RegisterStage, random: SimRandom) {
    this.#stage = stage
    this.#random = random
    this.#clients = new Clients(stage, random, 'client')
    this.history = new HistoryRecorder(() => stage.nowUs)
  }

  get codes(): ReadonlyMap<string, number> {
    return this.#stage.codes
  }

  get keys(): readonly string[] {
    return [...this.#keys]
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

  /** Resolves when no call is under way any more. */
  async stop(): Promise<void> {
    await this.#clients.stop('the clients of registers', 180_000)
  }

  /** With everything healed: every register is read once more, and all histories must hold. */
  async verify(): Promise<void> {
    for (const key of this.#keys) await this.#readAtLast(key)
    for (const [key, ofKey] of byKey(operationsOf(this.history.lines))) {
      const verdict = checkLinearizable(withoutUnseen(ofKey), casRegister)
      if (verdict.kind !== 'valid') throw new SimulationError(storyOf(key, verdict.why, ofKey))
    }
    for (const [key, count] of this.#counts) await this.#verifyCount(key, count)
  }

  async #readAtLast(key: string): Promise<void> {
    const process = this.history.newProcess()
    for (let attempt = 1; attempt <= VERIFY_ATTEMPTS; attempt++) {
      if ((await this.#get(attempt === 1 ? process : this.history.newProcess(), key)) !== undefined)
        return
      await this.#stage.sleep(500)
    }
    throw new SimulationError(`nothing reads the register ${key}, although all faults are over`)
  }

  async #verifyCount(key: string, { done, unknown }: Count): Promise<void> {
    for (let attempt = 1; attempt <= VERIFY_ATTEMPTS; attempt++) {
      const answer = await this.#on((reg) => reg.get(key, { deadlineMs: DEADLINE_MS }))
      if ('value' in answer) {
        const value = Number(answer.value?.value ?? 0)
        if (value >= done && value <= done + unknown) return
        const why = `${key} counts ${value}: ${done} increments happened, ${unknown} are unknown`
        throw new SimulationError(why)
      }
      this.#stage.outcomeOf(answer.error)
      await this.#stage.sleep(500)
    }
    throw new SimulationError(`nothing reads the counter ${key}, although all faults are over`)
  }

  /** One thing that a client does; false when its outcome is not known. */
  async #act(process: number, random: SimRandom): Promise<boolean> {
    const dice = random.float()
    if (dice < 0.2) return this.#count(random)
    const key = this.#someKey(random)
    if (dice < 0.45) return (await this.#get(process, key)) !== undefined
    if (dice < 0.6) return this.#change(process, random, key, 'write', null)
    const seen = await this.#get(process, key)
    if (seen === undefined) return false
    if (dice < 0.66 && seen !== null) return this.#change(process, random, key, 'delete', seen)
    return this.#change(process, random, key, 'cas', seen)
  }

  #someKey(random: SimRandom): string {
    const slot = random.pick(this.#slots)
    if (++slot.calls > CALLS_PER_KEY) {
      slot.calls = 0
      slot.key = `${slot.key.slice(0, slot.key.lastIndexOf('/'))}/${this.#keys.size}`
    }
    this.#keys.add(slot.key)
    return slot.key
  }

  async #change(
    process: number,
    random: SimRandom,
    key: string,
    f: 'write' | 'cas' | 'delete',
    seen: Seen,
  ): Promise<boolean> {
    const value = `r${++this.#values}`
    // A conditional delete is a change from what was seen to nothing.
    const asCas = [seen?.value ?? null, f === 'delete' ? null : value]
    const told = f === 'write' ? value : asCas
    this.history.invoke({ process, f: f === 'write' ? f : 'cas', key, value: told, node: '' })
    const startUs = this.#stage.nowUs
    const condition = seen === null ? { ifAbsent: true } : { ifVersion: seen.version }
    const options = f === 'write' ? {} : condition
    const answer = await this.#persist(random, key, (reg, retry) => {
      const all = { ...options, ...retry, deadlineMs: DEADLINE_MS }
      return f === 'delete' && seen !== null
        ? reg.del(key, { ...all, ifVersion: seen.version })
        : reg.set(key, value, all)
    })
    if (answer === 'unknown') {
      this.unknown++
      this.history.finish(process, 'info')
      return false
    }
    this.history.finish(process, answer === 'not-applied' ? 'fail' : 'ok')
    if (answer !== 'not-applied') {
      this.acknowledged++
      this.#noteVersion(key, startUs, answer.version, 'changed')
    }
    return true
  }

  async #count(random: SimRandom): Promise<boolean> {
    const key = `count/${random.int(COUNTERS)}`
    const count = this.#counts.get(key) ?? { done: 0, unknown: 0, numbers: new Set<number>() }
    this.#counts.set(key, count)
    const startUs = this.#stage.nowUs
    const answer = await this.#persist(random, key, (reg, retry) =>
      reg.incr(key, 1, { ...retry, deadlineMs: DEADLINE_MS }),
    )
    if (answer === 'unknown') {
      count.unknown++
    } else if (answer !== 'not-applied') {
      count.done++
      this.acknowledged++
      this.#noteVersion(key, startUs, answer.version, 'changed')
      if (count.numbers.has(answer.value)) {
        throw new SimulationError(`${key} gave ${answer.value} to two increments`)
      }
      count.numbers.add(answer.value)
    }
    return true
  }

  /** Makes a call; when nobody can say what became of it, perhaps again under the same id. */
  async #persist<T extends RegWritten>(
    random: SimRandom,
    key: string,
    run: (reg: RegApi, retry: { readonly opId?: string; readonly since?: string }) => Promise<T>,
  ): Promise<T | 'not-applied' | 'unknown'> {
    const since = this.#versions.get(key)?.at(-1)?.version ?? '0'
    const named = random.chance(0.5) ? { opId: `op${++this.#ids}`, since } : {}
    let mayHaveHappened = false
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#on((reg) => run(reg, named))
      if ('value' in answer) return answer.value
      const outcome = this.#stage.outcomeOf(answer.error)
      if (outcome !== 'not-applied') mayHaveHappened = true
      const mayRetry = mayHaveHappened && 'opId' in named && attempt < RETRIES
      // A conflict of the second try may be the effect of the first, if that was forgotten.
      if (!mayRetry) return mayHaveHappened ? 'unknown' : 'not-applied'
      await this.#stage.sleep(random.exponential(100))
    }
  }

  /** What was read, null for nothing; undefined when nothing was. */
  async #get(process: number, key: string): Promise<Seen | undefined> {
    this.history.invoke({ process, f: 'read', key, value: null, node: '' })
    const startUs = this.#stage.nowUs
    const answer = await this.#on((reg) => reg.get(key, { deadlineMs: DEADLINE_MS }))
    if ('error' in answer) {
      this.#stage.outcomeOf(answer.error)
      this.history.finish(process, 'info')
      return undefined
    }
    const read = answer.value
    const value = read === null ? null : textOf(read.value)
    this.history.finish(process, 'ok', value)
    if (read !== null) this.#noteVersion(key, startUs, read.version, 'read')
    return read === null || value === null ? null : { value, version: read.version }
  }

  /** Versions grow in real time: above (a change) or not below all that was known before the call. */
  #noteVersion(key: string, startUs: number, version: string, how: 'changed' | 'read'): void {
    const known = this.#versions.get(key) ?? []
    this.#versions.set(key, known)
    for (const before of known.slice(-VERSIONS_LOOKED_AT)) {
      if (before.atUs >= startUs) continue
      const isGood = how === 'changed' ? version > before.version : version >= before.version
      if (!isGood) {
        throw new SimulationError(`${key}: version ${version} after ${before.version} (${how})`)
      }
    }
    known.push({ atUs: this.#stage.nowUs, version })
  }

  #on<T>(run: (reg: RegApi) => Promise<T>): Promise<Answer<T>> {
    return this.#stage.ask(this.#random, run)
  }
}

/**
 * Changes of unknown outcome whose value nobody ever met: they may as well not have happened, and
 * each would double the search. To leave one out makes no history look better than it is.
 */
function withoutUnseen(operations: readonly Operation[]): Operation[] {
  const met = new Set<unknown>()
  for (const { f, value, outcome } of operations) {
    if (f === 'read' && outcome === 'ok') met.add(value)
    if (f === 'cas' && Array.isArray(value)) met.add(value[0])
  }
  return operations.filter(({ f, value, outcome }) => {
    if (outcome !== 'info' || f === 'read') return true
    const made: unknown = Array.isArray(value) ? value[1] : value
    return made === null || met.has(made)
  })
}

/** All that clients write is text. */
function textOf(value: Value): string {
  if (typeof value === 'string') return value
  throw new SimulationError('a register holds what nobody wrote')
}

function storyOf(key: string, why: string, operations: readonly Operation[]): string {
  return [`register ${key}: ${why}`, ...operations.map((one) => JSON.stringify(one))].join('\n')
}
