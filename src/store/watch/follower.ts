/**
 * Follows the changes of one disk, for one stream: one question at a time, each waiting at the disk
 * until there is something to tell. While the disk cannot be asked, it is tried seldom, and at once
 * when membership says that it is there.
 */
import { type Clock, sleep } from '../../seams/clock.ts'
import { FEED_HOLD_MS } from '../limits.ts'
import type { FeedAnswer, FeedQuestion } from './feed-messages.ts'

export interface FollowerOptions {
  readonly stream: number
  readonly prefix: string
  readonly clock: Clock
  /** Rejects when the disk cannot be asked. */
  readonly ask: (question: FeedQuestion, signal: AbortSignal) => Promise<FeedAnswer>
  /** Nobody waits for the answer of the last question. */
  readonly endQuestion: () => void
  /** The change to go on from in that run; null: from its end. */
  readonly locate: (run: number) => number | null
  /** The disk has answered for the first time. */
  readonly onFound: () => void
  /** It has forgotten changes that were not told; it is followed from its end. */
  readonly onLost: () => void
  /** It could not be asked, and will be again. */
  readonly onFailed: () => void
  readonly onEntries: (answer: FeedAnswer) => Promise<void>
  /** All of an answer that names partitions has been taken in. */
  readonly onCame: (partitions: readonly number[]) => void
}

const RETRY_MS = 100
const RETRY_MS_MAX = 5000

export class Follower {
  readonly #options: FollowerOptions
  #isStopped = false
  /** 0: the disk has not answered yet. */
  #run = 0
  #seq = 0
  /** Of the question or the pause under way. */
  #waiting = new AbortController()
  #isWoken = false
  #isAsking = false

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Where it is: the run, and the last change whose entry was begun with. */
  get run(): number {
    return this.#run
  }

  get seq(): number {
    return this.#seq
  }

  /** All up to here has been taken in. */
  took(seq: number): void {
    this.#seq = seq
  }

  start(): void {
    this.#follow().catch(() => undefined)
  }

  stop(): void {
    this.#isStopped = true
    this.#waiting.abort()
    if (this.#isAsking) this.#options.endQuestion()
  }

  /** The disk may be there again. */
  wake(): void {
    this.#isWoken = true
    this.#waiting.abort()
  }

  async #follow(): Promise<void> {
    const { clock } = this.#options
    let pauseMs = RETRY_MS
    while (!this.#isStopped) {
      this.#waiting = new AbortController()
      const { signal } = this.#waiting
      try {
        await this.#step(signal)
        pauseMs = RETRY_MS
      } catch {
        // Whatever it was: nothing has been passed over, and it is asked again.
        this.#options.onFailed()
        if (!this.#isWoken) await sleep(clock, pauseMs, signal).catch(() => undefined)
        pauseMs = this.#isWoken ? RETRY_MS : Math.min(pauseMs * 2, RETRY_MS_MAX)
        this.#isWoken = false
      }
    }
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { locate, onFound, onLost, onEntries, onCame } = this.#options
    const answer = await this.#ask(signal)
    if (this.#isStopped) return
    const { run, upTo, isLost, came } = answer
    if (this.#run === 0) {
      this.#run = run
      this.#seq = locate(run) ?? upTo
      onFound()
    } else if (isLost || run !== this.#run) {
      this.#run = run
      this.#seq = upTo
      onLost()
    } else {
      await onEntries(answer)
      this.#seq = upTo
      if (came.length > 0) onCame(came)
    }
  }

  async #ask(signal: AbortSignal): Promise<FeedAnswer> {
    const { stream, prefix, ask } = this.#options
    const holdMs = this.#run === 0 ? 0 : FEED_HOLD_MS
    this.#isAsking = true
    try {
      return await ask({ stream, prefix, run: this.#run, after: this.#seq, holdMs }, signal)
    } finally {
      this.#isAsking = false
    }
  }
}
