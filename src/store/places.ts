/** Places of keys by a topology, with the partitions of those used last at hand. */
import { KeyPartitions } from '../kad/key-partitions.ts'
import type { Topology } from '../topology/topology.ts'
import { type Place, placeIn } from './place.ts'

export class Places {
  readonly #partitions = new KeyPartitions()

  of(topology: Topology, key: string): Place {
    return placeIn(topology, key, this.#partitions.of(key, topology.partitions.length))
  }
}
