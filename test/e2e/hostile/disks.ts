/** What a stopped daemon has of the store, read from its data directory. */
import { SystemClock } from '../../../src/adapters/system-clock.ts'
import { silentLog } from '../../../src/adapters/system-log.ts'
import { openSystemStorage } from '../../../src/adapters/system-storage.ts'
import { readStored, type Stored } from '../../sim/checker/stored.ts'

export async function readDisk(name: string, directory: string): Promise<Stored> {
  // The timers of a node keep no process alive, and nothing else may be under way.
  const alive = setInterval(() => {}, 1000)
  try {
    const storage = await openSystemStorage(directory)
    return await readStored(name, { storage, clock: new SystemClock(), log: silentLog })
  } finally {
    clearInterval(alive)
  }
}
