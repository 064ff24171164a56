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
import { AssertionError } from '../base/assert.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { IndexRange, Storage } from '../seams/storage.ts'
import { AppendLog } from './append-log.ts'
import { CheckedIndex, MARKER } from './checked-index.ts'
import { Checkpointer } from './checkpointer.ts'
import { Commits, type Group } from './commits.ts'
import type { Database, Write } from './database.ts'
import { checkFormat } from './format.ts'
import { assertLimits, DATABASE_LIMITS, type DatabaseLimits } from './limits.ts'
import { writeBytesMax } from './log-record.ts'
import { mergedScan } from './merged-scan.ts'
import { declareDiskMetrics, type DiskLevels } from './metrics.ts'

/** Between two strides of the verification: it may take its time, and others may not wait. */
const VERIFY_PAUSE_MS = 1

const BUSY_LINE_MS = 5000

export interface DatabaseOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Log
  readonly limits?: DatabaseLimits
  readonly metrics?: Metrics
}

/** Recovers and opens. Rejects with DISK_DAMAGED, FORMAT_UNKNOWN, or what the storage says. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  assertLimits(options.limits ?? DATABASE_LIMITS)
  await checkFormat(options.storage)
  const index = await CheckedIndex.open(options.storage)
  try {
    const recovered: Write[] = []
    const { storage, clock, metrics } = options
    const appendLog = await AppendLog.open(storage, clock, index.applied, ({ writes }) => {
      for (const write of writes) recovered.push(write)
    })
    const database = new LogDatabase(options, appendLog, index, recovered)
    if (metrics !== undefined) declareDiskMetrics(metrics, appendLog.counts, database)
    return database
  } catch (error) {
    await index.close()
    throw error
  }
}

class LogDatabase implements Database, DiskLevels {
  readonly failed: Promise<Error>
  readonly #clock: Clock
  readonly #log: Log
  readonly #limits: DatabaseLimits
  readonly #appendLog: AppendLog
  readonly #index: CheckedIndex
  readonly #checkpointer: Checkpointer
  readonly #verification: Promise<void>
  /** Bounded by `pendingBytes`. */
  readonly #commits = new Commits()
  #busyNotedUntilMs = 0
  #flushing: Promise<void> | null = null
  #ended: Error | null = null
  #closing = false
  #fail: (error: Error) => void = () => {}

  constructor(
    { clock, log, limits = DATABASE_LIMITS }: DatabaseOptions,
    appendLog: AppendLog,
    index: CheckedIndex,
    recovered: readonly Write[],
  ) {
    this.#clock = clock
    this.#log = log
    this.#limits = limits
    this.#appendLog = appendLog
    this.#index = index
    this.#checkpointer = new Checkpointer({
      clock,
      log,
      appendLog,
      index,
      tableBytes: limits.tableBytes,
      retryMs: limits.retryMs,
      onDue: () => this.#startFlush(),
      onFailure: (error) => this.#end(error, null),
    })
    this.#checkpointer.add(recovered, sizeOf(recovered))
    this.failed = new Promise((resolve) => {
      this.#fail = resolve
    })
    this.#verification = this.#verify()
    clock.soon(() => this.#startFlush())
  }

  get segments(): number {
    return this.#appendLog.segments
  }

  get pendingBytes(): number {
    return this.#commits.bytes
  }

  get tableBytes(): number {
    return this.#checkpointer.bytes
  }

  get(key: string): Uint8Array | undefined {
    if (this.#ended !== null) throw this.#ended
    const recent = this.#checkpointer.find(key)
    if (recent !== undefined) return recent ?? undefined
    return this.#guarded(() => this.#index.get(key))
  }

  latest(key: string): Uint8Array | undefined {
    const pending = this.#commits.find(key)
    return pending === undefined ? this.get(key) : (pending ?? undefined)
  }

  commit(writes: readonly Write[]): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    if (this.#closing) return Promise.reject(new AtollError('STOPPED', 'the node is stopping'))
    if (!writes.every(isStorable)) return Promise.reject(new AssertionError('a key is no key'))
    const bytes = sizeOf(writes)
    const refusal = this.#refusal(bytes)
    if (refusal !== null) {
      this.#appendLog.counts.refuse(refusal.code)
      return Promise.reject(refusal)
    }
    if (this.#commits.isEmpty && this.#flushing === null) this.#clock.soon(() => this.#startFlush())
    return this.#commits.add(writes, bytes)
  }

  #refusal(bytes: number): AtollError | null {
    const { commitBytes, pendingBytes } = this.#limits
    if (bytes > commitBytes) {
      return new AtollError('TOO_LARGE', `a commit of ${bytes} bytes is over ${commitBytes}`)
    }
    if (this.#commits.bytes + bytes > pendingBytes) {
      this.#noteBusy()
      return new AtollError('BUSY', 'the disk is behind: too much waits for it')
    }
    return this.#checkpointer.refusal
  }

  /** Once in a while: whoever meets it meets it thousands of times. */
  #noteBusy(): void {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs < this.#busyNotedUntilMs) return
    this.#busyNotedUntilMs = nowMs + BUSY_LINE_MS
    this.#log.write('warn', 'disk.busy', { pendingBytes: this.#commits.bytes })
  }

  #startFlush(): void {
    if (this.#flushing !== null || this.#ended !== null) return
    if (!this.#commits.isEmpty || this.#isCheckpointDue) this.#flushing = this.#flush()
  }

  /** Writes group after group until none gathers; a group gathers while the one before syncs. */
  async #flush(): Promise<void> {
    for (;;) {
      if (this.#isCheckpointDue) await this.#checkpointer.begin()
      const group = this.#commits.take()
      if (group === null) break
      await this.#write(group)
    }
    // In the same step as `take`: a commit after it starts the next flush.
    this.#flushing = null
  }

  async #write(group: Group): Promise<void> {
    try {
      await this.#appendLog.append(group.writes)
    } catch (error) {
      if (isAtollError(error, 'DISK_FULL')) this.#refuseAll(error, group)
      else this.#end(error, group)
      return
    }
    // Something else may have ended the database meanwhile: nothing is acknowledged after that.
    if (this.#ended !== null) return group.reject(this.#ended)
    this.#checkpointer.add(group.writes, group.bytes)
    this.#commits.done(group)
    group.resolve()
  }

  get #isCheckpointDue(): boolean {
    return this.#checkpointer.isDue && !this.#closing
  }

  /** Later commits may have built on what the refused group held: they are refused with it. */
  #refuseAll(error: Error, group: Group): void {
    this.#log.write('error', 'disk.full', { message: error.message })
    this.#appendLog.counts.refuse('DISK_FULL')
    this.#commits.drop(error, group)
  }

  #end(cause: unknown, group: Group | null): void {
    if (this.#ended !== null) {
      group?.reject(this.#ended)
      return
    }
    const error = isAtollError(cause, 'DISK_DAMAGED')
      ? cause
      : new AtollError('STORAGE_FAILED', 'the disk failed; this node has ended', {
          outcome: 'unknown',
          cause,
          hint: 'look at the disk, then start the node again',
        })
    this.#ended = error
    // What it is writing is durable elsewhere; nobody needs to wait for it.
    void this.#checkpointer.stop()
    this.#log.write('error', 'disk.failed', { message: String(cause) })
    this.#commits.drop(error, group)
    this.#fail(error)
  }

  /**
   * Holds the entries of the index against those that must be there, beside the work: to wait for
   * it would cost a second of every start for a million entries.
   */
  async #verify(): Promise<void> {
    const pause = () => sleep(this.#clock, VERIFY_PAUSE_MS)
    try {
      await this.#index.verify(pause, () => this.#closing || this.#ended !== null)
    } catch (error) {
      this.#judge(error)
    }
  }

  async *scan(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    if (this.#ended !== null) throw this.#ended
    const { from, to, limit = Number.POSITIVE_INFINITY } = range
    const recent = this.#checkpointer.recentIn(range)
    try {
      // Each of the recent ones may hide one that is stored.
      const enough = range.limit === undefined ? {} : { limit: limit + recent.length }
      const stored = this.#index.entries({ from, ...(to !== undefined && { to }), ...enough })
      yield* mergedScan(stored, recent, limit)
    } catch (error) {
      throw this.#judge(error)
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    this.#startFlush()
    await this.#flushing
    await this.#checkpointer.stop()
    await this.#verification
    await this.#seal()
    await this.#appendLog.close()
    await this.#index.close()
  }

  async #seal(): Promise<void> {
    if (this.#ended !== null) return
    try {
      await this.#appendLog.seal()
    } catch (error) {
      if (!isAtollError(error, 'DISK_FULL')) this.#end(error, null)
    }
  }

  #guarded<T>(read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw this.#judge(error)
    }
  }

  /** What a failed read means: damage and a failing disk end the database, the rest passes by. */
  #judge(error: unknown): unknown {
    if (isAtollError(error, 'BUSY') || isAtollError(error, 'STOPPED')) return error
    this.#end(error, null)
    return this.#ended ?? error
  }
}

/** Other text would come back changed, and the marker is the index's own. */
function isStorable({ key }: Write): boolean {
  return key.isWellFormed() && key !== MARKER
}

function sizeOf(writes: readonly Write[]): number {
  return writes.reduce((sum, write) => sum + writeBytesMax(write), 0)
}
