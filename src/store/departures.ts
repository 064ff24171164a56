/**
 * Under which name this disk makes writes of a partition.
 *
 * A coordinator's vector covers every earlier write of its own name to the key, so it must hold
 * them all. A disk that deleted a partition holds them no more, and nobody can tell when it has
 * been given all of them back: after each departure it writes under a new name, of which there are
 * none yet (Riak's actor epochs). A record that is damaged is gone like one that was deleted: who
 * replaces it leaves the name of its partition behind.
 */
import type { StorageId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'

const PREFIX = 'store/left/'

export class Departures {
  readonly #database: Database
  readonly #self: StorageId
  /** Partitions that were never left. What is on its way to the disk is always looked up. */
  readonly #never = new Set<number>()

  constructor(database: Database, self: StorageId) {
    this.#database = database
    this.#self = self
  }

  /** Commit it in this very turn, with the first entry that is deleted or replaced, or before that. */
  left(partition: number): Write {
    const value = new WireWriter().uint(this.#count(partition) + 1).finish()
    this.#never.delete(partition)
    return { key: PREFIX + partition, value }
  }

  /**
   * To be read in the turn in which `latest` is: what is deleted there is counted here. `isAnew`:
   * `left` is committed with the write itself.
   */
  actorOf(partition: number, isAnew = false): string {
    const count = this.#count(partition) + Number(isAnew)
    return count > 0 ? `${this.#self}.${count}` : this.#self
  }

  #count(partition: number): number {
    if (this.#never.has(partition)) return 0
    const stored = this.#database.latest(PREFIX + partition)
    if (stored !== undefined) return new WireReader(stored).uint()
    this.#never.add(partition)
    return 0
  }
}
