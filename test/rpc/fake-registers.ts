/** Registers in memory, for the tests of socket and command line: versions are `v1`, `v2`, … */
import { AtollError } from '../../src/base/errors.ts'
import type {
  CallOptions,
  RegApi,
  RegEvent,
  RegRead,
  RegSetOptions,
  RegWritten,
  Value,
} from '../../src/node/api.ts'
import { updateRegister } from '../../src/paxos/update.ts'

export class FakeRegisters implements RegApi {
  readonly registers = new Map<string, RegRead>()
  /** What `watch` tells after the register as it is; then it waits for the signal. */
  changes: Iterable<RegEvent> | AsyncIterable<RegEvent> = []
  readonly #enter: (options: CallOptions | undefined) => Promise<void>
  #version = 0

  /** `enter` is passed by every call before it does anything. */
  constructor(enter: (options: CallOptions | undefined) => Promise<void>) {
    this.#enter = enter
  }

  async get(key: string, options?: CallOptions): Promise<RegRead | null> {
    await this.#enter(options)
    return this.registers.get(key) ?? null
  }

  async set(key: string, value: Value, options: RegSetOptions = {}): Promise<RegWritten> {
    await this.#enter(options)
    this.#check(key, options)
    const version = this.#next()
    this.registers.set(key, { key, value, version })
    return { key, version }
  }

  cas(key: string, value: Value, options: RegSetOptions): Promise<RegWritten> {
    if (options.ifVersion !== undefined || options.ifAbsent === true) {
      return this.set(key, value, options)
    }
    return Promise.reject(new AtollError('USAGE', 'cas needs ifVersion or ifAbsent'))
  }

  async del(key: string, options: RegSetOptions = {}): Promise<RegWritten> {
    await this.#enter(options)
    this.#check(key, options)
    return { key, version: this.registers.delete(key) ? this.#next() : '' }
  }

  async incr(key: string, by = 1, options: CallOptions = {}) {
    await this.#enter(options)
    const before = this.registers.get(key)?.value ?? 0
    if (typeof before !== 'number') throw new AtollError('CONFLICT', `"${key}" holds no number`)
    const version = this.#next()
    this.registers.set(key, { key, value: before + by, version })
    return { key, value: before + by, version }
  }

  update(...args: Parameters<RegApi['update']>): Promise<RegRead | null> {
    return updateRegister(this, () => performance.now(), ...args)
  }

  async ls(
    prefix: string,
    options: CallOptions & { readonly after?: string; readonly limit?: number } = {},
  ) {
    await this.#enter(options)
    const { after = '', limit = 1000 } = options
    const keys = [...this.registers.keys()].filter((k) => k.startsWith(prefix) && k > after).sort()
    const entries = keys.slice(0, limit).flatMap((k) => this.registers.get(k) ?? [])
    return { entries, next: keys.length > limit ? (entries.at(-1)?.key ?? null) : null }
  }

  async *watch(
    key: string,
    options: { readonly after?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<RegEvent, void, undefined> {
    const { after, signal } = options
    await this.#enter(signal === undefined ? {} : { signal })
    const read = this.registers.get(key)
    if (read === undefined) yield { kind: 'absent', key, version: 'v0' }
    else if (read.version !== after) yield { kind: 'value', ...read }
    yield* this.changes
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve()
      signal?.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #check(key: string, { ifVersion, ifAbsent }: RegSetOptions): void {
    const version = this.registers.get(key)?.version ?? ''
    if (ifVersion === undefined && ifAbsent !== true) return
    if (version === (ifVersion ?? '')) return
    const what = version === '' ? 'there is no value' : `current version is ${version}`
    throw new AtollError('CONFLICT', what, { version })
  }

  #next(): string {
    this.#version++
    return `v${this.#version}`
  }
}
