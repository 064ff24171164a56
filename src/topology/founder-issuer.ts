/**
 * Who decides topologies while a cluster has one issuer: the disk that comes first among the
 * roots, the founder's as long as it does not leave. One writer, so numbers are unique by
 * construction: topology t names in `roots[0]` who may issue t + 1, and that one persists t + 1
 * before it tells anybody.
 *
 * Every node runs one of these. It carries requests to whoever issues, and answers them on the
 * member that does (`decider.ts` then decides). A restart of the issuer loses nothing that is not
 * sent again; its loss stops changes of the topology, and nothing else.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { Decider, type DeciderOptions } from './decider.ts'
import type { Installed, TopologyIssuer } from './issuer.ts'
import { pushTopology } from './push.ts'
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
import { isMember, type Topology } from './topology.ts'

const REQUEST_TIMEOUT_MS = 3000
const REMOVE_TIMEOUT_MS = 10_000
const REPEAT_LEAVE_MS = 2000
const REPEAT_HANDOVER_MS = 1000

export type FounderIssuerOptions = DeciderOptions

/** Sets the mesh's handlers: make it before the mesh starts, and start it after. */
export class FounderIssuer implements TopologyIssuer {
  readonly #options: FounderIssuerOptions
  readonly #clock: Clock
  readonly #log: TopologyLog
  readonly #self: StorageId
  readonly #decider: Decider
  readonly #aborter = new AbortController()

  constructor(options: FounderIssuerOptions) {
    const { mesh } = options
    this.#options = options
    this.#clock = options.clock
    this.#log = options.topology
    this.#self = mesh.self.storageId
    this.#decider = new Decider(options)
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REPORT, (from, body) => this.#onReport(from, body))
    mesh.handle(REQUEST_KINDS.TOPOLOGY_LEAVE, (from) => this.#onLeave(from))
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REMOVE, (from, body) => this.#onRemove(from, body))
  }

  /** Whether this node decides the next topology. */
  get issues(): boolean {
    return this.#decider.decides
  }

  start(): void {
    this.#decider.start()
  }

  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await this.#decider.stop()
  }

  async report(installed: readonly Installed[]): Promise<void> {
    const topology = this.#known()
    if (this.issues) return this.#decider.takeReport(topology, this.#self, installed)
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
    await this.#handOver(ends)
  }

  /**
   * The next issuer must have the topology that lets this node go before it goes: nobody else may
   * be left who has it. Tries until it does, or until the end.
   */
  async #handOver(ends: AbortSignal): Promise<void> {
    for (;;) {
      ends.throwIfAborted()
      const { members, roots } = this.#known()
      const heir = members.find(({ storageId }) => storageId === roots[0])
      if (heir === undefined) throw new AtollError('INTERNAL', 'the issuer is no member')
      try {
        return await pushTopology(this.#options.mesh, heir.id, this.#log.encoded, ends)
      } catch (error) {
        const fields = { peer: heir.id, error: String(error) }
        this.#options.log.write('warn', 'topology.handover-failed', fields)
      }
      await sleep(this.#clock, REPEAT_HANDOVER_MS, ends)
    }
  }

  async remove(storageId: StorageId): Promise<number> {
    if (this.issues) return this.#remove(storageId)
    const timeoutMs = REMOVE_TIMEOUT_MS + REQUEST_TIMEOUT_MS
    return this.#ask(REQUEST_KINDS.TOPOLOGY_REMOVE, encodeRemoval(storageId), timeoutMs)
  }

  #onReport(from: RemotePeer, body: Uint8Array): Uint8Array {
    const topology = this.#mustIssue()
    this.#decider.takeReport(topology, from.storageId, decodeReport(body))
    return encodeNumber(topology.number)
  }

  #onLeave(from: RemotePeer): Uint8Array {
    const topology = this.#mustIssue()
    this.#decider.takeLeave(topology, from.storageId)
    return encodeNumber(topology.number)
  }

  async #onRemove(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const topology = this.#mustIssue()
    if (!isMember(topology, from.storageId)) {
      throw new AtollError('DENIED', 'only a member may have a disk removed')
    }
    return encodeNumber(await this.#remove(decodeRemoval(body)))
  }

  async #remove(storageId: StorageId): Promise<number> {
    const topology = this.#known()
    if (topology.removed.includes(storageId)) return topology.number
    const refusal = refusalOfRemoval(topology, this.#options.membership, storageId)
    if (refusal !== null) throw refusal
    this.#decider.takeRemoval(storageId)
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
    if (this.issues) return this.#decider.takeLeave(this.#known(), this.#self)
    try {
      await this.#ask(REQUEST_KINDS.TOPOLOGY_LEAVE, new Uint8Array())
    } catch (error) {
      if (isAtollError(error, 'STOPPED') || isAtollError(error, 'NO_QUORUM')) throw error
      this.#options.log.write('debug', 'topology.leave-unheard', { error: String(error) })
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
}
