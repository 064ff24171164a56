/** Some partitions of some disks. */
import type { StorageId } from '../../base/ids.ts'

export class PartitionsByDisk {
  /** None is empty. */
  readonly #byDisk = new Map<StorageId, Set<number>>()

  /** Disks of which it has any. */
  get size(): number {
    return this.#byDisk.size
  }

  [Symbol.iterator](): Iterator<readonly [StorageId, ReadonlySet<number>]> {
    return this.#byDisk[Symbol.iterator]()
  }

  *partitions(): Generator<number, void, undefined> {
    for (const partitions of this.#byDisk.values()) yield* partitions
  }

  has(id: StorageId, partition: number): boolean {
    return this.#byDisk.get(id)?.has(partition) === true
  }

  hasAny(id: StorageId): boolean {
    return this.#byDisk.has(id)
  }

  add(id: StorageId, partitions: readonly number[]): void {
    if (partitions.length === 0) return
    const known = this.#byDisk.get(id) ?? new Set()
    for (const p of partitions) known.add(p)
    this.#byDisk.set(id, known)
  }

  remove(id: StorageId, partitions: readonly number[]): void {
    const known = this.#byDisk.get(id)
    if (known === undefined) return
    for (const p of partitions) known.delete(p)
    if (known.size === 0) this.#byDisk.delete(id)
  }

  removeAll(id: StorageId): void {
    this.#byDisk.delete(id)
  }
}
