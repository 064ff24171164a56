/**
 * The database over an append log: commits of one turn of the event loop become one record and
 * share one fdatasync; what is durable sits in a table in memory until a checkpoint writes it to
 * the index and removes the log that carried it.
 *
 *   commit → gathering → (append, fdatasync) → table → (checkpoint) → index
 *
 * `get` sees what is durable; `latest` sees commits under way as well. A failed sync ends the
 * database: nobody can know what the disk kept, and a second sync would lie.
 */
import { compareKeys } from '../base/bytes.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { IndexRange, Storage } from '../seams/storage.ts'
import { AppendLog } from './append-log.ts'
import { CheckedIndex } from './checked-index.ts'
import type { Database, Write } from './database.ts'
import { checkFormat } from './format.ts'
import { writeBytesMax } from './log-record.ts'
import { Table } from './table.ts'

export interface DatabaseLimits {
  /** The table is written to the index once it holds more than this. */
  readonly tableBytes: number
  /** Commits beyond this many bytes not yet durable are refused with BUSY. */
  readonly pendingBytes: number
  /** One commit may not be larger. */
  readonly commitBytes: number
  /** How soon a checkpoint that met a full disk is tried again. */
  readonly retryMs: number
}

export const DATABASE_LIMITS: DatabaseLimits = {
  tableBytes: 4 * 1024 * 1024,
  pendingBytes: 32 * 1024 * 1024,
  commitBytes: 8 * 1024 * 1024,
  retryMs: 5_000,
}
/** While the index cannot be written the table may grow to this many times its bound. */
const TABLE_OVERFLOW = 8
/** Entries of one unsynced index batch: short enough not to stall the event loop. */
const CHECKPOINT_BATCH = 256

export interface DatabaseOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Log
  readonly limits?: DatabaseLimits
}

interface Group {
  readonly writes: Write[]
  bytes: number
  readonly durable: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** Recovers and opens. Rejects with DISK_DAMAGED, FORMAT_UNKNOWN, or what the storage says. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  await checkFormat(options.storage)
  const index = await CheckedIndex.open(options.storage)
  const table = new Table()
  let bytes = 0
  const log = await AppendLog.open(options.storage, index.applied, ({ writes }) => {
    for (const write of writes) {
      table.set(write.key, write.value)
      bytes += writeBytesMax(write)
    }
  })
  return new LogDatabase(options, log, index, table, bytes)
}

class LogDatabase implements Database {
  readonly failed: Promise<Error>
  readonly #clock: Clock
  readonly #log: Log
  readonly #limits: DatabaseLimits
  readonly #appendLog: AppendLog
  readonly #index: CheckedIndex
  /** Durable, not yet in the index; bounded by `tableBytes`, and its overflow on a full disk. */
  #table: Table
  #tableBytes: number
  /** The table that a checkpoint is writing to the index right now. */
  #frozen: Table | null = null
  /** Newest value of each key with a commit under way, and how many are; bounded by `pendingBytes`. */
  readonly #pending = new Map<string, { value: Uint8Array | null; group: Group }>()
  #pendingBytes = 0
  #gathering: Group | null = null
  #flushing: Promise<void> | null = null
  #checkpoint: Promise<void> | null = null
  #retry: Timer | null = null
  #ended: Error | null = null
  #closing = false
  #fail: (error: Error) => void = () => {}

  constructor(
    { clock, log, limits }: DatabaseOptions,
    appendLog: AppendLog,
    index: CheckedIndex,
    table: Table,
    tableBytes: number,
  ) {
    this.#clock = clock
    this.#log = log
    this.#limits = limits ?? DATABASE_LIMITS
    this.#appendLog = appendLog
    this.#index = index
    this.#table = table
    this.#tableBytes = tableBytes
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
  }

  get(key: string): Uint8Array | undefined {
    if (this.#ended !== null) throw this.#ended
    const recent = this.#table.get(key) ?? (this.#table.has(key) ? null : this.#frozen?.get(key))
    if (recent !== undefined) return recent ?? undefined
    return this.#guarded(() => this.#index.get(key))
  }

  latest(key: string): Uint8Array | undefined {
    const pending = this.#pending.get(key)
    return pending === undefined ? this.get(key) : (pending.value ?? undefined)
  }

  commit(writes: readonly Write[]): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    if (this.#closing) return Promise.reject(new AtollError('STOPPED', 'the node is stopping'))
    let bytes = 0
    for (const write of writes) bytes += writeBytesMax(write)
    const refusal = this.#refusal(bytes)
    if (refusal !== null) return Promise.reject(refusal)
    const group = this.#gather()
    for (const write of writes) {
      group.writes.push(write)
      this.#pending.set(write.key, { value: write.value, group })
    }
    group.bytes += bytes
    this.#pendingBytes += bytes
    return group.durable
  }

  #refusal(bytes: number): AtollError | null {
    const { commitBytes, pendingBytes, tableBytes } = this.#limits
    if (bytes > commitBytes) {
      return new AtollError('TOO_LARGE', `a commit of ${bytes} bytes is over ${commitBytes}`)
    }
    if (this.#pendingBytes + bytes > pendingBytes) {
      return new AtollError('BUSY', 'the disk is behind: too much waits for it')
    }
    if (this.#tableBytes > tableBytes * TABLE_OVERFLOW) {
      return new AtollError('DISK_FULL', 'the index cannot be written', {
        hint: 'free space on the data disk',
      })
    }
    return null
  }

  #gather(): Group {
    if (this.#gathering !== null) return this.#gathering
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // Every commit returns this promise; one that nobody awaits must not end the process.
    promise.catch(() => undefined)
    this.#gathering = { writes: [], bytes: 0, durable: promise, resolve, reject }
    if (this.#flushing === null) this.#clock.soon(() => this.#startFlush())
    return this.#gathering
  }

  #startFlush(): void {
    if (this.#flushing !== null || this.#gathering === null || this.#ended !== null) return
    this.#flushing = this.#flush()
  }

  /** Writes group after group until none gathers; a group gathers while the one before syncs. */
  async #flush(): Promise<void> {
    for (let group = this.#gathering; group !== null; group = this.#gathering) {
      this.#gathering = null
      try {
        await this.#appendLog.append(group.writes)
      } catch (error) {
        if (isAtollError(error, 'DISK_FULL')) this.#refuseAll(error, group)
        else this.#end(error, group)
        continue
      }
      this.#publish(group)
      group.resolve()
      if (this.#isCheckpointDue) await this.#beginCheckpoint()
    }
    // In the same step as the look at `#gathering`: a commit after it starts the next flush.
    this.#flushing = null
  }

  #publish(group: Group): void {
    for (const { key, value } of group.writes) {
      this.#table.set(key, value)
      if (this.#pending.get(key)?.group === group) this.#pending.delete(key)
    }
    this.#tableBytes += group.bytes
    this.#pendingBytes -= group.bytes
  }

  /** Later commits may have built on what the refused group held: they are refused with it. */
  #refuseAll(error: Error, group: Group): void {
    this.#log.write('error', 'disk.full', { message: error.message })
    this.#dropPending(error, group)
  }

  #end(cause: unknown, group: Group | null): void {
    if (this.#ended !== null) return
    const error = isAtollError(cause, 'DISK_DAMAGED')
      ? cause
      : new AtollError('STORAGE_FAILED', 'the disk failed; this node has ended', {
          outcome: 'unknown',
          cause,
          hint: 'look at the disk, then start the node again',
        })
    this.#ended = error
    this.#log.write('error', 'disk.failed', { message: String(cause) })
    this.#dropPending(error, group)
    this.#fail(error)
  }

  #dropPending(error: Error, group: Group | null): void {
    const gathering = this.#gathering
    this.#gathering = null
    this.#pending.clear()
    this.#pendingBytes = 0
    group?.reject(error)
    gathering?.reject(error)
  }

  get #isCheckpointDue(): boolean {
    const full = this.#tableBytes > this.#limits.tableBytes
    return full && this.#frozen === null && !this.#closing && this.#ended === null
  }

  /**
   * Between two groups, when nothing is being appended: what the table holds is then exactly what
   * the segments up to here hold.
   */
  async #beginCheckpoint(): Promise<void> {
    try {
      await this.#appendLog.rotate()
    } catch (error) {
      // The segment goes on; the next group finds the checkpoint due again.
      if (!isAtollError(error, 'DISK_FULL')) this.#end(error, null)
      return
    }
    this.#frozen = this.#table
    this.#table = new Table()
    this.#tableBytes = 0
    this.#index.applying = this.#appendLog.sequence
    this.#startCheckpoint(this.#frozen)
  }

  #startCheckpoint(frozen: Table): void {
    this.#checkpoint = this.#runCheckpoint(frozen).finally(() => {
      this.#checkpoint = null
    })
  }

  /**
   * Moves a table into the index. Order is all: the entries, then a synced marker that says up to
   * where the index has everything, and only then the removal of the log before it.
   */
  async #runCheckpoint(frozen: Table): Promise<void> {
    try {
      await this.#index.write(frozen, CHECKPOINT_BATCH)
      this.#frozen = null
      await this.#appendLog.removeThrough(this.#index.applied)
    } catch (error) {
      if (!isAtollError(error, 'DISK_FULL')) return this.#end(error, null)
      this.#log.write('error', 'disk.full', { message: 'the index could not be written' })
      if (this.#closing || this.#frozen === null) return
      this.#retry = this.#clock.after(this.#limits.retryMs, () => {
        this.#retry = null
        this.#startCheckpoint(frozen)
      })
    }
  }

  async *scan(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    if (this.#ended !== null) throw this.#ended
    const recent = recentIn(range, this.#frozen, this.#table)
    const { from, to, limit = Number.POSITIVE_INFINITY } = range
    let next = 0
    let count = 0
    const stored = this.#index.entries({ from, ...(to !== undefined && { to }) })
    for await (const [key, value] of stored) {
      for (; next < recent.length && compareKeys(recent[next]?.[0] ?? '', key) < 0; next++) {
        const [fresh, bytes] = recent[next] ?? ['', null]
        if (bytes !== null && count++ < limit) yield [fresh, bytes]
      }
      if (count >= limit) return
      if (recent[next]?.[0] === key) continue
      count++
      yield [key, value]
      if (count >= limit) return
    }
    for (; next < recent.length && count < limit; next++) {
      const [fresh, bytes] = recent[next] ?? ['', null]
      if (bytes === null) continue
      count++
      yield [fresh, bytes]
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#retry?.cancel()
    this.#startFlush()
    await this.#flushing
    await this.#checkpoint
    await this.#appendLog.close()
    await this.#index.close()
  }

  #guarded<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      this.#end(error, null)
      throw this.#ended ?? error
    }
  }
}

/** Entries of the range that the index does not have yet, in key order; null where deleted. */
function recentIn(
  range: IndexRange,
  frozen: Table | null,
  table: Table,
): (readonly [string, Uint8Array | null])[] {
  const newer = table.range(range)
  const older = frozen?.range(range) ?? []
  if (older.length === 0) return newer
  const overwritten = new Set(newer.map(([key]) => key))
  const merged = older.filter(([key]) => !overwritten.has(key)).concat(newer)
  return merged.sort(([a], [b]) => compareKeys(a, b))
}
