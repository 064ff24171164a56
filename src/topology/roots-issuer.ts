/**
 * The way to the roots, who decide topologies together (registers.md §4). Every node runs one of
 * these: it carries requests to the roots, and on a root it answers them and votes.
 *
 * A request goes to the first root that is up, and to the next one when that does not answer. It
 * says what its sender wants or knows, which the root keeps in memory; the sender says it again
 * until a topology shows it, so it survives that another root takes over. The roots other than
 * the asked one are told as well, so that they would plan alike.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { Decider, type DeciderOptions } from './decider.ts'
import { liveDisks } from './describe.ts'
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
import { SlotAcceptor } from './slot-acceptor.ts'
import { decodeAccept, decodePrepare, encodeReply } from './slot-messages.ts'
import type { TopologyLog } from './topology-log.ts'
import { isMember, type Topology, type TopologyMember } from './topology.ts'
import { majorityOf } from './validate.ts'

const REQUEST_TIMEOUT_MS = 3000
const REPEAT_MS = 2000
const REMOVE_MS = 15_000
/** A leave that no root has heard for so long is given up. */
const UNHEARD_MS = 30_000
const REPEAT_HANDOVER_MS = 1000
/** What a root says for all of them: no other need be asked. */
const FINAL = ['NO_QUORUM', 'NOT_FOUND', 'CONFLICT', 'TOO_LARGE', 'DENIED', 'STOPPED'] as const

export interface RootsIssuerOptions extends Omit<DeciderOptions, 'acceptor'> {
  /** null on an edge, which is never a root. */
  readonly database: Database | null
}

/** Sets the mesh's handlers: make it before the mesh starts, and start it after. */
export class RootsIssuer implements TopologyIssuer {
  readonly #options: RootsIssuerOptions
  readonly #clock: Clock
  readonly #log: TopologyLog
  readonly #self: StorageId
  /** null on an edge. */
  readonly #decider: Decider | null
  readonly #aborter = new AbortController()
  readonly #tasks = new Set<Promise<void>>()

  constructor(options: RootsIssuerOptions) {
    const { mesh, database, topology, clock, log } = options
    this.#options = options
    this.#clock = clock
    this.#log = topology
    this.#self = mesh.self.storageId
    this.#decider = null
    if (database === null) return
    const acceptor = new SlotAcceptor({ self: this.#self, topology, database, clock, log })
    const decider = new Decider({ ...options, acceptor })
    this.#decider = decider
    mesh.handle(REQUEST_KINDS.TOPOLOGY_PREPARE, async (from, body) => {
      return encodeReply(await acceptor.onPrepare(from, decodePrepare(body)))
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_ACCEPT, async (from, body) => {
      return encodeReply(await acceptor.onAccept(from, decodeAccept(body)))
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REPORT, (from, body) => {
      const current = this.#mustBeRoot()
      decider.takeReport(current, from.storageId, decodeReport(body))
      return encodeNumber(current.number)
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_LEAVE, (from) => {
      const current = this.#mustBeRoot()
      decider.takeLeave(current, from.storageId)
      return encodeNumber(current.number)
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REMOVE, (from, body) => {
      return encodeNumber(this.#takeRemoval(decider, from, decodeRemoval(body)))
    })
  }

  start(): void {
    this.#decider?.start()
  }

  async stop(): Promise<void> {
    this.#aborter.abort(new AtollError('STOPPED', 'this node is stopping'))
    await this.#decider?.stop()
    await Promise.all(this.#tasks)
  }

  async report(installed: readonly Installed[]): Promise<void> {
    await this.#tell(REQUEST_KINDS.TOPOLOGY_REPORT, encodeReport(installed))
  }

  async leave(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const ends = AbortSignal.any([signal, this.#aborter.signal])
    let heardAtMs = this.#clock.monotonicMs()
    for (;;) {
      ends.throwIfAborted()
      const topology = this.#known()
      if (topology.members.length === 1 && isMember(topology, this.#self)) {
        throw new AtollError('CONFLICT', 'the only member has nobody to hand its data to', {
          hint: 'stop the daemon instead',
        })
      }
      const unheard = await this.#plead(REQUEST_KINDS.TOPOLOGY_LEAVE, new Uint8Array())
      if (unheard === null) heardAtMs = this.#clock.monotonicMs()
      else if (this.#clock.monotonicMs() - heardAtMs > UNHEARD_MS) throw unheard
      if (!isMember(this.#known(), this.#self)) break
      await this.#nextTopology(REPEAT_MS, ends)
    }
    await this.#handOver(ends)
  }

  async remove(storageId: StorageId): Promise<number> {
    const endMs = this.#clock.monotonicMs() + REMOVE_MS
    let heard = false
    while (!this.#known().removed.includes(storageId)) {
      const unheard = await this.#plead(REQUEST_KINDS.TOPOLOGY_REMOVE, encodeRemoval(storageId))
      heard ||= unheard === null
      const leftMs = endMs - this.#clock.monotonicMs()
      if (leftMs <= 0) throw heard || unheard === null ? undecided() : unheard
      await this.#nextTopology(Math.min(leftMs, REPEAT_MS), this.#aborter.signal)
    }
    return this.#known().number
  }

  #takeRemoval(decider: Decider, from: RemotePeer, storageId: StorageId): number {
    const topology = this.#mustBeRoot()
    if (!isMember(topology, from.storageId)) {
      throw new AtollError('DENIED', 'only a member may have a disk removed')
    }
    if (topology.removed.includes(storageId)) return topology.number
    const refusal = refusalOfRemoval(topology, this.#options.membership, storageId)
    if (refusal !== null) throw refusal
    decider.takeRemoval(storageId)
    return topology.number
  }

  /**
   * A majority of the roots must have the topology that lets this node go before it goes, or
   * nobody might be left who knows of it and could decide the next. Tries until they do.
   */
  async #handOver(ends: AbortSignal): Promise<void> {
    for (;;) {
      ends.throwIfAborted()
      const roots = rootsOf(this.#known())
      const pushes = roots.map(({ id }) => this.#handTo(id, ends))
      const have = (await Promise.all(pushes)).filter(Boolean).length
      if (have >= majorityOf(roots.length)) return
      await sleep(this.#clock, REPEAT_HANDOVER_MS, ends)
    }
  }

  async #handTo(peer: PeerId, ends: AbortSignal): Promise<boolean> {
    try {
      await pushTopology(this.#options.mesh, peer, this.#log.encoded, ends)
      return true
    } catch (error) {
      this.#options.log.write('warn', 'topology.handover-failed', { peer, error: String(error) })
      return false
    }
  }

  /**
   * Says it to the first root that answers, then to the others. Null when one took it, else why
   * none did. Rejects with what a root refused for good.
   */
  async #plead(kind: number, body: Uint8Array): Promise<AtollError | null> {
    let failure: unknown = new AtollError('UNREACHABLE', 'there is no root to ask')
    const roots = this.#rootsToAsk()
    for (const [index, root] of roots.entries()) {
      try {
        await this.#ask(root, kind, body)
        for (const other of roots.slice(index + 1)) this.#spawn(this.#ask(other, kind, body))
        return null
      } catch (error) {
        if (isFinal(error)) throw error
        failure = error
      }
    }
    return new AtollError('NO_QUORUM', 'no root of the topology answers', {
      outcome: isAtollError(failure) ? failure.outcome : 'unknown',
      hint: 'see which are up: atoll topology show',
      cause: failure,
    })
  }

  /** Says it to every root. Rejects when none takes it. */
  async #tell(kind: number, body: Uint8Array): Promise<void> {
    const answers = this.#rootsToAsk().map((root) => this.#ask(root, kind, body))
    await Promise.any(answers)
  }

  /** A root's answer is the number that it knows, which is caught up with when it is news. */
  async #ask(root: PeerId, kind: number, body: Uint8Array): Promise<void> {
    const { signal } = this.#aborter
    const options = { timeoutMs: REQUEST_TIMEOUT_MS, signal }
    const reply = await this.#options.mesh.request(root, kind, body, options)
    this.#log.onDigest(root, decodeNumber(reply))
  }

  /** In the order in which they decide; those that seem to be down come last. */
  #rootsToAsk(): PeerId[] {
    const topology = this.#known()
    const live = liveDisks(topology, this.#options.membership)
    const isLive = ({ storageId }: TopologyMember) => live.has(storageId)
    const roots = rootsOf(topology)
    return [...roots.filter(isLive), ...roots.filter((root) => !isLive(root))].map(({ id }) => id)
  }

  #mustBeRoot(): Topology {
    const topology = this.#known()
    if (topology.roots.includes(this.#self)) return topology
    throw new AtollError('BUSY', 'the asked node is no root now: another one decides')
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

  /** Its failure matters to nobody. */
  #spawn(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => {
        this.#options.log.write('debug', 'topology.root-unheard', { error: String(error) })
      })
      .finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }
}

function undecided(): AtollError {
  return new AtollError('TIMEOUT', 'no topology was decided in time', {
    outcome: 'unknown',
    hint: 'that needs a majority of the roots; see: atoll topology show',
  })
}

function isFinal(error: unknown): boolean {
  return FINAL.some((code) => isAtollError(error, code))
}

/** In the order of the roots. */
function rootsOf({ roots, members }: Topology): TopologyMember[] {
  return roots.flatMap((id) => members.filter(({ storageId }) => storageId === id))
}
