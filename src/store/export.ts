/**
 * What the store hands over to a recovery: of each key the join of what the surviving replicas hold,
 * as they would have become of each other. A disk that missed a deletion brings nothing back that
 * another knows to be replaced.
 */
import { AtollError } from '../base/errors.ts'
import type { Database } from '../disk/database.ts'
import { WriteBatches } from '../disk/write-batches.ts'
import { WireError } from '../wire/codec.ts'
import { rowChanges } from './collect/index-rows.ts'
import { joinRecords } from './merge.ts'
import { partitionIn, STORE_RANGE, userKey } from './place.ts'
import { decodeRecord, EMPTY_RECORD, encodeRecord, type StoreRecord } from './record.ts'

interface Survivor {
  readonly directory: string
  readonly database: Database
}

/** See node/recover/exporter.ts. Partitions must be as many as before: keys lie in them. */
export const keyExporter = {
  what: 'keys',

  async run(
    sources: readonly Survivor[],
    _newest: unknown,
    { database: into }: { readonly database: Database },
  ): Promise<number> {
    let keys = 0
    const batches = new WriteBatches(into)
    for (const { directory, database } of sources) {
      for await (const [key, stored] of database.scan(STORE_RANGE)) {
        const known = into.latest(key)
        if (known === undefined) keys++
        const before = known === undefined ? null : decodeRecord(known)
        const record = joinRecords(before ?? EMPTY_RECORD, recordOf(stored, directory))
        await batches.add({ key, value: encodeRecord(record) })
        const rows = rowChanges(partitionIn(key), userKey(key), before, record)
        for (const row of rows) await batches.add(row)
      }
      // The next disk's entries are joined with these.
      await batches.flush()
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
