/**
 * Under which name this disk makes writes of a partition.
 *
 * A coordinator's vector covers every earlier write of its own name to the key, so it must hold
 * them all. A disk that deleted a partition holds them no more, and nobody can tell when it has
 * been given all of them back: after each departure it writes under a new name, of which there are
 * none yet (Riak's actor epochs).
 */
import type { StorageId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'

const PREFIX = 'store/left/'
const EVERYTHING = `${PREFIX}all`

/** To be durable before a node that left its cluster deletes what it held there. */
export function leftEverything(database: Database): Write {
  return departure(database, EVERYTHING)
}

export class Departures {
  readonly #database: Database
  readonly #self: StorageId

  constructor(database: Database, self: StorageId) {
    this.#database = database
    this.#self = self
  }

  /** To be durable before the first entry is deleted. */
  left(partition: number): Write {
    return departure(this.#database, PREFIX + partition)
  }

  /** To be read in the turn in which `latest` is: what is deleted there is counted here. */
  actorOf(partition: number): string {
    const counts = [EVERYTHING, PREFIX + partition].map((key) => countOf(this.#database, key))
    return counts.some((count) => count > 0) ? `${this.#self}.${counts.join('.')}` : this.#self
  }
}

function departure(database: Database, key: string): Write {
  return { key, value: new WireWriter().uint(countOf(database, key) + 1).finish() }
}

function countOf(database: Database, key: string): number {
  const stored = database.latest(key)
  return stored === undefined ? 0 : new WireReader(stored).uint()
}
