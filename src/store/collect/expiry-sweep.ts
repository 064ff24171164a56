/**
 * The sweep of what expires: when a value's time has come by this machine's clock, its key becomes a
 * candidate of collection if nothing of it is left, and whoever follows changes is told.
 *
 * It writes no record: replicas whose clocks differ still hold the same. Should the clock fall back,
 * the collector finds the value alive and puts its row back.
 */
import type { Database, Write } from '../../disk/database.ts'
import { type Clock, sleep, type Timer } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { Change } from '../change.ts'
import type { StoreCounts } from '../counts.ts'
import { databaseKey } from '../place.ts'
import { isDead, recordIfSound, type StoreRecord } from '../record.ts'
import {
  deadRow,
  expiriesOf,
  type Expiry,
  EXPIRY_RANGE,
  expiryOf,
  expiryRow,
} from './index-rows.ts'

export interface ExpirySweepOptions {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly counts: StoreCounts
  /** Candidates have come; in the turn in which they are durable. */
  readonly onDead: (partition: number) => void
  /** Values of this key have expired, by the clock of this machine; once for each of them. */
  readonly onExpired: (expired: Expiry & { readonly record: StoreRecord }) => void
}

const BATCH = 256
/** Between two batches, so that nobody else waits for long. */
const PAUSE_MS = 5
/** The wall clock may be set at any time, and timers do not follow it. */
const LOOK_MS_MAX = 30_000
const RETRY_MS = 5000

export class ExpirySweep {
  readonly #options: ExpirySweepOptions
  readonly #aborter = new AbortController()
  #timer: Timer | null = null
  /** By the wall clock: when the first row is due, as far as is known; of what is under way apart. */
  #dueMs = 0
  #underWayMs = Number.POSITIVE_INFINITY
  #sweeping: Promise<void> | null = null

  constructor(options: ExpirySweepOptions) {
    this.#options = options
  }

  /** Looks at what an earlier run left. */
  start(): void {
    this.#arm(PAUSE_MS)
  }

  /** What had to end before this time has been told; it may be late for its clock, or ahead of it. */
  get sweptMs(): number {
    return Math.min(this.#dueMs, this.#underWayMs)
  }

  async stop(): Promise<void> {
    this.#aborter.abort()
    this.#timer?.cancel()
    await this.#sweeping
  }

  /** To be told in the turn in which it is durable. */
  changed({ after }: Change): void {
    if (after !== null) this.expects(expiriesOf(after.record))
  }

  /** There are rows of these times. */
  expects(times: readonly number[]): void {
    const first = times.reduce((least, ms) => Math.min(least, ms), Number.POSITIVE_INFINITY)
    if (first >= this.#dueMs) return
    this.#dueMs = first
    this.#armForDue()
  }

  #armForDue(): void {
    if (this.#dueMs === Number.POSITIVE_INFINITY || this.#sweeping !== null) return
    const waitMs = this.#dueMs - this.#options.clock.wallMs()
    this.#arm(Math.min(LOOK_MS_MAX, Math.max(PAUSE_MS, waitMs)))
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel()
    if (this.#aborter.signal.aborted) return
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#sweeping ??= this.#sweep().finally(() => {
        this.#sweeping = null
      })
    })
  }

  /** Never rejects. */
  async #sweep(): Promise<void> {
    const { clock, log } = this.#options
    const { signal } = this.#aborter
    try {
      while (this.#dueMs <= clock.wallMs()) {
        this.#underWayMs = this.#dueMs
        this.#dueMs = Number.POSITIVE_INFINITY
        const next = await this.#sweepBatch()
        this.#dueMs = Math.min(this.#dueMs, next)
        this.#underWayMs = Number.POSITIVE_INFINITY
        await sleep(clock, PAUSE_MS, signal)
      }
    } catch (error) {
      if (signal.aborted) return
      log.write('warn', 'store.expiry-failed', { error: String(error) })
      this.#dueMs = 0
      await sleep(clock, RETRY_MS, signal).catch(() => undefined)
    }
    this.#sweeping = null
    this.#armForDue()
  }

  /** Returns when the first row that is left is due. */
  async #sweepBatch(): Promise<number> {
    const { database, clock } = this.#options
    const nowMs = clock.wallMs()
    const due: Expiry[] = []
    for await (const [row] of database.scan({ ...EXPIRY_RANGE, limit: BATCH })) {
      const expiry = expiryOf(row)
      if (expiry.atMs > nowMs) return this.#settle(due, nowMs, expiry.atMs)
      due.push(expiry)
    }
    return this.#settle(due, nowMs, due.length < BATCH ? Number.POSITIVE_INFINITY : 0)
  }

  /** The records are looked at in the turn of the commit: nothing comes in between. */
  async #settle(due: readonly Expiry[], nowMs: number, next: number): Promise<number> {
    if (due.length === 0) return next
    const { database, counts, onDead, onExpired } = this.#options
    const writes: Write[] = []
    const expired: (Expiry & { readonly record: StoreRecord })[] = []
    const dead = new Set<number>()
    for (const expiry of due) {
      writes.push({ ...expiryRow(expiry), value: null })
      const record = recordIfSound(database.latest(databaseKey(expiry.partition, expiry.key)))
      // It may have been replaced since, and its row with it.
      if (record === null || !expiriesOf(record).includes(expiry.atMs)) continue
      expired.push({ ...expiry, record })
      if (!isDead(record, nowMs)) continue
      writes.push(deadRow(expiry.partition, expiry.key))
      dead.add(expiry.partition)
    }
    await database.commit(writes)
    counts.expired += expired.length
    for (const each of expired) onExpired(each)
    for (const partition of dead) onDead(partition)
    return next
  }
}
