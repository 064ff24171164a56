/**
 * Facts that we heard of and lack. They are asked of whoever told us, a few at a time, and asked
 * again only after a while: the same rumour comes from many.
 */
import type { PeerId } from '../base/ids.ts'
import { MEMBERS_MAX, WANTS_MAX } from './limits.ts'
import type { Turn } from './turn.ts'

const ASK_AGAIN_MS = 500

export class Wants {
  readonly #turn: Turn
  /** When each was last asked for. At most MEMBERS_MAX; the oldest give way. */
  readonly #askedAt = new Map<PeerId, number>()
  /** Questions of this turn, by whom to ask. */
  readonly #questions = new Map<PeerId, PeerId[]>()

  constructor(turn: Turn) {
    this.#turn = turn
  }

  get size(): number {
    return this.#askedAt.size
  }

  ask(id: PeerId, of: PeerId): void {
    const askedAt = this.#askedAt.get(id)
    if (askedAt !== undefined && this.#turn.now - askedAt < ASK_AGAIN_MS) return
    this.#askedAt.delete(id) // So that the order of the map stays that of time.
    this.#askedAt.set(id, this.#turn.now)
    if (this.#askedAt.size > MEMBERS_MAX) {
      for (const oldest of this.#askedAt.keys()) {
        this.#askedAt.delete(oldest)
        break
      }
    }
    const questions = this.#questions.get(of)
    if (questions === undefined) this.#questions.set(of, [id])
    else questions.push(id)
  }

  answered(id: PeerId): void {
    this.#askedAt.delete(id)
  }

  /** At the end of a turn. */
  flush(): void {
    if (this.#questions.size === 0) return
    for (const [of, ids] of this.#questions) {
      for (let i = 0; i < ids.length; i += WANTS_MAX) {
        this.#turn.send(of, { kind: 'want', ids: ids.slice(i, i + WANTS_MAX) })
      }
    }
    this.#questions.clear()
  }
}
