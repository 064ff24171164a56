/**
 * Whose turn it is when nothing calls for a comparison: the peer, and of partitions that differ those
 * that were looked into longest ago. So all of them are, in a time that can be told, also where
 * everything differs each time because everything is always being written.
 */
import type { StorageId } from '../../base/ids.ts'

export class Looks {
  /** Grows with each look. */
  #time = 0
  /** When a round was with each peer; of those that were among the peers then. */
  #rounds = new Map<StorageId, number>()
  /** When each partition was looked into with each peer; of those that are shared with it. */
  readonly #looks = new Map<StorageId, Map<number, number>>()

  /** The peer of the next round; ties go to the first. null: there is none. */
  nextPeer(shared: ReadonlyMap<StorageId, readonly number[]>, ids: readonly StorageId[]) {
    const rounds = new Map([...this.#rounds].filter(([id]) => shared.has(id)))
    this.#rounds = rounds
    for (const [id, looks] of this.#looks) {
      const partitions = new Set(shared.get(id))
      for (const partition of looks.keys()) {
        if (!partitions.has(partition)) looks.delete(partition)
      }
      if (looks.size === 0) this.#looks.delete(id)
    }
    const [next = null] = ids.toSorted((a, b) => (rounds.get(a) ?? 0) - (rounds.get(b) ?? 0))
    if (next !== null) rounds.set(next, ++this.#time)
    return next
  }

  looked(id: StorageId, partition: number): void {
    const looks = this.#looks.get(id) ?? new Map<number, number>()
    this.#looks.set(id, looks.set(partition, ++this.#time))
  }

  /** Ties stay as they are. */
  longestAgoFirst<T extends { readonly partition: number }>(
    id: StorageId,
    items: readonly T[],
  ): T[] {
    const looks = this.#looks.get(id)
    const timeOf = ({ partition }: T): number => looks?.get(partition) ?? 0
    return items.toSorted((a, b) => timeOf(a) - timeOf(b))
  }
}
