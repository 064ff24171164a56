/**
 * The way to the roots, who decide topologies together (REGISTERS.md §4). Every node runs one of
 * these: it carries requests to the roots, and on a root it answers them and votes.
 *
 * A request goes to the first root that is up, and to the next one when that does not answer. It
 * says what its sender wants or knows, which the root keeps in memory; the sender says it again
 * until a topology shows it, so it survives that another root takes over. The roots other than
 * the asked one are told as well, so that they would plan alike.
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { Decider, type DeciderOptions } from './decider.ts'
import { Handover } from './handover.ts'
import type { Emptied, Installed, LeaveOptions, TopologyIssuer } from './issuer.ts'
import { isMoved, type Move, refusalOfMove } from './manual-move.ts'
import { decodeOutlook, encodeOutlook, type Outlook, outlookNumber } from './outlook.ts'
import { refusalOfRemoval } from './removal.ts'
import {
  decodeMove,
  decodeRemoval,
  decodeReport,
  encodeMove,
  encodeNumber,
  encodeRemoval,
  encodeReport,
} from './requests.ts'
import { RootCalls } from './root-calls.ts'
import { SlotAcceptor } from './slot-acceptor.ts'
import { decodeAccept, decodePrepare, encodeReply } from './slot-messages.ts'
import { isMember, type Topology } from './topology.ts'

/** A leave that no root has heard for so long is given up. */
const UNHEARD_MS = 30_000
/** Until it is looked again whether the disk has let go of all. */
const LET_GO_MS = 200
/** The topology may change between the question and the answer. */
const OUTLOOKS_MAX = 3
const NOTHING = new Uint8Array()

export interface RootsIssuerOptions extends Omit<DeciderOptions, 'acceptor'> {
  /** null on an edge, which is never a root. */
  readonly database: Database | null
}

/** Sets the mesh's handlers: make it before the mesh starts, and start it after. */
export class RootsIssuer implements TopologyIssuer {
  readonly #options: RootsIssuerOptions
  readonly #clock: Clock
  readonly #self: StorageId
  readonly #calls: RootCalls
  /** null on an edge. */
  readonly #decider: Decider | null
  /** Votes that were not given; null on an edge. */
  readonly refusals: SlotAcceptor['refusals'] | null = null

  constructor(options: RootsIssuerOptions) {
    const { mesh, database, topology, clock, log } = options
    this.#options = options
    this.#clock = clock
    this.#self = mesh.self.storageId
    this.#calls = new RootCalls(options)
    this.#decider = null
    if (database === null) return
    const acceptor = new SlotAcceptor({ self: this.#self, topology, database, clock, log })
    this.refusals = acceptor.refusals
    this.#decider = new Decider({ ...options, acceptor })
    this.#serveSlots(acceptor)
    this.#serveRequests(this.#decider)
  }

  start(): void {
    this.#decider?.start()
  }

  async stop(): Promise<void> {
    await this.#calls.stop()
    await this.#decider?.stop()
  }

  async report(installed: readonly Installed[], emptied: readonly Emptied[]): Promise<void> {
    const body = encodeReport({ installed, emptied })
    await this.#calls.tellAll(REQUEST_KINDS.TOPOLOGY_REPORT, body)
  }

  async leave({ signal, deadlineMs, hasLetGo = yes }: LeaveOptions = {}): Promise<void> {
    const handover = new Handover(this.#options, this.#calls)
    const late = new AbortController()
    const ends = AbortSignal.any([this.#calls.ends, late.signal, ...(signal ? [signal] : [])])
    const timer =
      deadlineMs === undefined
        ? null
        : this.#clock.after(deadlineMs, () => late.abort(handover.late()))
    try {
      await this.#goneBy(handover, hasLetGo, ends)
    } finally {
      timer?.cancel()
    }
  }

  async #goneBy(
    handover: Handover,
    hasLetGo: () => Promise<boolean>,
    ends: AbortSignal,
  ): Promise<void> {
    let heardAtMs = this.#clock.monotonicMs()
    for (;;) {
      ends.throwIfAborted()
      const topology = this.#calls.known()
      if (topology.members.length === 1 && isMember(topology, this.#self)) {
        throw new AtollError('CONFLICT', 'the only member has nobody to hand its data to', {
          hint: 'stop the daemon instead',
        })
      }
      const unheard = await this.#calls.plead(REQUEST_KINDS.TOPOLOGY_LEAVE, NOTHING, ends)
      if (unheard === null) heardAtMs = this.#clock.monotonicMs()
      else if (this.#clock.monotonicMs() - heardAtMs > UNHEARD_MS) throw unheard
      const isOut = !isMember(this.#calls.known(), this.#self)
      const isEmpty = isOut && (await hasLetGo())
      const isTaken = isEmpty && (await handover.isTaken(ends))
      // It may have been taken in just now, by a root that knew nothing of its going.
      if (isTaken && !isMember(this.#calls.known(), this.#self)) return
      await this.#calls.nextTopology(isOut && !isEmpty ? LET_GO_MS : handover.pauseMs, ends)
    }
  }

  async remove(storageId: StorageId): Promise<number> {
    const body = encodeRemoval(storageId)
    return this.#calls.pleadUntil(REQUEST_KINDS.TOPOLOGY_REMOVE, body, ({ removed }) =>
      removed.includes(storageId),
    )
  }

  async move(move: Move): Promise<number> {
    const body = encodeMove(move)
    return this.#calls.pleadUntil(REQUEST_KINDS.TOPOLOGY_MOVE, body, (topology) =>
      isMoved(topology, move),
    )
  }

  async outlook(): Promise<Outlook> {
    for (let attempt = 0; attempt < OUTLOOKS_MAX; attempt++) {
      const { answer, from } = await this.#calls.ask(REQUEST_KINDS.TOPOLOGY_OUTLOOK, NOTHING)
      await this.#options.topology.catchUp(outlookNumber(answer), from)
      const topology = this.#calls.known()
      if (topology.number === outlookNumber(answer)) return decodeOutlook(answer, topology, from)
    }
    throw new AtollError('BUSY', 'the topology changes faster than it can be looked at')
  }

  #serveSlots(acceptor: SlotAcceptor): void {
    const { mesh } = this.#options
    mesh.handle(REQUEST_KINDS.TOPOLOGY_PREPARE, async (from, body) => {
      return encodeReply(await acceptor.onPrepare(from, decodePrepare(body)))
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_ACCEPT, async (from, body) => {
      return encodeReply(await acceptor.onAccept(from, decodeAccept(body)))
    })
  }

  #serveRequests(decider: Decider): void {
    const { mesh } = this.#options
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REPORT, (from, body) => {
      const topology = this.#mustBeRoot()
      decider.takeReport(topology, from.storageId, decodeReport(body))
      return encodeNumber(topology.number)
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_LEAVE, (from) => {
      const topology = this.#mustBeRoot()
      decider.takeLeave(topology, from.storageId)
      return encodeNumber(topology.number)
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_REMOVE, (from, body) => {
      return encodeNumber(this.#takeRemoval(decider, from, decodeRemoval(body)))
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_MOVE, (from, body) => {
      return encodeNumber(this.#takeMove(decider, from, decodeMove(body)))
    })
    mesh.handle(REQUEST_KINDS.TOPOLOGY_OUTLOOK, () => {
      return encodeOutlook(decider.outlook(this.#mustBeRoot()))
    })
  }

  #takeRemoval(decider: Decider, from: RemotePeer, storageId: StorageId): number {
    const topology = this.#mustBeRoot()
    mustBeMember(topology, from, 'have a disk removed')
    if (topology.removed.includes(storageId)) return topology.number
    const refusal = refusalOfRemoval(topology, this.#options.membership, storageId)
    if (refusal !== null) throw refusal
    decider.takeRemoval(storageId)
    return topology.number
  }

  #takeMove(decider: Decider, from: RemotePeer, move: Move): number {
    const topology = this.#mustBeRoot()
    mustBeMember(topology, from, 'move partitions')
    if (isMoved(topology, move)) return topology.number
    const refusal = refusalOfMove(topology, this.#options.membership, move)
    if (refusal !== null) throw refusal
    decider.takeMove(move)
    return topology.number
  }

  #mustBeRoot(): Topology {
    const topology = this.#calls.known()
    if (topology.roots.includes(this.#self)) return topology
    throw new AtollError('BUSY', 'the asked node is no root now: another one decides')
  }
}

async function yes(): Promise<boolean> {
  return true
}

function mustBeMember(topology: Topology, { storageId }: RemotePeer, what: string): void {
  if (isMember(topology, storageId)) return
  throw new AtollError('DENIED', `only a member may ${what}`)
}
