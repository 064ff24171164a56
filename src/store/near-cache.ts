/**
 * The near cache: answers that this node was given lately, for readers who say how old one may be.
 *
 * Promises: an answer is as old as the question, so `maxAgeMs` holds however long the replicas
 * took. Readers who ask for a key at the same time share one question. A write through this node is
 * seen by every read that begins after the write has ended, however it ended, and what a majority has
 * shown to one reader by every later one. A reader gets no weaker level than it asked for, and what
 * replicas said in part is not kept. The bytes kept are bounded: what was not read for longest goes
 * first.
 *
 * It does not hear of writes through other nodes: that is what the age is for.
 */
import { AtollError } from '../base/errors.ts'
import type { Clock } from '../seams/clock.ts'
import type { Level } from './api.ts'
import type { CallLimits } from './calls.ts'
import type { NearCacheCounts } from './counts.ts'
import { MAX_AGE_MS_MAX, NEAR_CACHE_BYTES } from './limits.ts'
import type { ReadOutcome } from './reader.ts'
import { decodeRecord, encodeRecord } from './record.ts'

type Read = (key: string, limits: CallLimits) => Promise<ReadOutcome>

export interface NearCacheOptions {
  readonly clock: Clock
  /** Asks the replicas. */
  readonly read: Read
  readonly counts: NearCacheCounts
  readonly bytesMax?: number
}

export interface NearAnswer {
  readonly outcome: ReadOutcome
  /** How long ago the replicas were asked; null: for this call. */
  readonly ageMs: number | null
}

/** When replicas were asked; what comes one after the other may share a moment of the clock. */
interface Asked {
  readonly ms: number
  /** In the order of questions and of what is kept. */
  readonly turn: number
}

/** Encoded, so that its size is known and nobody who got it can change it for others. */
interface Entry {
  readonly askedMs: number
  /** As `Asked.turn`: when it was kept. */
  readonly turn: number
  readonly strength: number
  readonly bytes: Uint8Array
  readonly outcome: Omit<ReadOutcome, 'record'>
  readonly size: number
}

/** A question under way. */
interface Flight {
  readonly asked: Asked
  readonly endMs: number
  readonly level: Level | undefined
  readonly outcome: Promise<ReadOutcome>
}

/** What an entry costs beside key and record, roughly. */
const ENTRY_BYTES = 256
/** Of one call: another's question, and if that fails one more. */
const ATTEMPTS_MAX = 2

export class NearCache {
  readonly #options: NearCacheOptions
  readonly #bytesMax: number
  /** In order of use, the one not used for longest first; `#bytes` together. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0
  /** The last question of a key that may still be shared and kept; no more than calls under way. */
  readonly #flights = new Map<string, Flight>()
  #turn = 0

  constructor(options: NearCacheOptions) {
    this.#options = options
    this.#bytesMax = options.bytesMax ?? NEAR_CACHE_BYTES
  }

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** `maxAgeMs` undefined: asks the replicas, whatever is kept. */
  async get(key: string, maxAgeMs: number | undefined, limits: CallLimits): Promise<NearAnswer> {
    if (maxAgeMs !== undefined) return this.#get(key, checkedAge(maxAgeMs), limits, 1)
    const asked = this.#now()
    const outcome = await this.#options.read(key, limits)
    this.#shown(key, asked, limits.level, outcome)
    return { outcome, ageMs: null }
  }

  #now(): Asked {
    return { ms: this.#options.clock.monotonicMs(), turn: ++this.#turn }
  }

  /** Whoever has seen this must not be shown an older one afterwards. */
  #shown(key: string, asked: Asked, level: Level | undefined, outcome: ReadOutcome): void {
    const entry = this.#entries.get(key)
    if (entry === undefined && !this.#flights.has(key)) return
    this.forget(key)
    // It was here when this was asked, and is still: nothing newer was shown, and no write has ended.
    if (entry !== undefined && entry.turn < asked.turn) {
      this.#keep(key, asked, level, outcome)
    }
  }

  /** To be told when a write of the key through this node has ended. */
  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) this.#bytes -= entry.size
    this.#entries.delete(key)
    // Who waits for it began before the write had ended; nobody else may have it.
    this.#flights.delete(key)
  }

  async #get(
    key: string,
    maxAgeMs: number,
    limits: CallLimits,
    attempt: number,
  ): Promise<NearAnswer> {
    const { clock, counts } = this.#options
    const nowMs = clock.monotonicMs()
    const entry = this.#entries.get(key)
    if (entry !== undefined && isGood(entry, nowMs - maxAgeMs, limits.level)) {
      counts.hits++
      return this.#hit(key, entry, nowMs)
    }
    const flight = this.#flights.get(key)
    const endMs = nowMs + limits.deadlineMs
    if (flight === undefined || !isShared(flight, nowMs - maxAgeMs, endMs, limits.level)) {
      counts.misses++
      return { outcome: await this.#ask(key, limits), ageMs: null }
    }
    counts.shared++
    try {
      return { outcome: await unlessAborted(flight.outcome, limits.signal), ageMs: null }
    } catch (error) {
      // The other's call was given up, perhaps, or had less time.
      const deadlineMs = endMs - clock.monotonicMs()
      const isOver = limits.signal?.aborted === true || deadlineMs < 1
      if (isOver || attempt === ATTEMPTS_MAX) throw error
      return this.#get(key, maxAgeMs, { ...limits, deadlineMs }, attempt + 1)
    }
  }

  #hit(key: string, entry: Entry, nowMs: number): NearAnswer {
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    const record = decodeRecord(entry.bytes)
    return { outcome: { ...entry.outcome, record }, ageMs: Math.round(nowMs - entry.askedMs) }
  }

  async #ask(key: string, limits: CallLimits): Promise<ReadOutcome> {
    const { level, deadlineMs } = limits
    const asked = this.#now()
    const outcome = this.#options.read(key, limits)
    const flight = { asked, endMs: asked.ms + deadlineMs, level, outcome }
    this.#flights.set(key, flight)
    try {
      const found = await outcome
      if (this.#flights.get(key) === flight) this.#keep(key, asked, level, found)
      else this.#shown(key, asked, level, found)
      return found
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
  }

  #keep(key: string, asked: Asked, level: Level | undefined, outcome: ReadOutcome): void {
    const before = this.#entries.get(key)
    if (before !== undefined) this.#bytes -= before.size
    this.#entries.delete(key)
    if (outcome.partial) return
    const { record, ...rest } = outcome
    const bytes = encodeRecord(record)
    const size = ENTRY_BYTES + 2 * key.length + bytes.length
    if (size > this.#bytesMax) return
    const kept = { askedMs: asked.ms, turn: ++this.#turn, strength: strengthOf(level) }
    this.#entries.set(key, { ...kept, bytes, outcome: rest, size })
    this.#bytes += size
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) return
      this.#entries.delete(oldest)
      this.#bytes -= entry.size
    }
  }
}

/** Of an answer that is not partial: one without a level has a majority. */
function strengthOf(level: Level | undefined): number {
  return { one: 1, quorum: 2, all: 3 }[level ?? 'quorum']
}

function isGood(entry: Entry, sinceMs: number, level: Level | undefined): boolean {
  return entry.askedMs >= sinceMs && entry.strength >= strengthOf(level)
}

/** It may become partial, so levels must be the same; and it must be over before the call is. */
function isShared(
  flight: Flight,
  sinceMs: number,
  endMs: number,
  level: Level | undefined,
): boolean {
  return flight.asked.ms >= sinceMs && flight.endMs <= endMs && flight.level === level
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(new AtollError('CANCELLED', 'the call was given up'))
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const end = (): void => signal.removeEventListener('abort', onAbort)
    work.then(
      (value) => {
        end()
        resolve(value)
      },
      (error: Error) => {
        end()
        reject(error)
      },
    )
  })
}

/** Throws AtollError USAGE. */
function checkedAge(maxAgeMs: number): number {
  if (maxAgeMs > 0 && maxAgeMs <= MAX_AGE_MS_MAX) return maxAgeMs
  throw new AtollError('USAGE', `maxAgeMs is over 0 and at most ${MAX_AGE_MS_MAX}`)
}
