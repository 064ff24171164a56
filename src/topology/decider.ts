/**
 * Deciding: on the member that issues topologies it watches membership and the replicas' reports,
 * plans, and issues at most one topology a second; elsewhere it sleeps. Its memory (who asked to
 * leave, what is installed) is filled again by those whom it concerns when it is lost.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Membership } from '../swim/member.ts'
import { Census } from './census.ts'
import { Departed } from './departed.ts'
import { InstalledEvidence } from './evidence.ts'
import type { Installed } from './issuer.ts'
import { refusalOfLeave } from './leaving.ts'
import { MEMBERS_MAX } from './limits.ts'
import { planTopology } from './planner.ts'
import { pushTargets, pushTopology } from './push.ts'
import type { TopologyLog } from './topology-log.ts'
import { isMember, type Topology, type TopologyMember } from './topology.ts'
import { refusalOfSuccessor } from './validate.ts'

const INTERVAL_MS = 1000
/** Changes of addresses and names alone. */
const MINOR_INTERVAL_MS = 30_000
/** Newcomers that arrive together are taken in together: it saves them a movement. */
const TOGETHER_MS = 500
/** Events of membership come in bursts. */
const BURST_MS = 20
const RETRY_MS = 1000
/** Who leaves asks every two seconds. */
const LEAVE_COUNTS_MS = 15_000
const REPLACE_AFTER_MS = 600_000
const YOUNG_MEMBERS = 5
const SETTLE_YOUNG_MS = 1000
const SETTLE_MS = 5000

export interface DeciderOptions {
  readonly mesh: Mesh
  readonly clock: Clock
  readonly log: Log
  readonly membership: Membership
  readonly topology: TopologyLog
  /** How long a member is gone before its replicas move to others. 10 minutes by default. */
  readonly replaceAfterMs?: number
  /** How long a newcomer is alive before it stores. Default: 1 s below 5 members, else 5 s. */
  readonly settleMs?: number
}

export class Decider {
  readonly #options: DeciderOptions
  readonly #clock: Clock
  readonly #log: TopologyLog
  readonly #self: StorageId
  readonly #census: Census
  readonly #evidence = new InstalledEvidence()
  readonly #departed: Departed
  /**
   * Disks that ask to go, and until when that counts without their asking again: who gave it up, or
   * is another process now, stays. At most MEMBERS_MAX.
   */
  readonly #leaving = new Map<StorageId, number>()
  /** Disks that the operator removes, until a topology says so. At most MEMBERS_MAX. */
  readonly #removing = new Set<StorageId>()
  readonly #aborter = new AbortController()
  readonly #tasks = new Set<Promise<void>>()
  #unsubscribe: (() => void)[] = []
  #timer: Timer | null = null
  #timerAtMs = Number.POSITIVE_INFINITY
  #turn: Promise<void> | null = null
  #issuedAtMs = Number.NEGATIVE_INFINITY
  /** When a newcomer was first seen ready while others were about to be. */
  #waitingSinceMs: number | null = null

  constructor(options: DeciderOptions) {
    const { mesh, membership, replaceAfterMs = REPLACE_AFTER_MS, settleMs } = options
    this.#options = options
    this.#clock = options.clock
    this.#log = options.topology
    this.#self = mesh.self.storageId
    this.#departed = new Departed(membership, options.topology.current())
    this.#census = new Census(membership, {
      replaceAfterMs,
      settleMs: (members) => settleMs ?? (members < YOUNG_MEMBERS ? SETTLE_YOUNG_MS : SETTLE_MS),
    })
  }

  /** Whether this node decides the next topology. */
  get decides(): boolean {
    return this.#self !== '' && this.#log.current()?.roots[0] === this.#self
  }

  start(): void {
    if (this.#unsubscribe.length > 0 || this.#aborter.signal.aborted) return
    this.#unsubscribe = [
      this.#options.membership.subscribe(() => this.#wakeIn(BURST_MS)),
      this.#log.subscribe((topology) => {
        this.#departed.onTopology(topology, this.#clock.monotonicMs())
        this.#evidence.prune(topology)
        this.#wakeIn(BURST_MS)
      }),
    ]
    this.#wakeIn(0)
  }

  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
    this.#timer?.cancel()
    this.#timer = null
    await this.#turn
    await Promise.all(this.#tasks)
  }

  takeReport(topology: Topology, from: StorageId, installed: readonly Installed[]): void {
    this.#evidence.add(topology, from, installed)
    this.#wakeIn(BURST_MS)
  }

  /** Throws AtollError BUSY; NO_QUORUM when too few others could take over. Asked repeatedly. */
  takeLeave(topology: Topology, storageId: StorageId): void {
    if (!isMember(topology, storageId)) {
      return this.#departed.add(storageId, this.#clock.monotonicMs())
    }
    const untilMs = this.#clock.monotonicMs() + LEAVE_COUNTS_MS
    if (this.#leaving.has(storageId)) return void this.#leaving.set(storageId, untilMs)
    const others = new Set(this.#leaving.keys())
    const refusal = refusalOfLeave(topology, this.#options.membership, storageId, others)
    if (refusal !== null) throw refusal
    if (this.#leaving.size >= MEMBERS_MAX) throw new AtollError('BUSY', 'too many members leave')
    this.#leaving.set(storageId, untilMs)
    this.#wakeIn(0)
  }

  /** Throws AtollError BUSY. */
  takeRemoval(storageId: StorageId): void {
    if (this.#removing.size >= MEMBERS_MAX) throw new AtollError('BUSY', 'too many removals')
    this.#removing.add(storageId)
    this.#wakeIn(0)
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
    if (current === null || !this.decides) return
    try {
      const waitMs = await this.#issue(current)
      if (waitMs < Number.POSITIVE_INFINITY) this.#wakeIn(waitMs)
    } catch (error) {
      this.#note('warn', 'topology.issue-failed', { error: String(error) })
      this.#wakeIn(RETRY_MS)
    }
  }

  /** Issues the next topology if there is one. Returns how long until it may be worth a look. */
  async #issue(current: Topology): Promise<number> {
    const nowMs = this.#clock.monotonicMs()
    const count = this.#census.take(current, nowMs)
    this.#forgetTheGone(current, nowMs)
    const installed = this.#evidence.installed(current, count.alive)
    const removed = [...this.#removing].filter((id) => !current.removed.includes(id))
    const { alive, lost } = count
    const candidates = count.candidates.filter(
      ({ storageId }) => !this.#departed.has(storageId, nowMs),
    )
    const leaving = new Set(this.#leaving.keys())
    const plan = planTopology({ current, candidates, alive, lost, leaving, removed, installed })
    const untilsMs = [
      ...this.#leaving.values(),
      this.#departed.changesAtMs(nowMs),
      count.changesAtMs,
    ]
    const idleMs = Math.max(0, Math.min(...untilsMs) - nowMs)
    if (plan.next === null) return idleMs
    const dueMs = this.#issuedAtMs + (plan.minor ? MINOR_INTERVAL_MS : INTERVAL_MS)
    const gathersMs = this.#gathersUntil(current, candidates, count.settlesAtMs, nowMs)
    const earliestMs = Math.max(dueMs, gathersMs)
    if (earliestMs > nowMs) return Math.min(idleMs, earliestMs - nowMs)
    const evidence = (partition: number) => this.#evidence.of(partition)
    const refusal = refusalOfSuccessor(current, plan.next, evidence)
    if (refusal !== null) throw new AtollError('INTERNAL', `the plan is not valid: ${refusal}`)
    await this.#log.learn(plan.next)
    this.#issuedAtMs = nowMs
    this.#waitingSinceMs = null
    const { number, members } = plan.next
    const reasons = plan.reasons.join(', ')
    this.#note('info', 'topology.issued', { number, members: members.length, reasons })
    this.#push(plan.next)
    return INTERVAL_MS
  }

  /** While newcomers are about to settle, those who have wait for them a little. */
  #gathersUntil(
    current: Topology,
    candidates: readonly TopologyMember[],
    settlesAtMs: number,
    nowMs: number,
  ): number {
    const joins = candidates.some(({ storageId }) => !isMember(current, storageId))
    if (!joins || settlesAtMs > nowMs + TOGETHER_MS) return nowMs
    this.#waitingSinceMs ??= nowMs
    return Math.min(settlesAtMs, this.#waitingSinceMs + TOGETHER_MS)
  }

  #forgetTheGone(current: Topology, nowMs: number): void {
    for (const id of this.#removing) {
      if (current.removed.includes(id)) this.#removing.delete(id)
    }
    for (const [id, untilMs] of this.#leaving) {
      if (!isMember(current, id) || untilMs <= nowMs) this.#leaving.delete(id)
    }
  }

  #push(topology: Topology): void {
    const { encoded } = this.#log
    const { peer } = this.#options.mesh.self
    for (const target of pushTargets(topology, encoded.length, peer)) {
      this.#spawn(this.#pushTo(target, encoded))
    }
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
