/**
 * Linearizable reads (REGISTERS.md §3): one round to a majority, no write. Any node may read.
 *
 * A majority is asked first, this node among it where it is a replica; the rest is asked when one of
 * them is slow, fails, or shows something else.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { CallTime, KnownTopology } from '../topology/known-topology.ts'
import { isBallot } from './ballot.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import { LONELY_PAUSE_MS, ROUND_MS } from './limits.ts'
import type { Held } from './messages.ts'
import { majority, type Place } from './place.ts'
import type { Places } from '../topology/places.ts'
import { Poll } from './poll.ts'
import { ReadJudge, type ReadVerdict } from './read-judge.ts'
import { ABSENT, decodeRegister, type Register } from './register.ts'
import { lateError, noQuorum } from './shortage.ts'
import { SlowReplicas } from './slow-replicas.ts'

export interface ReaderOptions {
  readonly places: Places<Place>
  readonly counts: RegisterCounts
  readonly self: StorageId
  readonly electorate: Electorate
  readonly topology: KnownTopology
  readonly clock: Clock
  readonly deadlines: Deadlines
  /** Whether this node is stopping: nothing is waited for any more. */
  readonly isStopped: () => boolean
  /** Settles what replicas differ on: proposes the read. */
  readonly propose: (key: string, time: CallTime) => Promise<Register>
}

/** An answer of a healthy replica is far faster, and of a paused one never comes. */
const HEDGE_MS = 20
/** Reads that found the replicas divided, before the read is proposed; pauses double. */
const DIVIDED_MAX = 3
const DIVIDED_PAUSE_MS = 1

export class Reader {
  readonly #options: ReaderOptions
  /** Whom to ask first beside this node: turns, so that the load is spread. */
  #turn = 0
  readonly #slow: SlowReplicas

  constructor(options: ReaderOptions) {
    this.#options = options
    this.#slow = new SlowReplicas(options.clock)
  }

  /** Rejects with NO_QUORUM when its time is over, CANCELLED when its signal aborts. */
  async read(key: string, time: CallTime): Promise<Register> {
    const { clock, topology, propose, counts, electorate } = this.#options
    const startMs = clock.monotonicMs()
    if (topology.isLost) await topology.reach(key, time)
    for (let divided = 0; ; ) {
      if (time.signal?.aborted) throw new AtollError('CANCELLED', 'the call was given up')
      const place = this.#options.places.of(topology.get(), key)
      const verdict = await this.#ask(place, time)
      switch (verdict.kind) {
        case 'agreed':
          counts.readsAgreed++
          if (!isBallot(verdict.accepted)) return ABSENT
          if (verdict.value !== null) return decodeRegister(verdict.value)
          return propose(key, time)
        case 'divided':
        case 'rejected':
          counts.readsDivided++
          // Mostly a change under way, which would be disturbed by a ballot of ours.
          if (divided === DIVIDED_MAX) return propose(key, time)
          await this.#sleep(DIVIDED_PAUSE_MS * 2 ** divided++, time)
          break
        case 'stale':
          await topology.catchUp(verdict.topology, verdict.from, time).catch(() => {
            // Whoever knows it is gone again; others may serve, or know it soon.
            return this.#pause(time, () => lateError(place, verdict, electorate, 0))
          })
          break
        case 'few':
          await this.#pause(time, () => {
            return noQuorum(place, verdict, electorate, time.endMs - startMs)
          })
          break
      }
    }
  }

  /** `late`: what to say when there is no time left for it. */
  async #pause(time: CallTime, late: () => AtollError): Promise<void> {
    const { clock, isStopped } = this.#options
    if (isStopped()) throw new AtollError('STOPPED', 'this node is stopping')
    if (clock.monotonicMs() + LONELY_PAUSE_MS >= time.endMs) throw late()
    await this.#sleep(LONELY_PAUSE_MS, time)
  }

  /** Cut short when the call is given up. */
  async #sleep(delayMs: number, { signal }: CallTime): Promise<void> {
    await sleep(this.#options.clock, delayMs, signal).catch(() => undefined)
  }

  async #ask(place: Place, { endMs, signal }: CallTime): Promise<ReadVerdict> {
    const { electorate, deadlines, self, clock } = this.#options
    const roundMs = Math.max(1, Math.min(endMs - clock.monotonicMs(), ROUND_MS))
    const order = this.#order(place)
    const valueFrom = order.includes(self) ? null : (order[0] ?? null)
    const byId = new Map(electorate.read(place, valueFrom, roundMs).map((ask) => [ask.id, ask]))
    const asks = order.flatMap((id) => byId.get(id) ?? [])
    const needed = majority(place.replicas)
    const poll = new Poll<Held, ReadVerdict>(new ReadJudge(place))
    const time = { roundMs, hedgeMs: HEDGE_MS, onSlow: this.#onSlow }
    const giveUp = (): void => poll.giveUp()
    signal?.addEventListener('abort', giveUp, { once: true })
    poll.begin(asks.slice(0, needed), asks.slice(needed), deadlines, time)
    try {
      return await poll.verdict
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  readonly #onSlow = (ids: ReadonlySet<StorageId>): void => {
    for (const id of ids) this.#slow.add(id)
  }

  /** This node first, then those that are up, in turns; who was slow a moment ago comes last. */
  #order(place: Place): StorageId[] {
    const { electorate, self } = this.#options
    const others = place.replicas.filter((id) => id !== self)
    const start = this.#turn++ % Math.max(1, others.length)
    const turned = [...others.slice(start), ...others.slice(0, start)]
    const up = turned.filter((id) => electorate.isUsable(place.topology, id) && !this.#slow.has(id))
    const down = turned.filter((id) => !up.includes(id))
    const here = place.replicas.includes(self) ? [self] : []
    return [...here, ...up, ...down]
  }
}
