/** What a node with a disk does for the registers of all: it votes, hints, moves and repairs. */
import type { StorageId } from '../base/ids.ts'
import type { Database, Write } from '../disk/database.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Membership } from '../swim/member.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { AcceptorServer } from './acceptor-server.ts'
import type { RegisterCounts } from './counts.ts'
import type { Electorate } from './electorate.ts'
import { Hints } from './hints.ts'
import { Movement } from './movement.ts'
import { placeOf } from './place.ts'
import type { Proposer } from './proposer.ts'
import { decodeRegister } from './register.ts'
import type { Replica } from './replica.ts'
import { Upkeep } from './upkeep.ts'

export interface RegisterServerOptions {
  readonly self: StorageId
  readonly database: Database
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly membership: Membership
  readonly known: KnownTopology
  readonly clock: Clock
  readonly log: Log
  readonly deadlines: Deadlines
  readonly counts: RegisterCounts
  readonly replica: Replica
  readonly electorate: Electorate
  readonly proposer: Proposer
  /** All registers of a partition that moves are here. */
  readonly onInstalled: (partition: number, cfg: number) => void
}

export class RegisterServer {
  readonly #options: RegisterServerOptions
  readonly #movement: Movement
  readonly #upkeep: Upkeep
  readonly #hints: Hints
  readonly #unsubscribe: () => void

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: RegisterServerOptions) {
    this.#options = options
    const { replica, topology, mesh, clock } = options
    new AcceptorServer(options)
    this.#movement = new Movement(options)
    this.#upkeep = new Upkeep(options)
    this.#hints = new Hints({ mesh, clock, revisionOf: (key) => this.#revisionOf(key) })
    // Whatever a topology changes here is shown together with it.
    this.#unsubscribe = topology.subscribe(() => replica.states.onLearned())
  }

  /** For `beforeLearn` of the topology: what it makes of the registers here. */
  onLearn(next: Topology): readonly Write[] {
    return this.#options.replica.states.onLearn(next)
  }

  start(): void {
    this.#movement.start()
    this.#upkeep.start()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#hints.stop()
    await this.#movement.stop()
    await this.#upkeep.stop()
    await this.#options.replica.settled()
  }

  /** A vote on the key is durable here. */
  accepted(key: string, revision: () => number): void {
    this.#hints.changed(key, revision)
  }

  /** Of what is durable here, chosen or not; 0 when there is nothing. */
  #revisionOf(key: string): number {
    const { topology, replica } = this.#options
    const current = topology.current()
    if (current === null) return 0
    const record = replica.durable(placeOf(current, key).partition, key)
    return record === null || record.value.length === 0 ? 0 : decodeRegister(record.value).revision
  }
}
