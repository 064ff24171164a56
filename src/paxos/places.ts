/**
 * Places of keys, with the partitions of those used last at hand: which one a key lies in never
 * changes while their number is the same, and to find it costs a hash.
 */
import type { Topology } from '../topology/topology.ts'
import { type Place, placeIn, placeOf } from './place.ts'
import { RecentMap } from '../base/recent-map.ts'

const KEYS_MAX = 16_384

export class Places {
  #count = 0
  /** By key; of a number of partitions. */
  #partitions = new RecentMap<number>(KEYS_MAX)

  of(topology: Topology, key: string): Place {
    const count = topology.partitions.length
    if (count !== this.#count) {
      this.#count = count
      this.#partitions = new RecentMap(KEYS_MAX)
    }
    const known = this.#partitions.get(key)
    if (known !== undefined) return placeIn(topology, key, known)
    const place = placeOf(topology, key)
    this.#partitions.set(key, place.partition)
    return place
  }
}
