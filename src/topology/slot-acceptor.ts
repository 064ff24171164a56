/**
 * A root's vote on the next topology: single-decree Paxos, one instance a number ("slot"), whose
 * acceptors are the roots of the topology before (REGISTERS.md §4; Lamport, "Paxos Made Simple",
 * 2001, §2.2).
 *
 * - P1a, P2b: it accepts nothing below the ballot that it promised, and promises nothing below it.
 * - It never speaks before it remembers: promise and vote are on its disk before the answer.
 * - Slot s is served only while the highest topology here is exactly s − 1. Past it, the answer is
 *   "decided": this root has dropped what it promised, and must not vote as if it had never. Below
 *   it, the missing topology is fetched first.
 * - It votes for a record only if that may follow the topology held here (validate.ts).
 *
 * Steps of a slot and the learning of topologies run one at a time (`TopologyLog.exclusively`), and
 * a slot is dropped in the batch that makes its topology durable, so no step sees half of either.
 */
import { AtollError } from '../base/errors.ts'
import { counterLimit } from '../base/hybrid-time.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import { WireError } from '../wire/codec.ts'
import { type Ballot, compareBallots } from './ballot.ts'
import { decodeTopology } from './codec.ts'
import { Refusals } from './refusals.ts'
import type { Accept, AcceptReply, Decided, Prepare, PrepareReply } from './slot-messages.ts'
import {
  type Accepted,
  dropSlot,
  freshSlot,
  readSlot,
  slotWrites,
  type SlotState,
} from './slot-state.ts'
import type { TopologyLog } from './topology-log.ts'
import type { Topology } from './topology.ts'
import { refusalOfSuccessor } from './validate.ts'

export interface SlotAcceptorOptions {
  readonly self: StorageId
  readonly topology: TopologyLog
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
}

/** Why a vote was not given that no honest root asks for. */
export const SLOT_REFUSALS = [
  'far-future',
  'other-disk',
  'not-a-root',
  'unknown-topology',
  'bad-record',
] as const
export type SlotRefusal = (typeof SLOT_REFUSALS)[number]

export class SlotAcceptor {
  readonly #options: SlotAcceptorOptions
  readonly #topology: TopologyLog
  /** As on the disk; of a slot that is decided it means nothing. */
  #state: SlotState | null
  /** The highest counter that is on the disk. */
  #counter: number
  readonly refusals: Refusals<SlotRefusal>

  /** Throws AtollError DISK_DAMAGED. Make it before anything is learned. */
  constructor(options: SlotAcceptorOptions) {
    this.#options = options
    this.refusals = new Refusals(SLOT_REFUSALS, (refusal) =>
      options.log.write('warn', 'topology.slot-refused', { ...refusal }),
    )
    this.#topology = options.topology
    const { state, counter } = readSlot(options.database)
    this.#state = state
    this.#counter = counter
    options.topology.beforeLearn(() => (this.#state === null ? [] : [dropSlot()]))
  }

  /** What was accepted here for the topology after the one that is known, and may be chosen. */
  get accepted(): Accepted | null {
    const slot = this.#topology.digest + 1
    return this.#state?.slot === slot ? this.#state.accepted : null
  }

  /** The counter below which nothing is promised here for that topology; 0: any. */
  get promised(): number {
    return this.#stateOf(this.#topology.digest + 1).promised.counter
  }

  /** Rejects with DENIED or CLOCK_SKEW, and with what the database rejects with. */
  async onPrepare(from: RemotePeer, { slot, ballot }: Prepare): Promise<PrepareReply> {
    await this.#reach(from, slot)
    return this.#topology.exclusively(async () => {
      const decided = this.#pastOf(slot)
      if (decided !== null) return decided
      this.#check(from, slot, ballot)
      const state = this.#stateOf(slot)
      const order = compareBallots(ballot, state.promised)
      if (order < 0) return { kind: 'rejected', promised: state.promised }
      // An equal ballot is the same prepare sent twice: nobody else can bear it.
      if (order > 0) await this.#keep({ ...state, promised: ballot })
      return { kind: 'promised', storageId: this.#options.self, accepted: state.accepted }
    })
  }

  /** Rejects with DENIED or CLOCK_SKEW, and with what the database rejects with. */
  async onAccept(from: RemotePeer, { slot, ballot, record }: Accept): Promise<AcceptReply> {
    await this.#reach(from, slot)
    return this.#topology.exclusively(async () => {
      const decided = this.#pastOf(slot)
      if (decided !== null) return decided
      const current = this.#check(from, slot, ballot)
      const state = this.#stateOf(slot)
      if (compareBallots(ballot, state.promised) < 0) {
        return { kind: 'rejected', promised: state.promised }
      }
      const refusal = refusalOfRecord(current, record)
      if (refusal !== null) {
        throw this.#refuse(from, 'bad-record', `topology ${slot}: ${refusal}`)
      }
      await this.#keep({ slot, promised: ballot, accepted: { ballot, record } })
      return { kind: 'voted', storageId: this.#options.self }
    })
  }

  /** A root that is behind learns first what it is to vote on top of. */
  async #reach(from: RemotePeer, slot: number): Promise<void> {
    if (slot - 1 <= this.#topology.digest) return
    try {
      await this.#topology.catchUp(slot - 1, from.peer)
    } catch (error) {
      const why = `slot ${slot} after topology ${this.#topology.digest}`
      this.refusals.note(from.peer, 'unknown-topology', why)
      throw error
    }
  }

  #pastOf(slot: number): Decided | null {
    const { digest } = this.#topology
    return digest >= slot ? { kind: 'decided', number: digest } : null
  }

  /** Called when the topology before the slot is known. */
  #check(from: RemotePeer, slot: number, { counter, storageId, boot }: Ballot): Topology {
    const { self, clock } = this.#options
    const current = this.#topology.current()
    if (current === null || current.number !== slot - 1) {
      const why = `slot ${slot} after topology ${current?.number ?? 0}`
      throw this.#refuse(from, 'unknown-topology', why)
    }
    if (!current.roots.includes(self)) throw new AtollError('DENIED', 'this node is no root')
    if (storageId !== from.storageId || boot !== from.boot) {
      throw this.#refuse(from, 'other-disk', 'a ballot in the name of another')
    }
    const root = current.members.find((member) => member.storageId === storageId)
    const isRoot = root?.id === from.peer && current.roots.includes(storageId)
    if (!isRoot) {
      throw this.#refuse(from, 'not-a-root', 'a ballot of somebody who is no root')
    }
    if (counter > counterLimit(this.#counter, clock.wallMs())) {
      const why = 'a ballot of the far future: clocks are more than a day apart'
      throw this.#refuse(from, 'far-future', why)
    }
    return current
  }

  #stateOf(slot: number): SlotState {
    return this.#state?.slot === slot ? this.#state : freshSlot(slot)
  }

  async #keep(state: SlotState): Promise<void> {
    const counter = Math.max(this.#counter, state.promised.counter)
    await this.#options.database.commit(slotWrites(state, counter))
    this.#state = state
    this.#counter = counter
  }

  #refuse({ peer }: RemotePeer, reason: SlotRefusal, why: string): AtollError {
    this.refusals.note(peer, reason, why)
    const code = reason === 'far-future' ? 'CLOCK_SKEW' : 'DENIED'
    return new AtollError(code, `refused by a root: ${why}`)
  }
}

function refusalOfRecord(current: Topology, record: Uint8Array): string | null {
  try {
    return refusalOfSuccessor(current, decodeTopology(record))
  } catch (error) {
    if (error instanceof WireError) return error.message
    throw error
  }
}
