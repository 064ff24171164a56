/**
 * Questions for changes that wait at a disk until there are some.
 *
 * The first replica of a key tells as soon as a change has become durable, and each disk the
 * watches of its own node, which costs no message. What the other replicas tell others is needed only
 * when the first is silent: they gather changes for a little.
 */
import { AtollError } from '../../base/errors.ts'
import type { Clock, Timer } from '../../seams/clock.ts'
import { FEED_WAITING_MAX } from '../limits.ts'
import type { FeedAnswer } from './feed-messages.ts'
import type { Remembered } from './history.ts'

export interface Question {
  /** Of asker and stream, each of which has one. */
  readonly name: string
  /** Asked by this node itself. */
  readonly isHere: boolean
  readonly prefix: string
  /** Nothing up to here is what it asked for, but for what it was answered before. */
  readonly at: number
  readonly answer: (answer: FeedAnswer) => void
}

interface Waiting extends Question {
  at: number
  readonly timer: Timer
  /** Something has come that it asked for; `now`: and is not to be gathered. */
  due: 'no' | 'later' | 'now'
}

/** How long those changes are gathered that another replica tells at once. */
const GATHER_MS = 20

export class Questions {
  readonly #clock: Clock
  readonly #answerTo: (question: Question) => FeedAnswer | null
  /** By name; at most FEED_WAITING_MAX. */
  readonly #waiting = new Map<string, Waiting>()
  #isTelling = false
  #later: Timer | null = null

  /** `answerTo`: what there is by now; null: nobody is to be answered any more. */
  constructor(clock: Clock, answerTo: (question: Question) => FeedAnswer | null) {
    this.#clock = clock
    this.#answerTo = answerTo
  }

  /** Answers all. */
  stop(): void {
    this.#later?.cancel()
    for (const waiting of this.#waiting.values()) this.#answer(waiting)
  }

  /** Throws BUSY when too many wait. */
  keep(question: Question, holdMs: number): void {
    if (this.#waiting.size >= FEED_WAITING_MAX) {
      throw new AtollError('BUSY', 'too many watch what changes on this disk')
    }
    const timer = this.#clock.after(holdMs, () => this.#answer(waiting))
    const waiting: Waiting = { ...question, timer, due: 'no' }
    this.#waiting.set(question.name, waiting)
  }

  /** Nobody needs an answer any more. */
  end(name: string): void {
    const waiting = this.#waiting.get(name)
    if (waiting !== undefined) this.#answer(waiting)
  }

  /** There is one more change, `upTo`. `isFirst`: this disk is to tell at once. */
  changed(change: Pick<Remembered, 'key'>, isFirst: boolean, upTo: number): void {
    for (const waiting of this.#waiting.values()) {
      if (concerns(change, waiting.prefix)) {
        this.#due(waiting, isFirst || waiting.isHere)
      } else if (waiting.due === 'no') {
        // However much of other keys there is, it misses nothing by it.
        waiting.at = upTo
      }
    }
  }

  #due(waiting: Waiting, isNow: boolean): void {
    if (isNow) {
      waiting.due = 'now'
      this.#tellSoon()
    } else if (waiting.due === 'no') {
      waiting.due = 'later'
      this.#later ??= this.#clock.after(GATHER_MS, () => this.#tellAll())
    }
  }

  /** After what has become durable with it, whose turn is now: they travel together. */
  #tellSoon(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    Promise.resolve()
      .then(() => this.#tellNow())
      .catch(() => undefined)
  }

  #tellNow(): void {
    this.#isTelling = false
    for (const waiting of this.#waiting.values()) if (waiting.due === 'now') this.#answer(waiting)
  }

  #tellAll(): void {
    this.#later = null
    for (const waiting of this.#waiting.values()) if (waiting.due !== 'no') this.#answer(waiting)
  }

  #answer(waiting: Waiting): void {
    this.#waiting.delete(waiting.name)
    waiting.timer.cancel()
    const answer = this.#answerTo(waiting)
    if (answer !== null) waiting.answer(answer)
  }
}

/** Whether somebody who watches the prefix is to hear of it. */
export function concerns({ key }: Pick<Remembered, 'key'>, prefix: string): boolean {
  return key === '' || key.startsWith(prefix)
}
