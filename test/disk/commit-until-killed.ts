/**
 * A process that commits to the directory it is given until somebody kills it, in several lanes at
 * once, and says of each commit that it was acknowledged: one line, "LANE NUMBER".
 */
import { writeSync } from 'node:fs'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { silentLog } from '../../src/adapters/system-log.ts'
import { openSystemStorage } from '../../src/adapters/system-storage.ts'
import { DATABASE_LIMITS } from '../../src/disk/limits.ts'
import { openDatabase } from '../../src/disk/log-database.ts'

const LANES = 8
const [, , directory = '', first = '0'] = process.argv

const storage = await openSystemStorage(directory)
// Small, so that checkpoints are under way whenever the end comes.
const limits = { ...DATABASE_LIMITS, tableBytes: 20_000 }
const clock = new SystemClock()
const database = await openDatabase({ storage, clock, log: silentLog, limits })

async function lane(name: number): Promise<never> {
  for (let i = Number(first); ; i++) {
    const value = Buffer.from(`${i}`.padEnd(200, '.'))
    await database.commit([
      { key: `lane/${name}/${i % 50}`, value },
      { key: `last/${name}`, value },
    ])
    // Not buffered: what was said is out, whenever the end comes.
    writeSync(1, `${name} ${i}\n`)
  }
}

await Promise.all(Array.from({ length: LANES }, (_, name) => lane(name)))
