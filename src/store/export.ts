/**
 * What the store hands over to a recovery: of each key the join of what the surviving replicas hold,
 * as they would have become of each other. A disk that missed a deletion brings nothing back that
 * another knows to be replaced.
 */
import { AtollError } from '../base/errors.ts'
import type { Database, Write } from '../disk/database.ts'
import { WireError } from '../wire/codec.ts'
import { joinRecords } from './merge.ts'
import { STORE_RANGE } from './place.ts'
import { decodeRecord, EMPTY_RECORD, encodeRecord, type StoreRecord } from './record.ts'

interface Survivor {
  readonly directory: string
  readonly database: Database
}

const BATCH_BYTES = 1024 * 1024
const BATCH_ITEMS = 256

/** See node/recover/exporter.ts. Partitions must be as many as before: keys lie in them. */
export const keyExporter = {
  what: 'keys',

  async run(sources: readonly Survivor[], _newest: unknown, into: Database): Promise<number> {
    let keys = 0
    let writes: Write[] = []
    let bytes = 0
    for (const { directory, database } of sources) {
      for await (const [key, stored] of database.scan(STORE_RANGE)) {
        const known = into.latest(key)
        if (known === undefined) keys++
        const before = known === undefined ? EMPTY_RECORD : decodeRecord(known)
        const value = encodeRecord(joinRecords(before, recordOf(stored, directory)))
        writes.push({ key, value })
        bytes += value.length
        if (bytes < BATCH_BYTES && writes.length < BATCH_ITEMS) continue
        await into.commit(writes)
        writes = []
        bytes = 0
      }
      // The next disk's entries are joined with these.
      await into.commit(writes)
      writes = []
      bytes = 0
    }
    return keys
  },
}

function recordOf(stored: Uint8Array, directory: string): StoreRecord {
  try {
    return decodeRecord(stored)
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause
    throw new AtollError('DISK_DAMAGED', `${directory}: an entry of the store cannot be read`, {
      hint: 'leave this directory out, if the others have what it has',
      cause,
    })
  }
}
