/** Which partitions are to be compared with whom: at most partitions times peers. */
import type { StorageId } from '../../base/ids.ts'

/**
 * called: somebody knows that the peer lacks something, or may. round: nothing calls for it, and it
 * is not insisted on.
 */
export type Cause = 'called' | 'round'

export class Wishes {
  readonly #wanted = new Map<StorageId, Map<number, Cause>>()
  /** Taken out and not done yet. */
  #begun = 0

  get size(): number {
    let size = this.#begun
    for (const partitions of this.#wanted.values()) size += partitions.size
    return size
  }

  peers(): StorageId[] {
    return [...this.#wanted.keys()]
  }

  add(id: StorageId, partitions: Iterable<number>, cause: Cause): void {
    const wanted = this.#wanted.get(id) ?? new Map<number, Cause>()
    for (const partition of partitions) {
      if (cause === 'called' || !wanted.has(partition)) wanted.set(partition, cause)
    }
    if (wanted.size > 0) this.#wanted.set(id, wanted)
  }

  /**
   * Takes out so many with a peer, in order, until `done`. Whatever the peer misses from now on is
   * another wish.
   */
  take(id: StorageId, max: number): Map<number, Cause> {
    const wanted = this.#wanted.get(id) ?? new Map<number, Cause>()
    const taken = new Map([...wanted].slice(0, max).sort(([a], [b]) => a - b))
    for (const partition of taken.keys()) wanted.delete(partition)
    if (wanted.size === 0) this.#wanted.delete(id)
    this.#begun += taken.size
    return taken
  }

  done(count: number): void {
    this.#begun -= count
  }

  forget(id: StorageId): void {
    this.#wanted.delete(id)
  }
}
