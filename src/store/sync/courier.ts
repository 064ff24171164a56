/**
 * Brings questions of repair to one peer. What is asked while others are on their way goes together
 * in the next message: a message costs far more than what most questions of a small partition
 * have to say.
 *
 * A few messages are under way at a time, each of a bounded size: whatever waits is not made
 * before it goes. Answers are told one a turn of the event loop, so that work of clients comes
 * between them.
 */
import type { PeerId } from '../../base/ids.ts'
import type { Mesh, RequestKind } from '../../mesh/mesh.ts'
import { type Clock, nextTurn } from '../../seams/clock.ts'
import { WireError } from '../../wire/codec.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { SYNC_BYTES } from '../limits.ts'
import {
  decodeAnswers,
  encodeQuestions,
  QUESTIONS_MAX,
  type SyncAnswer,
  type SyncKind,
} from './courier-messages.ts'

export interface CourierOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Messages under way: while one is answered there, what the other has brought is worked on here. */
const FLIGHTS_MAX = 2
const TIMEOUT_MS = 15_000

/** A question that waits. Its body is made when it goes. */
interface Waiting {
  readonly kind: SyncKind
  readonly make: () => Uint8Array
  readonly resolve: (answer: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

interface Asked extends Waiting {
  readonly body: Uint8Array
}

export class Courier {
  readonly #options: CourierOptions
  readonly peer: PeerId
  /** As many as there are comparisons beside each other: each waits for its answer. */
  readonly #waiting: Waiting[] = []
  /** To be asked again, first. */
  readonly #again: Asked[] = []
  /** Those that were refused among others. */
  readonly #alone: Asked[] = []
  #flights = 0
  #isDue = false

  constructor(options: CourierOptions, peer: PeerId) {
    this.#options = options
    this.peer = peer
  }

  /** Rejects when the peer cannot be asked, or refuses. */
  ask(kind: SyncKind, make: () => Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, make, resolve, reject })
      this.#goSoon()
    })
  }

  /** Not before this turn has ended: others may ask in it. */
  #goSoon(): void {
    if (this.#isDue) return
    this.#isDue = true
    this.#options.clock.soon(() => {
      this.#isDue = false
      this.#go()
    })
  }

  #go(): void {
    while (this.#flights < FLIGHTS_MAX) {
      const alone = this.#alone.shift()
      const asked = alone === undefined ? this.#nextFew() : [alone]
      if (asked.length === 0) return
      this.#flights++
      void this.#fly(asked)
    }
  }

  /** As many as one message takes. */
  #nextFew(): Asked[] {
    const few: Asked[] = []
    let bytes = 0
    while (few.length < QUESTIONS_MAX && bytes < SYNC_BYTES) {
      const next = this.#again.shift() ?? this.#made()
      if (next === null) break
      few.push(next)
      bytes += next.body.length
    }
    return few
  }

  /** The next that waits and can be made; null: none is left. */
  #made(): Asked | null {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        return { ...next, body: next.make() }
      } catch (error) {
        next.reject(error)
      }
    }
    return null
  }

  /** Each of them is resolved, rejected, or waits again after it. Never rejects. */
  async #fly(asked: readonly Asked[]): Promise<void> {
    try {
      const answers = await this.#answersOf(asked)
      if (answers.length !== asked.length) throw new WireError('not an answer to each question')
      // Who answers none of several would be asked for ever.
      if (answers.every((answer) => answer === 'again')) throw new WireError('room for no answer')
      for (const [i, each] of asked.entries()) {
        if (i > 0) await nextTurn(this.#options.clock)
        const answer = answers[i] ?? 'again'
        if (answer === 'again') this.#again.push(each)
        else if (answer === 'alone') this.#alone.push(each)
        else each.resolve(answer)
      }
    } catch (error) {
      for (const each of asked) each.reject(error)
    }
    this.#flights--
    this.#goSoon()
  }

  async #answersOf(asked: readonly Asked[]): Promise<readonly SyncAnswer[]> {
    const [first] = asked
    if (first !== undefined && asked.length === 1) {
      return [await this.#request(first.kind, first.body)]
    }
    return decodeAnswers(await this.#request(REQUEST_KINDS.KV_SYNC_MANY, encodeQuestions(asked)))
  }

  #request(kind: RequestKind, body: Uint8Array): Promise<Uint8Array> {
    const { mesh, signal } = this.#options
    const options = { timeoutMs: TIMEOUT_MS, trafficClass: 'bulk', signal } as const
    return mesh.request(this.peer, kind, body, options)
  }
}
