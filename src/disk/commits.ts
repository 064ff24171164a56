/**
 * Commits that are not durable yet: the group that gathers them for the next record of the log, and
 * the newest value of each key that any of them writes.
 */
import type { Write } from './database.ts'

/** The commits of one record: durable together, or not at all. */
export interface Group {
  readonly writes: Write[]
  bytes: number
  readonly durable: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Commits {
  /** By key, the newest value and the group that writes it; bounded by who looks at `bytes`. */
  readonly #newest = new Map<string, { value: Uint8Array | null; group: Group }>()
  #gathering: Group | null = null
  /** Of all that are under way. */
  bytes = 0

  /** Nothing waits for the next record. */
  get isEmpty(): boolean {
    return this.#gathering === null
  }

  /** Undefined: nothing under way writes it. Null: it is being deleted. */
  find(key: string): Uint8Array | null | undefined {
    return this.#newest.get(key)?.value
  }

  add(writes: readonly Write[], bytes: number): Promise<void> {
    this.#gathering ??= newGroup()
    const group = this.#gathering
    for (const write of writes) {
      group.writes.push(write)
      this.#newest.set(write.key, { value: write.value, group })
    }
    group.bytes += bytes
    this.bytes += bytes
    return group.durable
  }

  /** Those for the next record; what comes from now on goes into the one after it. */
  take(): Group | null {
    const group = this.#gathering
    this.#gathering = null
    return group
  }

  /** It is durable, and found elsewhere. */
  done(group: Group): void {
    for (const { key } of group.writes) {
      if (this.#newest.get(key)?.group === group) this.#newest.delete(key)
    }
    this.bytes -= group.bytes
  }

  /** All of them, and the one that was taken: those that came later may build on it. */
  drop(error: Error, taken: Group | null): void {
    const gathering = this.take()
    this.#newest.clear()
    this.bytes = 0
    taken?.reject(error)
    gathering?.reject(error)
  }
}

function newGroup(): Group {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Every commit returns this promise; one that nobody awaits must not end the process.
  promise.catch(() => undefined)
  return { writes: [], bytes: 0, durable: promise, resolve, reject }
}
