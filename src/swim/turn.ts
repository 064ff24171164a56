/**
 * What all parts of the core share while one input is worked on: the time, the timers, chance, the
 * profile, and the list of effects that grows as the parts act.
 */
import type { PeerId } from '../base/ids.ts'
import type { Random } from '../seams/random.ts'
import { SwimCounts } from './counts.ts'
import type { Effect } from './effects.ts'
import type { SwimMessage } from './messages.ts'
import type { SwimProfile } from './parameters.ts'
import { Timetable } from './timetable.ts'

export type TimerKind =
  /** Start of a protocol period. */
  | 'tick'
  /** Rumours may leave again. */
  | 'gossip'
  | 'push-pull'
  /** Facts that did not come are asked for again. */
  | 'want'
  /** No direct answer to a probe so far; end of a probe. */
  | 'probe-direct'
  | 'probe-end'
  /** Runs often while a verdict is pending, to notice when our own process stands still. */
  | 'beat'
  /** A ping on behalf of another: tell it that there is none yet; forget it. */
  | 'relay-nack'
  | 'relay-end'
  | 'suspicion'
  | 'reconnect'
  | 'reap'
  | 'goodbye'

const SEQ_LIMIT = 2 ** 32

export class Turn {
  readonly profile: SwimProfile
  readonly random: Random
  readonly timers = new Timetable<TimerKind>()
  readonly counts = new SwimCounts()
  /** Monotonic milliseconds of the input at hand. */
  now: number
  /** When our own process was last seen to have stood still. */
  lateAt = Number.NEGATIVE_INFINITY
  #effects: Effect[] = []
  #seq: number

  constructor(profile: SwimProfile, random: Random, now: number) {
    this.profile = profile
    this.random = random
    this.now = now
    this.#seq = random.int(SEQ_LIMIT)
  }

  emit(effect: Effect): void {
    this.#effects.push(effect)
  }

  send(to: PeerId, message: SwimMessage): void {
    const priority = message.kind === 'gossip' || message.kind === 'facts' ? 'rumour' : 'probe'
    this.#effects.push({ kind: 'send', to, message, priority })
  }

  /** The effects so far; the list starts anew. */
  takeEffects(): Effect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Numbers of pings. They start anywhere, so an ack of an earlier process fits no probe. */
  nextSeq(): number {
    this.#seq = (this.#seq + 1) % SEQ_LIMIT
    return this.#seq
  }
}
