/** What stopped daemons have of the store, read from their data directories. */
import { SystemClock } from '../../../src/adapters/system-clock.ts'
import { silentLog } from '../../../src/adapters/system-log.ts'
import { openSystemStorage } from '../../../src/adapters/system-storage.ts'
import { openDatabase } from '../../../src/disk/log-database.ts'
import { STORE_RANGE } from '../../../src/store/place.ts'
import { storedTopology } from '../../../src/topology/stored-topology.ts'
import type { Topology } from '../../../src/topology/topology.ts'

export interface Disk {
  readonly name: string
  readonly topology: Topology
  /** Records by their name in the database. */
  readonly records: ReadonlyMap<string, Uint8Array>
}

export async function readDisk(name: string, directory: string): Promise<Disk> {
  const clock = new SystemClock()
  // The timers of a node keep no process alive, and nothing else may be under way.
  const alive = setInterval(() => {}, 1000)
  const storage = await openSystemStorage(directory)
  const database = await openDatabase({ storage, clock, log: silentLog })
  try {
    const stored = storedTopology(database)
    if (stored === null) throw new Error(`${name} has no topology`)
    const records = new Map<string, Uint8Array>()
    for await (const [key, record] of database.scan(STORE_RANGE)) records.set(key, record)
    return { name, topology: stored.topology, records }
  } finally {
    await database.close()
    await storage.close()
    clearInterval(alive)
  }
}
