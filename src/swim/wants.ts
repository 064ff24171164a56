/**
 * Facts that we heard of and lack. They are asked of whoever told us, and asked again a few times,
 * of the latest teller, while no answer comes: rumour and answer may be lost, and the rumour has a
 * limited number of lives. After that the next state exchange mends it.
 */
import type { PeerId } from '../base/ids.ts'
import { MEMBERS_MAX, WANTS_MAX } from './limits.ts'
import type { Turn } from './turn.ts'

const ASK_AGAIN_MS = 500
const ATTEMPTS_MAX = 4

interface Open {
  of: PeerId
  readonly askedAt: number
  readonly attempts: number
}

export class Wants {
  readonly #turn: Turn
  /** In the order in which they were last asked. At most MEMBERS_MAX; what is over is not asked. */
  readonly #open = new Map<PeerId, Open>()
  /** Questions of this turn, by whom to ask. */
  readonly #questions = new Map<PeerId, PeerId[]>()

  constructor(turn: Turn) {
    this.#turn = turn
  }

  get size(): number {
    return this.#open.size
  }

  ask(id: PeerId, of: PeerId): void {
    const open = this.#open.get(id)
    if (open !== undefined) open.of = of
    else if (this.#open.size < MEMBERS_MAX) this.#ask(id, of, 1)
  }

  answered(id: PeerId): void {
    this.#open.delete(id)
  }

  /** The timer: asks again what is still open after a while. */
  onDue(): void {
    const { now } = this.#turn
    for (const [id, { of, askedAt, attempts }] of this.#open) {
      if (now < askedAt + ASK_AGAIN_MS) break // The timer's own sum: rounding must not part them.
      this.#open.delete(id)
      if (attempts < ATTEMPTS_MAX) this.#ask(id, of, attempts + 1)
    }
    for (const { askedAt } of this.#open.values()) {
      this.#turn.timers.set('want', '', askedAt + ASK_AGAIN_MS)
      break
    }
  }

  /** At the end of a turn: all questions to one peer together. */
  flush(): void {
    if (this.#questions.size === 0) return
    for (const [of, ids] of this.#questions) {
      for (let i = 0; i < ids.length; i += WANTS_MAX) {
        this.#turn.send(of, { kind: 'want', ids: ids.slice(i, i + WANTS_MAX) })
      }
    }
    this.#questions.clear()
  }

  #ask(id: PeerId, of: PeerId, attempts: number): void {
    const { now, timers } = this.#turn
    this.#open.set(id, { of, askedAt: now, attempts })
    if (timers.at('want') === undefined) timers.set('want', '', now + ASK_AGAIN_MS)
    const questions = this.#questions.get(of)
    if (questions === undefined) this.#questions.set(of, [id])
    else questions.push(id)
  }
}
