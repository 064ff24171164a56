/**
 * Fingerprints: 48 bits that are equal when two replicas hold equal entries. That of a partition
 * is the sum of those of its entries, made by a scan when somebody asks and kept until something
 * changes, so an idle cluster compares without reading.
 *
 * They find accidents, not malice: peers are members.
 */
import { hash } from 'node:crypto'
import { concatBytes, utf8 } from '../../base/bytes.ts'
import type { Database } from '../../disk/database.ts'
import { partitionEnd, partitionPrefix, userKey } from '../place.ts'

const LIMIT = 2 ** 48

/** Of one entry: a key and the bytes of its record. */
export function entryFingerprint(key: string, record: Uint8Array): number {
  return hash('sha1', concatBytes([utf8(key), record]), 'buffer').readUIntBE(0, 6)
}

export class Fingerprints {
  readonly #database: Database
  /** At most one entry a partition. */
  readonly #known = new Map<number, number>()
  /** Grows with every change, so that a scan that was overtaken is not believed. */
  readonly #changes = new Map<number, number>()

  constructor(database: Database) {
    this.#database = database
  }

  changed(partition: number): void {
    this.#known.delete(partition)
    this.#changes.set(partition, (this.#changes.get(partition) ?? 0) + 1)
  }

  async of(partition: number): Promise<number> {
    const known = this.#known.get(partition)
    if (known !== undefined) return known
    const changes = this.#changes.get(partition)
    let sum = 0
    const range = { from: partitionPrefix(partition), to: partitionEnd(partition) }
    for await (const [stored, record] of this.#database.scan(range)) {
      sum = (sum + entryFingerprint(userKey(stored), record)) % LIMIT
    }
    if (this.#changes.get(partition) === changes) this.#known.set(partition, sum)
    return sum
  }
}
