/**
 * Deciding: each root watches membership and the replicas' reports and plans; the first of them
 * that is up has its plan decided (slot-proposer.ts), at most one topology a second. The others
 * wait, the second five seconds, the third ten, and go ahead when by then nothing has come of
 * what they see to be done: the first may be up and yet unable to. Two at once do no harm.
 *
 * A root's memory (who asked to leave, what is installed) is filled again by those whom it concerns
 * when it is lost. A vote that it gave is not: it sees to it that what it voted for is decided.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Random } from '../seams/random.ts'
import type { Membership } from '../swim/member.ts'
import { Census } from './census.ts'
import { Departed } from './departed.ts'
import { liveDisks } from './describe.ts'
import { InstalledEvidence } from './evidence.ts'
import { refusalOfLeave } from './leaving.ts'
import type { Move } from './manual-move.ts'
import { OfferedEvidence } from './offered.ts'
import type { Outlook } from './outlook.ts'
import { Petitions } from './petitions.ts'
import { type Plan, planTopology } from './planner.ts'
import { pushTargets, pushTopology } from './push.ts'
import type { Report } from './requests.ts'
import type { SlotAcceptor } from './slot-acceptor.ts'
import { type Attempt, SlotProposer } from './slot-proposer.ts'
import type { TopologyLog } from './topology-log.ts'
import { isMember, type Topology, type TopologyMember } from './topology.ts'
import { refusalOfSuccessor } from './validate.ts'

const INTERVAL_MS = 1000
/** Changes of addresses, names and former replicas alone. */
const MINOR_INTERVAL_MS = 30_000
/** Newcomers that arrive together are taken in together: it saves them a movement. */
const TOGETHER_MS = 500
/** Events of membership come in bursts. */
const BURST_MS = 20
/** A root that is not the first waits this long for each that comes before it. */
const STAND_IN_MS = 5000
/** After an attempt that failed: at random up to this, doubled with each, up to the most. */
const RETRY_MS = 100
const RETRY_MS_MAX = 5000
const REPLACE_AFTER_MS = 600_000
const YOUNG_MEMBERS = 5
const SETTLE_YOUNG_MS = 1000
const SETTLE_MS = 5000

export interface DeciderOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly membership: Membership
  readonly topology: TopologyLog
  readonly acceptor: SlotAcceptor
  /** How long a member is gone before its replicas move to others. 10 minutes by default. */
  readonly replaceAfterMs?: number
  /** How long a newcomer is alive before it stores. Default: 1 s below 5 members, else 5 s. */
  readonly settleMs?: number
}

/** A plan, and what it was made from. */
interface Look {
  readonly plan: Plan
  readonly candidates: readonly TopologyMember[]
  readonly settlesAtMs: number
  /** When another look may come to something else by time alone. */
  readonly changesAtMs: number
}

export class Decider {
  readonly #options: DeciderOptions
  readonly #clock: Clock
  readonly #log: TopologyLog
  readonly #self: StorageId
  readonly #census: Census
  readonly #evidence = new InstalledEvidence()
  readonly #offered = new OfferedEvidence()
  readonly #departed: Departed
  readonly #petitions = new Petitions()
  readonly #proposer: SlotProposer
  readonly #aborter = new AbortController()
  readonly #tasks = new Set<Promise<void>>()
  #unsubscribe: (() => void)[] = []
  #timer: Timer | null = null
  #timerAtMs = Number.POSITIVE_INFINITY
  #turn: Promise<void> | null = null
  /** When the newest topology came to be known here. */
  #learnedAtMs = Number.NEGATIVE_INFINITY
  /** Attempts in a row that came to nothing. */
  #failures = 0
  /** Since when there is something to decide. */
  #wantedSinceMs: number | null = null
  /** When a newcomer was first seen ready while others were about to be. */
  #waitingSinceMs: number | null = null

  constructor(options: DeciderOptions) {
    const { mesh, membership, replaceAfterMs = REPLACE_AFTER_MS, settleMs } = options
    this.#options = options
    this.#clock = options.clock
    this.#log = options.topology
    this.#self = mesh.self.storageId
    this.#departed = new Departed(membership, options.topology.current())
    this.#proposer = new SlotProposer(options)
    this.#census = new Census(membership, {
      replaceAfterMs,
      settleMs: (members) => settleMs ?? (members < YOUNG_MEMBERS ? SETTLE_YOUNG_MS : SETTLE_MS),
    })
  }

  start(): void {
    if (this.#unsubscribe.length > 0 || this.#aborter.signal.aborted) return
    this.#unsubscribe = [
      this.#options.membership.subscribe(() => this.#wakeIn(BURST_MS)),
      this.#log.subscribe((topology) => this.#onTopology(topology)),
    ]
    this.#wakeIn(0)
  }

  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    this.#timer?.cancel()
    this.#timer = null
    await this.#proposer.stop()
    await this.#turn
    await Promise.all(this.#tasks)
  }

  takeReport(topology: Topology, from: StorageId, { installed, emptied }: Report): void {
    this.#evidence.add(topology, from, installed)
    this.#offered.add(topology, from, emptied)
    this.#wakeIn(BURST_MS)
  }

  /** Throws AtollError BUSY; NO_QUORUM when too few others could take over. Asked repeatedly. */
  takeLeave(topology: Topology, storageId: StorageId): void {
    const nowMs = this.#clock.monotonicMs()
    if (!isMember(topology, storageId)) return this.#departed.add(storageId, nowMs)
    const others = new Set(this.#petitions.leaving)
    if (!others.delete(storageId)) {
      const refusal = refusalOfLeave(topology, this.#options.membership, storageId, others)
      if (refusal !== null) throw refusal
    }
    this.#petitions.leave(storageId, nowMs)
    this.#wakeIn(0)
  }

  /** Throws AtollError BUSY. Asked repeatedly. */
  takeRemoval(storageId: StorageId): void {
    this.#petitions.remove(storageId, this.#clock.monotonicMs())
    this.#wakeIn(0)
  }

  /** Throws AtollError BUSY. Asked repeatedly. */
  takeMove(move: Move): void {
    this.#petitions.move(move, this.#clock.monotonicMs())
    this.#wakeIn(0)
  }

  /** What would be decided next, as of now. */
  outlook(current: Topology): Outlook {
    const { next, reasons } = this.#look(current, this.#clock.monotonicMs()).plan
    return { current, next, reasons, installed: this.#evidence.reported(current), by: '' }
  }

  #onTopology(topology: Topology): void {
    const nowMs = this.#clock.monotonicMs()
    this.#learnedAtMs = nowMs
    this.#wantedSinceMs = null
    this.#waitingSinceMs = null
    this.#failures = 0
    this.#departed.onTopology(topology, nowMs)
    this.#evidence.prune(topology)
    this.#offered.prune(topology)
    this.#wakeIn(BURST_MS)
  }

  #wakeIn(delayMs: number): void {
    const atMs = this.#clock.monotonicMs() + delayMs
    if (this.#unsubscribe.length === 0 || atMs >= this.#timerAtMs) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    this.#timer = this.#clock.after(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.#turn ??= this.#takeTurn().finally(() => {
        this.#turn = null
      })
    })
  }

  /** Never rejects. */
  async #takeTurn(): Promise<void> {
    const current = this.#log.current()
    const rank = current === null ? null : this.#rankIn(current)
    if (current === null || rank === null) return
    let waitMs: number
    try {
      waitMs = await this.#decide(current, rank)
    } catch (error) {
      this.#note('warn', 'topology.attempt-failed', { error: String(error) })
      waitMs = this.#backOff()
    }
    if (waitMs < Number.POSITIVE_INFINITY) this.#wakeIn(waitMs)
  }

  /** How many roots that are up come before this node; null when it is no root. */
  #rankIn(current: Topology): number | null {
    const live = liveDisks(current, this.#options.membership)
    const index = current.roots.filter((id) => live.has(id)).indexOf(this.#self)
    return index < 0 ? null : index
  }

  /** Has the next topology decided if there is one. Returns when it may be worth another look. */
  async #decide(current: Topology, rank: number): Promise<number> {
    const nowMs = this.#clock.monotonicMs()
    const look = this.#look(current, nowMs)
    const { next, minor } = look.plan
    const idleMs = Math.max(0, look.changesAtMs - nowMs)
    if (next === null && this.#options.acceptor.accepted === null) {
      this.#wantedSinceMs = null
      return idleMs
    }
    this.#wantedSinceMs ??= nowMs
    const earliestMs = Math.max(
      this.#learnedAtMs + (minor ? MINOR_INTERVAL_MS : INTERVAL_MS),
      this.#gathersUntil(current, look, nowMs),
      this.#wantedSinceMs + rank * STAND_IN_MS,
    )
    if (earliestMs > nowMs) return Math.min(idleMs, earliestMs - nowMs)
    const refusal = next === null ? null : refusalOfSuccessor(current, next)
    if (refusal !== null) throw new AtollError('INTERNAL', `the plan is not valid: ${refusal}`)
    const attempt = await this.#proposer.attempt(current, next)
    if (attempt.kind === 'chosen') await this.#onChosen(attempt, look.plan)
    else this.#note('debug', 'topology.attempt-ended', { how: attempt.kind })
    return attempt.kind === 'chosen' || attempt.kind === 'overtaken' ? BURST_MS : this.#backOff()
  }

  #look(current: Topology, nowMs: number): Look {
    const { alive, lost, ended, ...count } = this.#census.take(current, nowMs)
    this.#petitions.prune(current, nowMs)
    const { moves, removing: removed } = this.#petitions
    const leaving = new Set([...this.#petitions.leaving, ...ended])
    const installed = this.#evidence.installed(current, alive)
    const candidates = count.candidates.filter(
      ({ storageId }) => !this.#departed.has(storageId, nowMs),
    )
    const offered = this.#offered.offered(current, count.left)
    const beliefs = { candidates, alive, lost, installed, offered }
    const plan = planTopology({ current, ...beliefs, leaving, removed, moves })
    const changesAtMs = Math.min(
      this.#petitions.changesAtMs,
      this.#departed.changesAtMs(nowMs),
      count.changesAtMs,
    )
    return { plan, candidates, settlesAtMs: count.settlesAtMs, changesAtMs }
  }

  /** It is decided: others may hear of it even if this disk cannot take it. */
  async #onChosen(attempt: Attempt & { readonly kind: 'chosen' }, plan: Plan): Promise<void> {
    const { topology, record, ours } = attempt
    const reasons = ours ? plan.reasons.join(', ') : 'begun by another root'
    const { number, members } = topology
    this.#note('info', 'topology.decided', { number, members: members.length, reasons })
    for (const target of pushTargets(topology, record.length, this.#options.mesh.self.peer)) {
      this.#spawn(this.#pushTo(target, record))
    }
    await this.#log.learn(topology)
  }

  /** While newcomers are about to settle, those who have wait for them a little. */
  #gathersUntil(current: Topology, { candidates, settlesAtMs }: Look, nowMs: number): number {
    const joins = candidates.some(({ storageId }) => !isMember(current, storageId))
    if (!joins || settlesAtMs > nowMs + TOGETHER_MS) return nowMs
    this.#waitingSinceMs ??= nowMs
    return Math.min(settlesAtMs, this.#waitingSinceMs + TOGETHER_MS)
  }

  #backOff(): number {
    const mostMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.#failures)
    this.#failures = Math.min(this.#failures + 1, 10)
    return mostMs * (0.5 + this.#options.random.float() / 2)
  }

  async #pushTo(peer: PeerId, encoded: Uint8Array): Promise<void> {
    try {
      await pushTopology(this.#options.mesh, peer, encoded, this.#aborter.signal)
    } catch (error) {
      this.#note('debug', 'topology.push-failed', { peer, error: String(error) })
    }
  }

  #spawn(work: Promise<void>): void {
    const task = work.finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }

  #note(level: 'debug' | 'info' | 'warn', event: string, fields: Record<string, string | number>) {
    this.#options.log.write(level, event, fields)
  }
}
