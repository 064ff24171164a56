/**
 * Who decides topologies while a cluster has one issuer: the disk that comes first among the
 * roots, the founder's as long as it does not leave. One writer, so numbers are unique by
 * construction: topology t names in `roots[0]` who may issue t + 1, and that one persists t + 1
 * before it tells anybody.
 *
 * Every node runs one of these. On the issuer it watches membership, plans, and issues at most
 * one topology a second; elsewhere it carries requests to whoever issues. What the issuer keeps
 * in memory (reports, wishes to leave) is sent again by those whom it concerns, so its restart
 * loses nothing. Its loss stops changes of the topology, and nothing else.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import { type Clock, sleep, type Timer } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Membership } from '../swim/member.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { Census } from './census.ts'
import { Departed } from './departed.ts'
import { InstalledEvidence } from './evidence.ts'
import type { Installed, TopologyIssuer } from './issuer.ts'
import { MEMBERS_MAX } from './limits.ts'
import { planTopology } from './planner.ts'
import { pushTargets, pushTopology } from './push.ts'
import { refusalOfRemoval } from './removal.ts'
import {
  decodeNumber,
  decodeRemoval,
  decodeReport,
  encodeNumber,
  encodeRemoval,
  encodeReport,
} from './requests.ts'
import type { TopologyLog } from './topology-log.ts'
import type { Topology, TopologyMember } from './topology.ts'
import { refusalOfSuccessor } from './validate.ts'

const INTERVAL_MS = 1000
/** Changes of addresses and names alone. */
const MINOR_INTERVAL_MS = 30_000
/** Newcomers that arrive together are taken in together: it saves them a movement. */
const TOGETHER_MS = 500
/** Events of membership come in bursts. */
const BURST_MS = 20
const RETRY_MS = 1000
const REQUEST_TIMEOUT_MS = 3000
const REMOVE_TIMEOUT_MS = 10_000
const REPEAT_LEAVE_MS = 2000
const REPLACE_AFTER_MS = 600_000
const YOUNG_MEMBERS = 5
const SETTLE_YOUNG_MS = 1000
const SETTLE_MS = 5000

export interface FounderIssuerOptions {
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

/** Sets the mesh's handlers: make it before the mesh starts, and start it after. */
export class FounderIssuer implements TopologyIssuer {
  readonly #options: FounderIssuerOptions
  readonly #clock: Clock
  readonly #log: TopologyLog
  readonly #self: StorageId
  readonly #census: Census
  readonly #evidence = new InstalledEvidence()
  readonly #departed: Departed
  /** Disks that asked to go, until no topology names them. At most MEMBERS_MAX. */
  readonly #leaving = new Set<StorageId>()
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
  /** The last topology of an issuer that leaves, on its way to the next issuer. */
  #handover: Promise<void> = Promise.resolve()

  constructor(options: FounderIssuerOptions) {
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
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REPORT, (from, body) => this.#onReport(from, body))
    mesh.handle(REQUEST_KINDS.TOPOLOGY_LEAVE, (from) => this.#onLeave(from))
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REMOVE, (from, body) => this.#onRemove(from, body))
  }

  /** Whether this node decides the next topology. */
  get issues(): boolean {
    return this.#self !== '' && this.#log.current()?.roots[0] === this.#self
  }

  start(): void {
    if (this.#unsubscribe.length > 0 || this.#aborter.signal.aborted) return
    this.#unsubscribe = [
      this.#options.membership.subscribe(() => this.#wakeIn(BURST_MS)),
      this.#log.subscribe((topology) => {
        this.#departed.onTopology(topology)
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

  async report(installed: readonly Installed[]): Promise<void> {
    const topology = this.#known()
    if (this.issues) return this.#takeReport(topology, this.#self, installed)
    await this.#ask(REQUEST_KINDS.TOPOLOGY_REPORT, encodeReport(installed))
  }

  async leave(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const ends = AbortSignal.any([signal, this.#aborter.signal])
    for (;;) {
      ends.throwIfAborted()
      const topology = this.#known()
      if (topology.members.length === 1 && isMember(topology, this.#self)) {
        throw new AtollError('CONFLICT', 'the only member has nobody to hand its data to', {
          hint: 'stop the daemon instead',
        })
      }
      await this.#askToLeave()
      if (!isMember(this.#known(), this.#self)) break
      await this.#nextTopology(REPEAT_LEAVE_MS, ends)
    }
    await this.#handover
  }

  async remove(storageId: StorageId): Promise<number> {
    if (this.issues) return this.#remove(storageId)
    const timeoutMs = REMOVE_TIMEOUT_MS + REQUEST_TIMEOUT_MS
    return this.#ask(REQUEST_KINDS.TOPOLOGY_REMOVE, encodeRemoval(storageId), timeoutMs)
  }

  #onReport(from: RemotePeer, body: Uint8Array): Uint8Array {
    const topology = this.#mustIssue()
    this.#takeReport(topology, from.storageId, decodeReport(body))
    return encodeNumber(topology.number)
  }

  #onLeave(from: RemotePeer): Uint8Array {
    const topology = this.#mustIssue()
    this.#takeLeave(from.storageId)
    return encodeNumber(topology.number)
  }

  async #onRemove(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const topology = this.#mustIssue()
    if (!isMember(topology, from.storageId)) {
      throw new AtollError('DENIED', 'only a member may have a disk removed')
    }
    return encodeNumber(await this.#remove(decodeRemoval(body)))
  }

  #takeReport(topology: Topology, from: StorageId, installed: readonly Installed[]): void {
    this.#evidence.add(topology, from, installed)
    this.#wakeIn(BURST_MS)
  }

  #takeLeave(storageId: StorageId): void {
    if (!isMember(this.#known(), storageId)) return this.#departed.add(storageId)
    if (this.#leaving.size >= MEMBERS_MAX) throw new AtollError('BUSY', 'too many members leave')
    this.#leaving.add(storageId)
    this.#wakeIn(0)
  }

  async #remove(storageId: StorageId): Promise<number> {
    const topology = this.#known()
    if (topology.removed.includes(storageId)) return topology.number
    const refusal = refusalOfRemoval(topology, this.#options.membership, storageId)
    if (refusal !== null) throw refusal
    if (this.#removing.size >= MEMBERS_MAX) throw new AtollError('BUSY', 'too many removals')
    this.#removing.add(storageId)
    this.#wakeIn(0)
    const endMs = this.#clock.monotonicMs() + REMOVE_TIMEOUT_MS
    while (!this.#known().removed.includes(storageId)) {
      const leftMs = endMs - this.#clock.monotonicMs()
      if (leftMs <= 0) {
        throw new AtollError('TIMEOUT', 'no topology was decided in time', { outcome: 'unknown' })
      }
      await this.#nextTopology(leftMs, this.#aborter.signal)
    }
    return this.#known().number
  }

  async #askToLeave(): Promise<void> {
    if (this.issues) return this.#takeLeave(this.#self)
    try {
      await this.#ask(REQUEST_KINDS.TOPOLOGY_LEAVE, new Uint8Array())
    } catch (error) {
      if (isAtollError(error, 'STOPPED')) throw error
      this.#note('debug', 'topology.leave-unheard', { error: String(error) })
    }
  }

  /** Asks the issuer; its answer is a number, which is caught up with when it is news. */
  async #ask(kind: number, body: Uint8Array, timeoutMs = REQUEST_TIMEOUT_MS): Promise<number> {
    const topology = this.#known()
    const issuer = topology.members.find(({ storageId }) => storageId === topology.roots[0])
    if (issuer === undefined) throw new AtollError('UNREACHABLE', 'the issuer is no member')
    const { signal } = this.#aborter
    const reply = await this.#options.mesh.request(issuer.id, kind, body, { timeoutMs, signal })
    const number = decodeNumber(reply)
    this.#log.onDigest(issuer.id, number)
    return number
  }

  #mustIssue(): Topology {
    const topology = this.#known()
    if (!this.issues) throw new AtollError('DENIED', 'this node does not issue topologies')
    return topology
  }

  #known(): Topology {
    const topology = this.#log.current()
    if (topology === null) throw new AtollError('UNCLAIMED', 'no topology is known here yet')
    return topology
  }

  /** Resolves with the next topology or after the time; rejects with the signal's reason. */
  async #nextTopology(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const heard = new AbortController()
    const unsubscribe = this.#log.subscribe(() => heard.abort())
    try {
      await sleep(this.#clock, timeoutMs, AbortSignal.any([signal, heard.signal]))
    } catch (error) {
      if (signal.aborted) throw error
    } finally {
      unsubscribe()
    }
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
    if (!this.issues) return
    try {
      const waitMs = await this.#issue(this.#known())
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
    this.#forgetTheGone(current)
    const installed = this.#evidence.installed(current, count.alive)
    const removed = [...this.#removing].filter((id) => !current.removed.includes(id))
    const { alive, lost } = count
    const candidates = count.candidates.filter(({ storageId }) => !this.#departed.has(storageId))
    const leaving = this.#leaving
    const plan = planTopology({ current, candidates, alive, lost, leaving, removed, installed })
    const idleMs = Math.max(0, count.changesAtMs - nowMs)
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

  #forgetTheGone(current: Topology): void {
    for (const id of this.#removing) {
      if (current.removed.includes(id)) this.#removing.delete(id)
    }
    for (const id of this.#leaving) {
      if (!isMember(current, id)) this.#leaving.delete(id)
    }
  }

  #push(topology: Topology): void {
    const { encoded } = this.#log
    const { peer } = this.#options.mesh.self
    for (const target of pushTargets(topology, encoded.length, peer)) {
      this.#spawn(this.#pushTo(target, encoded))
    }
    const heir = topology.members.find(({ storageId }) => storageId === topology.roots[0])
    if (heir === undefined || heir.storageId === this.#self) return
    this.#handover = this.#handOver(heir.id, encoded)
    this.#spawn(this.#handover)
  }

  async #pushTo(peer: PeerId, encoded: Uint8Array): Promise<void> {
    try {
      await pushTopology(this.#options.mesh, peer, encoded, this.#aborter.signal)
    } catch (error) {
      this.#note('debug', 'topology.push-failed', { peer, error: String(error) })
    }
  }

  /** The next issuer must have it before this node goes: tries until it does, or until the end. */
  async #handOver(heir: PeerId, encoded: Uint8Array): Promise<void> {
    const { signal } = this.#aborter
    while (!signal.aborted) {
      try {
        return await pushTopology(this.#options.mesh, heir, encoded, signal)
      } catch (error) {
        this.#note('warn', 'topology.handover-failed', { peer: heir, error: String(error) })
      }
      await sleep(this.#clock, RETRY_MS, signal).catch(() => undefined)
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

function isMember(topology: Topology, storageId: StorageId): boolean {
  return topology.members.some((member) => member.storageId === storageId)
}
