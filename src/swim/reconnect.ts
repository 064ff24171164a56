/**
 * Peers that ought to answer and do not: the failed, those of the snapshot, the seeds. They are
 * dialled again, rarer and rarer up to a limit, and for ever: a partition heals only if somebody
 * on one side still tries the other, however long it lasted and whoever has left the view since.
 */
import type { PeerId } from '../base/ids.ts'
import { MEMBERS_MAX } from './limits.ts'
import type { Turn } from './turn.ts'

/** When one comes back the others may be back as well, but this is not concluded more often. */
const HURRY_EVERY_MS = 10_000
/** Two members that hold each other for dead would otherwise answer pings with pings without end. */
const ANSWER_EVERY_MS = 200

interface Absent {
  /** Failed attempts in a row. */
  failures: number
  answeredAt: number
}

export class Reconnect {
  readonly #turn: Turn
  /** At most MEMBERS_MAX. */
  readonly #absent = new Map<PeerId, Absent>()
  #hurriedAt = Number.NEGATIVE_INFINITY

  constructor(turn: Turn) {
    this.#turn = turn
  }

  get size(): number {
    return this.#absent.size
  }

  has(peer: PeerId): boolean {
    return this.#absent.has(peer)
  }

  /** A member that failed: after a first delay. */
  addFailed(peer: PeerId): void {
    this.#add(peer, this.#jittered(this.#turn.profile.reconnectMinMs))
  }

  /** A peer to meet: at once. */
  addContact(peer: PeerId): void {
    this.#add(peer, 0)
  }

  #add(peer: PeerId, delayMs: number): void {
    if (this.#absent.has(peer) || this.#absent.size >= MEMBERS_MAX) return
    this.#absent.set(peer, { failures: 0, answeredAt: Number.NEGATIVE_INFINITY })
    this.#turn.timers.set('reconnect', peer, this.#turn.now + delayMs)
  }

  remove(peer: PeerId): void {
    this.#absent.delete(peer)
    this.#turn.timers.cancel('reconnect', peer)
  }

  /** The timer of `peer`: dial, and come again later if it stays away. */
  onDue(peer: PeerId): void {
    const absent = this.#absent.get(peer)
    if (absent === undefined) return
    const { reconnectMinMs, reconnectMaxMs } = this.#turn.profile
    const delayMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** absent.failures)
    absent.failures = Math.min(absent.failures + 1, 30)
    this.#turn.timers.set('reconnect', peer, this.#turn.now + this.#jittered(delayMs))
    this.#turn.emit({ kind: 'connect', peer })
  }

  /** It spoke although it is held for dead: true when it is time to ping it in return. */
  mayAnswer(peer: PeerId): boolean {
    const absent = this.#absent.get(peer)
    if (absent === undefined || this.#turn.now - absent.answeredAt < ANSWER_EVERY_MS) return false
    absent.answeredAt = this.#turn.now
    return true
  }

  /** One came back: try the others soon, since what parted us may be over. */
  hurry(): void {
    const { now, timers, profile, random } = this.#turn
    if (now - this.#hurriedAt < HURRY_EVERY_MS) return
    this.#hurriedAt = now
    for (const peer of this.#absent.keys()) {
      const soon = now + random.float() * profile.reconnectMinMs
      if ((timers.at('reconnect', peer) ?? soon) > soon) timers.set('reconnect', peer, soon)
    }
  }

  /** ±25 %, so that many who lost the same peer do not dial it in step. */
  #jittered(ms: number): number {
    return ms * (0.75 + this.#turn.random.float() / 2)
  }
}
