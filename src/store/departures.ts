/**
 * Which partitions this disk has ever deleted because they moved elsewhere.
 *
 * A coordinator's vector covers every earlier write of its own disk to the key, so it must hold
 * them all. A disk that receives a partition for the first time has made none there. One that made
 * some and deleted them since must wait until the movement back to it is complete.
 */
import type { StorageId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import type { Place } from './place.ts'

const PREFIX = 'store/left/'
const EVERYTHING = `${PREFIX}all`
const MARK = new Uint8Array([1])

/** To be durable before a node that left its cluster deletes what it held there. */
export function leftEverything(): Write {
  return { key: EVERYTHING, value: MARK }
}

export class Departures {
  readonly #database: Database
  readonly #self: StorageId

  constructor(database: Database, self: StorageId) {
    this.#database = database
    this.#self = self
  }

  /** To be durable before the first entry is deleted. At most one a partition, kept for good. */
  left(partition: number): Write {
    return { key: PREFIX + partition, value: MARK }
  }

  mayCoordinate({ partition, targets, installed }: Place): boolean {
    if (installed.includes(this.#self)) return true
    const marks = [PREFIX + partition, EVERYTHING]
    const hasLeft = marks.some((key) => this.#database.get(key) !== undefined)
    return targets.includes(this.#self) && !hasLeft
  }
}
