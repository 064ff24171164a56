/**
 * Probes in flight (SWIM §3.1): a ping, then pings by others in our stead, then a verdict at the
 * end of the period. Lifeguard's nacks (§4.1) tell a silent member from a deaf prober.
 *
 * One probe starts each period; broken connections start more, out of turn, up to a bound. The
 * verdict of a probe during which our own process stood still is thrown away: what it missed may
 * lie unread in its sockets. A probe that only others could answer for ends with a fresh dial,
 * since our own connection may be wedged.
 */
import type { PeerId } from '../base/ids.ts'
import type { LogFields } from '../seams/log.ts'
import type { Awareness } from './awareness.ts'
import type { Beliefs } from './beliefs.ts'
import { isUp } from './claim.ts'
import { PROBES_MAX } from './limits.ts'
import type { Turn } from './turn.ts'

interface Probe {
  readonly target: PeerId
  readonly seq: number
  readonly startedAt: number
  /** Others asked to ping; true once they said that they have no answer. */
  readonly helpers: Map<PeerId, boolean>
  /** Another reached it in our stead. */
  reached: boolean
}

export class Prober {
  readonly #self: PeerId
  readonly #turn: Turn
  readonly #beliefs: Beliefs
  readonly #awareness: Awareness
  /** At most one for a target, and PROBES_MAX in all. */
  readonly #byTarget = new Map<PeerId, Probe>()
  readonly #bySeq = new Map<number, Probe>()

  constructor(self: PeerId, turn: Turn, beliefs: Beliefs, awareness: Awareness) {
    this.#self = self
    this.#turn = turn
    this.#beliefs = beliefs
    this.#awareness = awareness
  }

  get inFlight(): number {
    return this.#byTarget.size
  }

  start(target: PeerId): void {
    if (this.#byTarget.has(target) || this.#byTarget.size >= PROBES_MAX) return
    const { now, timers, profile } = this.#turn
    const seq = this.#turn.nextSeq()
    const probe = { target, seq, startedAt: now, helpers: new Map(), reached: false }
    this.#byTarget.set(target, probe)
    this.#bySeq.set(seq, probe)
    this.#turn.counts.probes++
    timers.set('probe-direct', target, now + this.#awareness.scale(profile.probeTimeoutMs))
    timers.set('probe-end', target, now + this.#awareness.scale(profile.periodMs))
    this.#turn.send(target, { kind: 'ping', seq, rumours: this.#beliefs.rumoursFor(target) })
  }

  /** True when the ack answers a probe of ours. */
  onAck(from: PeerId, seq: number): boolean {
    const probe = this.#bySeq.get(seq)
    if (probe === undefined) return false
    const direct = from === probe.target
    if (!direct && !probe.helpers.has(from)) return false
    if (!probe.reached) this.#awareness.change(-1)
    probe.reached = true
    if (direct) {
      this.#turn.counts.ackSeconds.observe((this.#turn.now - probe.startedAt) / 1000)
      this.#close(probe)
    }
    return true
  }

  onNack(from: PeerId, seq: number): void {
    const probe = this.#bySeq.get(seq)
    if (probe?.helpers.has(from) === true) probe.helpers.set(from, true)
  }

  /** The direct ping went unanswered: ask a few others. */
  onDirectTimeout(target: PeerId): void {
    const probe = this.#byTarget.get(target)
    if (probe === undefined) return
    const { random, profile, counts } = this.#turn
    counts.acksMissed++
    const helpers = this.#beliefs.members.pick(
      random,
      profile.indirectProbes,
      ({ id, state }) => state === 'alive' && id !== target && id !== this.#self,
    )
    for (const { id } of helpers) {
      probe.helpers.set(id, false)
      this.#turn.send(id, { kind: 'ping-req', seq: probe.seq, target })
    }
    this.#log('swim.probe-unanswered', { member: target, helpers: helpers.length })
  }

  onEnd(target: PeerId): void {
    const probe = this.#byTarget.get(target)
    if (probe === undefined) return
    this.#close(probe)
    const held = this.#beliefs.members.get(target)
    if (held === undefined || !isUp(held.member.state)) return
    if (this.#turn.lateAt >= probe.startedAt) return // Health was charged for the lateness itself.
    this.#turn.emit({ kind: 'reconnect', peer: target })
    if (probe.reached) return
    this.#turn.counts.probesFailed++
    const asked = probe.helpers.size
    const nacks = [...probe.helpers.values()].filter((nacked) => nacked).length
    this.#awareness.change(asked > 0 ? asked - nacks : 1)
    this.#log('swim.probe-failed', { member: target, asked, nacks })
    this.#beliefs.accuse(target, false)
  }

  #log(event: string, fields: LogFields): void {
    this.#turn.emit({ kind: 'log', level: 'debug', event, fields })
  }

  #close(probe: Probe): void {
    this.#byTarget.delete(probe.target)
    this.#bySeq.delete(probe.seq)
    this.#turn.timers.cancel('probe-direct', probe.target)
    this.#turn.timers.cancel('probe-end', probe.target)
  }
}
