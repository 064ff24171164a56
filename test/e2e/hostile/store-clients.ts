/**
 * Clients of the store that know what they were promised. Each value is written once, and a key is
 * changed by one client of a side at a time, so that of each side's changes the last acknowledged
 * one must be there at the end, unless one after it, whose outcome is not known, took its place.
 */
import { AtollError } from '../../../src/base/errors.ts'
import type { ConnectedNode } from '../../../src/client.ts'

/** What one side knows of a key. */
interface Promised {
  /** Of the last acknowledged change; null: a deletion. */
  readonly value: string | null
  readonly context: string
  /** Values of changes after it that nobody knows the outcome of. */
  readonly doubtful: readonly (string | null)[]
}

export class StoreClients {
  /** By key. */
  readonly #promised = new Map<string, Promised>()
  readonly #side: string
  #values = 0
  acknowledged = 0
  partial = 0
  unknown = 0
  refused = 0
  longestMs = 0

  constructor(side: string) {
    this.#side = side
  }

  get keys(): Iterable<string> {
    return this.#promised.keys()
  }

  /** Blindly, as most people write. */
  async put(node: ConnectedNode, key: string): Promise<void> {
    const value = this.#newValue()
    await this.#change(key, value, () => node.kv.put(key, value))
  }

  /** Replaces what this side wrote last, perhaps through another daemon. */
  async replace(node: ConnectedNode, key: string, isDelete: boolean): Promise<void> {
    const known = this.#promised.get(key)
    const context = known === undefined ? {} : { context: known.context }
    const value = isDelete ? null : this.#newValue()
    await this.#change(key, value, () =>
      value === null ? node.kv.del(key, context) : node.kv.put(key, value, context),
    )
  }

  get summary(): string {
    const { acknowledged, partial, unknown, refused } = this
    const counts = `${acknowledged} acknowledged (${partial} of them partial)`
    const longest = `longest ${Math.round(this.longestMs)} ms`
    return `${this.#side}: ${counts}, ${unknown} unknown, ${refused} refused, ${longest}`
  }

  /** Why what a key has now is not what was promised; null: it is. */
  fault(key: string, values: readonly string[]): string | null {
    const promised = this.#promised.get(key)
    if (promised === undefined) return null
    const own = values.filter((value) => value.startsWith(`${this.#side}-`))
    const mayBe = [promised.value, ...promised.doubtful]
    const isThere = mayBe.some((value) => (value === null ? own.length === 0 : own.includes(value)))
    if (isThere) return null
    return `${String(promised.value)} is lost; there is [${values.join()}]`
  }

  #newValue(): string {
    this.#values++
    return `${this.#side}-${this.#values}-${'x'.repeat(80)}`
  }

  async #change(
    key: string,
    value: string | null,
    call: () => Promise<{ readonly context: string; readonly partial: boolean }>,
  ): Promise<void> {
    const beganMs = performance.now()
    try {
      const { context, partial } = await call()
      this.#promised.set(key, { value, context, doubtful: [] })
      this.acknowledged++
      if (partial) this.partial++
    } catch (error) {
      if (!(error instanceof AtollError)) throw error
      if (error.outcome === 'not-applied') this.refused++
      else this.#doubt(key, value)
    }
    this.longestMs = Math.max(this.longestMs, performance.now() - beganMs)
  }

  #doubt(key: string, value: string | null): void {
    this.unknown++
    const known = this.#promised.get(key)
    if (known === undefined) return
    this.#promised.set(key, { ...known, doubtful: [...known.doubtful, value] })
  }
}
