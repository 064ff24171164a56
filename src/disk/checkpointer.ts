/**
 * What is durable and not yet in the index, and how it gets there.
 *
 * A checkpoint freezes the table, writes it to the index as one step, and only then removes the
 * log that carried it; meanwhile a new table takes what becomes durable. A full disk makes it try
 * again later. Any other failure goes to `onFailure`, and nothing is tried after that.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import { type Clock, nextTurn, type Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { IndexRange } from '../seams/storage.ts'
import type { AppendLog } from './append-log.ts'
import type { CheckedIndex } from './checked-index.ts'
import type { Write } from './database.ts'
import { type Recent, recentIn } from './merged-scan.ts'
import { Table } from './table.ts'

/** While the index cannot be written the table may grow to this many times its bound. */
const TABLE_OVERFLOW = 8

export interface CheckpointerParts {
  readonly clock: Clock
  readonly log: Log
  readonly appendLog: AppendLog
  readonly index: CheckedIndex
  /** A checkpoint is due once the table holds more than this. */
  readonly tableBytes: number
  /** How soon a checkpoint that met a full disk is tried again. */
  readonly retryMs: number
  /** A checkpoint is due although no group has been added: `begin` between two groups, soon. */
  readonly onDue: () => void
  readonly onFailure: (error: unknown) => void
}

export class Checkpointer {
  readonly #parts: CheckpointerParts
  /** Bounded by `tableBytes`, and its overflow while the index cannot be written. */
  #table = new Table()
  #bytes = 0
  /** The table that a checkpoint is writing to the index right now. */
  #frozen: Table | null = null
  #running: Promise<void> | null = null
  #retry: Timer | null = null
  /** The last try met a full disk. */
  #isDiskFull = false
  #stopped = false

  constructor(parts: CheckpointerParts) {
    this.#parts = parts
  }

  /** The newest durable value; null where deleted, undefined where only the index knows. */
  find(key: string): Uint8Array | null | undefined {
    const newest = this.#table.get(key)
    return newest === undefined ? this.#frozen?.get(key) : newest
  }

  recentIn(range: IndexRange): Recent[] {
    return recentIn(range, this.#frozen, this.#table)
  }

  add(writes: readonly Write[], bytes: number): void {
    for (const { key, value } of writes) this.#table.set(key, value)
    this.#bytes += bytes
  }

  /** Durable, and not yet being written to the index. */
  get bytes(): number {
    return this.#bytes
  }

  /** Why nothing more may be added, or null. */
  get refusal(): AtollError | null {
    if (this.#bytes <= this.#parts.tableBytes * TABLE_OVERFLOW) return null
    if (!this.#isDiskFull) return new AtollError('BUSY', 'the index is behind')
    return new AtollError('DISK_FULL', 'the index cannot be written', {
      hint: 'free space on the data disk',
    })
  }

  get isDue(): boolean {
    const isIdle = this.#frozen === null && this.#running === null && !this.#stopped
    return this.#bytes > this.#parts.tableBytes && isIdle
  }

  /**
   * Call it between two groups, when nothing is being appended: what the table holds is then
   * exactly what the segments up to here hold.
   */
  async begin(): Promise<void> {
    const { appendLog, onDue, onFailure } = this.#parts
    try {
      await appendLog.rotate()
    } catch (error) {
      // The segment goes on; the next group finds the checkpoint due again, if there is one.
      if (isAtollError(error, 'DISK_FULL')) this.#tryLater(onDue)
      else onFailure(error)
      return
    }
    if (this.#stopped) return
    this.#frozen = this.#table
    this.#table = new Table()
    this.#bytes = 0
    this.#start(this.#frozen, appendLog.sequence)
  }

  #start(frozen: Table, applied: number): void {
    this.#running = this.#run(frozen, applied).finally(() => {
      this.#running = null
      // No commit may come to find it due: the table is so large that all are refused.
      if (this.isDue) this.#parts.onDue()
    })
  }

  /**
   * Order is all: the entries and the marker that says up to where the index has everything,
   * synced, and only then the removal of the log before it.
   */
  async #run(frozen: Table, applied: number): Promise<void> {
    const { appendLog, clock, index, onFailure } = this.#parts
    const startedMs = clock.monotonicMs()
    try {
      await index.write(frozen, applied, () => nextTurn(this.#parts.clock))
      this.#frozen = null
      this.#isDiskFull = false
      await appendLog.removeThrough(applied)
      appendLog.counts.checkpointSeconds.observe((clock.monotonicMs() - startedMs) / 1000)
    } catch (error) {
      if (!isAtollError(error, 'DISK_FULL')) return onFailure(error)
      if (this.#frozen !== null) this.#tryLater(() => this.#start(frozen, applied))
      // Otherwise the index is written, and the next checkpoint removes the segments as well.
    }
  }

  #tryLater(again: () => void): void {
    const { clock, log, retryMs } = this.#parts
    log.write('error', 'disk.full', { message: 'the index could not be written' })
    this.#isDiskFull = true
    if (this.#stopped || this.#retry !== null) return
    this.#retry = clock.after(retryMs, () => {
      this.#retry = null
      again()
    })
  }

  /** Begins nothing more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#retry?.cancel()
    await this.#running
  }
}
