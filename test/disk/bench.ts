/** A database on a simulated disk under a clock that the test moves. */
import type { Database, Write } from '../../src/disk/database.ts'
import { DATABASE_LIMITS, type DatabaseLimits } from '../../src/disk/limits.ts'
import { openDatabase } from '../../src/disk/log-database.ts'
import type { Storage } from '../../src/seams/storage.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { ManualClock } from './manual-clock.ts'
import { SpyStorage } from './spy-storage.ts'

/** Small, so that a test meets them. */
export const LIMITS: DatabaseLimits = { ...DATABASE_LIMITS, tableBytes: 2_000, retryMs: 50 }

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (of: Uint8Array | undefined): string | undefined =>
  of && new TextDecoder().decode(of)

export function put(key: string, value: string | null): Write {
  return { key, value: value === null ? null : bytes(value) }
}

export class Bench {
  readonly clock = new ManualClock()
  readonly disk: SimDisk
  /** What the databases asked of the disk, in order. */
  readonly asked: string[] = []
  /** Keys that the index does not find. */
  readonly hidden = new Set<string>()
  /** Names of the lines that the databases logged. */
  readonly logged: string[] = []
  readonly #limits: DatabaseLimits

  constructor(seed: string, limits: Partial<DatabaseLimits> = {}) {
    this.disk = new SimDisk(new SimRandom(seed))
    this.#limits = { ...LIMITS, ...limits }
  }

  async storage(): Promise<Storage> {
    const after = (delayMs: number, run: () => void) => void this.clock.after(delayMs, run)
    return new SpyStorage(await this.disk.open('data', after), this.asked, this.hidden)
  }

  async open(): Promise<Database> {
    const log = {
      allows: () => true,
      write: (_: string, event: string) => void this.logged.push(event),
    }
    const options = { clock: this.clock, log, limits: this.#limits }
    const storage = await this.storage()
    return this.clock.drive(openDatabase({ storage, ...options }))
  }

  /** Opens the disk of a process that is gone. */
  reopen(): Promise<Database> {
    this.disk.crash()
    return this.open()
  }

  async put(database: Database, entries: Record<string, string | null>): Promise<void> {
    const writes = Object.entries(entries).map(([key, value]) => put(key, value))
    await this.clock.drive(database.commit(writes))
  }

  async close(database: Database): Promise<void> {
    await this.clock.drive(database.close())
    this.disk.crash()
  }

  async all(database: Database): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    const scan = async () => {
      for await (const [key, value] of database.scan({ from: '' })) found[key] = text(value) ?? ''
    }
    await this.clock.drive(scan())
    return found
  }

  /** Names of the segments of the log, oldest first. */
  segments(): string[] {
    return this.disk
      .fileNames()
      .filter((name) => name.startsWith('log-'))
      .sort()
  }

  lastSegment(): string {
    return this.segments().at(-1) ?? ''
  }

  sizeOf(name: string): number {
    return this.disk.fileBytes(name)?.length ?? 0
  }
}
