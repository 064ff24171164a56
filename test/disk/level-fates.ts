/**
 * A process that opens one directory after the other and says what became of each, one line:
 * 'refused', 'ended' or 'unharmed'. A process of its own, since LevelDB aborts on some damage.
 */
import { writeSync } from 'node:fs'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { silentLog } from '../../src/adapters/system-log.ts'
import { openSystemStorage } from '../../src/adapters/system-storage.ts'
import { isAtollError } from '../../src/base/errors.ts'
import type { Database } from '../../src/disk/database.ts'
import { DATABASE_LIMITS } from '../../src/disk/limits.ts'
import { openDatabase } from '../../src/disk/log-database.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { put } from './bench.ts'

const DEADLINE_MS = 10_000
const ENTRIES = 400

async function withDatabase<T>(
  directory: string,
  body: (database: Database) => Promise<T>,
): Promise<T> {
  const storage = await openSystemStorage(directory)
  try {
    const limits = { ...DATABASE_LIMITS, tableBytes: 8_000 }
    const options = { storage, clock: new SystemClock(), log: silentLog, limits }
    const database = await openDatabase(options)
    try {
      return await body(database)
    } finally {
      await database.close()
    }
  } finally {
    await storage.close()
  }
}

/** Not to be compressed away, and the same each time. */
function valueOf(pass: number, i: number): string {
  return Buffer.from(new SimRandom(`${pass}/${i}`).bytes(120)).toString('base64')
}

/** The second pass moves what the first one wrote from LevelDB's log to a table of its own. */
async function fill(directory: string): Promise<void> {
  for (const pass of [0, 1]) {
    await withDatabase(directory, async (database) => {
      for (let i = 0; i < ENTRIES; i += 10) {
        const keys = Array.from({ length: 10 }, (_, j) => i + j)
        await database.commit(keys.map((key) => put(`k${1000 + key}`, valueOf(pass, key))))
      }
    })
  }
}

async function isWhole(database: Database): Promise<boolean> {
  let count = 0
  for await (const [key, value] of database.scan({ from: '' })) {
    if (new TextDecoder().decode(value) !== valueOf(1, Number(key.slice(1)) - 1000)) return false
    if (database.get(key)?.length !== value.length) return false
    count++
  }
  return count === ENTRIES
}

async function fateOf(database: Database): Promise<string> {
  try {
    if (await isWhole(database)) return 'unharmed'
  } catch (error) {
    if (isLoud(error)) return 'ended'
    throw error
  }
  // Entries are gone, or old ones are back, and nothing was said so far.
  const { promise: late, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(() => resolve('never noticed'), DEADLINE_MS)
  const ended = database.failed.then((error) => (isLoud(error) ? 'noticed' : String(error)))
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
}

/** LevelDB calls a table that was cut short a failed read. */
function isLoud(error: unknown): boolean {
  return isAtollError(error, 'DISK_DAMAGED') || isAtollError(error, 'STORAGE_FAILED')
}

const [, , command, ...directories] = process.argv
// The system's clock keeps no process alive.
const holder = setInterval(() => undefined, 1000)
if (command === 'fill') await fill(directories[0] ?? '')
else {
  for (const directory of directories) {
    const fate = await withDatabase(directory, fateOf).catch((error: unknown) =>
      isLoud(error) ? 'refused' : String(error),
    )
    writeSync(1, `${fate}\n`)
  }
}
clearInterval(holder)
