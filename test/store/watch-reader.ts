/** One reader of a watch in a world: what it has been told. */
import assert from 'node:assert/strict'
import type { KvEvent, KvWatchOptions } from '../../src/store/api.ts'
import type { StoreWorld } from './world.ts'

export class WatchReader {
  readonly events: KvEvent[] = []
  readonly #ends = new AbortController()
  readonly #running: Promise<void>
  error: unknown = null
  hasEnded = false

  constructor(watch: (options: KvWatchOptions) => AsyncIterable<KvEvent>, after?: string) {
    const { signal } = this.#ends
    this.#running = this.#read(watch({ signal, ...(after !== undefined && { after }) }))
  }

  /** One that has begun. */
  static async begin(
    world: StoreWorld,
    name: string,
    prefix = '',
    after?: string,
  ): Promise<WatchReader> {
    const reader = WatchReader.start(world, name, prefix, after)
    await world.until(`the watch at ${name} begins`, () => reader.events.length > 0)
    assert.equal(reader.events[0]?.kind, 'begin')
    return reader
  }

  static start(world: StoreWorld, name: string, prefix = '', after?: string): WatchReader {
    return new WatchReader((options) => world.kv(name).watch(prefix, options), after)
  }

  /** Of the last event. */
  get cursor(): string {
    const last = this.events.at(-1)
    assert.ok(last !== undefined, 'nothing was told')
    return last.cursor
  }

  /** Events after `begin`, in short: `put k=v`, `merge k=v,w`, `delete k`, `gap forgotten`. */
  get told(): string[] {
    return this.events.filter(({ kind }) => kind !== 'begin').map(shortly)
  }

  /** Those that were told since the last call. */
  #taken = 0
  take(): string[] {
    const all = this.told
    const fresh = all.slice(this.#taken)
    this.#taken = all.length
    return fresh
  }

  async end(world: StoreWorld): Promise<void> {
    this.#ends.abort()
    await world.drive(this.#running)
  }

  async #read(events: AsyncIterable<KvEvent>): Promise<void> {
    try {
      for await (const event of events) this.events.push(event)
    } catch (error) {
      this.error = error
    }
    this.hasEnded = true
  }
}

export function shortly(event: KvEvent): string {
  if (event.kind === 'begin') return 'begin'
  if (event.kind === 'gap') return `gap ${event.reason}`
  if (!('value' in event)) return `${event.kind} ${event.key}`
  const values = [event.value, ...event.others].map(String)
  return `${event.kind} ${event.key}=${values.join(',')}`
}
