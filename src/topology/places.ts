/** Places of keys by a topology, with the partitions of those used last at hand. */
import { KeyPartitions } from '../kad/key-partitions.ts'
import type { Topology } from './topology.ts'

/** What the store or the registers make of a key's partition. */
export type PlaceIn<Place> = (topology: Topology, key: string, partition: number) => Place

export class Places<Place> {
  readonly #partitions = new KeyPartitions()
  readonly #placeIn: PlaceIn<Place>

  constructor(placeIn: PlaceIn<Place>) {
    this.#placeIn = placeIn
  }

  of(topology: Topology, key: string): Place {
    return this.#placeIn(topology, key, this.#partitions.of(key, topology.partitions.length))
  }
}
