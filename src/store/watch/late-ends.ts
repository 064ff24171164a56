/**
 * Ends of values that a disk has told of before they have come by this node's clock, which may be
 * behind those of all replicas: nobody tells of them again. They are told when they have come.
 */
import type { Clock, Timer } from '../../seams/clock.ts'
import { LATE_ENDS_MAX } from '../limits.ts'
import type { FeedEntry } from './feed-messages.ts'

export interface LateEnd {
  /** Without its record: much may have come to it until then. */
  readonly entry: FeedEntry
  /** By the wall clock: from then on it may be told. */
  readonly dueMs: number
  /** Where the stream is. */
  readonly cursor: () => string
}

/** The wall clock may be set at any time, and timers do not follow it. */
const LOOK_MS = 1000

export class LateEnds {
  readonly #clock: Clock
  readonly #onDue: (ends: readonly LateEnd[]) => void
  /** By key: the next of each; at most LATE_ENDS_MAX. */
  readonly #waiting = new Map<string, LateEnd>()
  #timer: Timer | null = null

  constructor(clock: Clock, onDue: (ends: readonly LateEnd[]) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  get size(): number {
    return this.#waiting.size
  }

  /** False: too many wait. */
  add(end: LateEnd): boolean {
    const { key } = end.entry
    const before = this.#waiting.get(key)
    if (before === undefined && this.#waiting.size >= LATE_ENDS_MAX) return false
    if (before === undefined || end.dueMs < before.dueMs) this.#waiting.set(key, end)
    this.#timer ??= this.#clock.after(LOOK_MS, () => this.#look())
    return true
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#waiting.clear()
  }

  #look(): void {
    this.#timer = null
    const nowMs = this.#clock.wallMs()
    const due = [...this.#waiting.values()].filter(({ dueMs }) => dueMs <= nowMs)
    for (const { entry } of due) this.#waiting.delete(entry.key)
    if (this.#waiting.size > 0) this.#timer = this.#clock.after(LOOK_MS, () => this.#look())
    if (due.length > 0) this.#onDue(due)
  }
}
