/** A database in memory whose commits become durable when the test says so. */
import type { Database, Write } from '../../src/disk/database.ts'
import type { IndexRange } from '../../src/seams/storage.ts'

export class MemoryDatabase implements Database {
  readonly #durable = new Map<string, Uint8Array>()
  readonly #latest = new Map<string, Uint8Array>()
  readonly failed = new Promise<Error>(() => undefined)
  /** Commits wait for `sync` while it is true. */
  held = false
  readonly #waiting: (() => void)[] = []

  get(key: string): Uint8Array | undefined {
    return this.#durable.get(key)
  }

  latest(key: string): Uint8Array | undefined {
    return this.#latest.get(key)
  }

  commit(writes: readonly Write[]): Promise<void> {
    apply(this.#latest, writes)
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        apply(this.#durable, writes)
        resolve()
      })
      if (!this.held) this.sync()
    })
  }

  sync(): void {
    for (const finish of this.#waiting.splice(0)) finish()
  }

  /** Power loss: what was not durable is gone, and whoever waits for it waits for ever. */
  crash(): void {
    this.#waiting.length = 0
    this.#latest.clear()
    for (const [key, value] of this.#durable) this.#latest.set(key, value)
  }

  async *scan(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    const keys = [...this.#durable.keys()].sort()
    for (const key of keys) {
      const value = this.#durable.get(key)
      if (key < range.from || value === undefined) continue
      if (range.to === undefined || key < range.to) yield [key, value]
    }
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

function apply(table: Map<string, Uint8Array>, writes: readonly Write[]): void {
  for (const { key, value } of writes) {
    if (value === null) table.delete(key)
    else table.set(key, value)
  }
}
