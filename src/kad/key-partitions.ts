/**
 * The partitions of the keys used last, at hand: which one a key lies in never changes while their
 * number is the same, and to find it costs a hash.
 */
import { RecentMap } from '../base/recent-map.ts'
import { kadIdOfKey } from './node-id.ts'
import { partitionOf } from './partition.ts'

export const KEYS_MAX = 16_384

export class KeyPartitions {
  #count = 0
  /** By key; of a number of partitions. */
  #partitions = new RecentMap<number>(KEYS_MAX)

  get size(): number {
    return this.#partitions.size
  }

  /** `count`: how many partitions there are. */
  of(key: string, count: number): number {
    if (count !== this.#count) {
      this.#count = count
      this.#partitions = new RecentMap(KEYS_MAX)
    }
    const known = this.#partitions.get(key)
    if (known !== undefined) return known
    const partition = partitionOf(kadIdOfKey(key), count)
    this.#partitions.set(key, partition)
    return partition
  }
}
