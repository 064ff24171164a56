/**
 * What each replica holds of a register, for people to look at: durable ballots and versions as they
 * are. It goes beside the protocol: nothing is promised, nothing fenced, and nothing may be
 * concluded from it but what is likely to happen next.
 */
import { AtollError } from '../base/errors.ts'
import { ID_BYTES_MAX, type StorageId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Peers } from '../topology/peers.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { type Ballot, NO_BALLOT, readBallot, writeBallot } from './ballot.ts'
import { readKey } from '../topology/request-header.ts'
import { blocking, majority, type Place, placeOf } from './place.ts'
import type { Proposer } from './proposer.ts'
import { ABSENT, decodeRegister } from './register.ts'
import type { Replica } from './replica.ts'

/** One replica. */
export interface Inspected {
  /** Of its record, or the floor of the partition where there is none. */
  readonly promised: Ballot
  readonly accepted: Ballot
  /** Of what it accepted, chosen or not; 0: nothing. */
  readonly revision: number
  readonly hasValue: boolean
  readonly installed: boolean
  /** A change that it proposed now would take one round. */
  readonly isReady: boolean
}

/** What a change would do now. */
export type NextChange = 'one-round' | 'two-rounds' | 'moving' | 'no-quorum'

export interface Inspection {
  readonly place: Place
  /** Those that answered, of both groups while the partition moves. */
  readonly replicas: ReadonlyMap<StorageId, Inspected>
  /** Who would propose a change that this node is asked for. */
  readonly proposer: StorageId | null
  readonly next: NextChange
}

export interface InspectorOptions {
  readonly self: StorageId
  readonly mesh: Mesh
  readonly peers: Peers
  readonly topology: TopologyView
  /** Both null on a node without a disk. */
  readonly replica: Replica | null
  readonly proposer: Proposer | null
  /** Whether this node leaves the key to the first replica. */
  readonly isContested: (key: string) => boolean
}

export class Inspector {
  readonly #options: InspectorOptions

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: InspectorOptions) {
    this.#options = options
    if (options.replica === null) return
    options.mesh.handle(REQUEST_KINDS.REG_INSPECT, (_from, body) => {
      const key = readKey(new WireReader(body))
      return encode(options.self, this.#here(this.#known(), key))
    })
  }

  async inspect(key: string, deadlineMs: number): Promise<Inspection> {
    const { self, isContested } = this.#options
    const topology = this.#known()
    const place = placeOf(topology, key)
    const group = [...new Set([...place.replicas, ...(place.previous ?? [])])]
    const asked = group.map((id) => this.#ask(topology, id, key, deadlineMs).catch(() => null))
    const answers = (await Promise.all(asked)).map((held, i) => [group[i] ?? '', held] as const)
    const replicas = new Map(answers.flatMap(([id, held]) => (held === null ? [] : [[id, held]])))
    const isOurs = place.replicas.includes(self) && !isContested(key)
    const proposer = isOurs ? self : (group.find((id) => replicas.has(id)) ?? null)
    return { place, replicas, proposer, next: nextOf(place, replicas, proposer) }
  }

  async #ask(
    topology: Topology,
    id: StorageId,
    key: string,
    timeoutMs: number,
  ): Promise<Inspected | null> {
    const { self, peers, mesh } = this.#options
    if (id === self) return this.#here(topology, key)
    const peer = peers.usable(topology, id)
    if (peer === undefined) return null
    const body = new WireWriter().string(key).finish()
    return decode(id, await mesh.request(peer, REQUEST_KINDS.REG_INSPECT, body, { timeoutMs }))
  }

  #here(topology: Topology, key: string): Inspected {
    const { replica, proposer } = this.#options
    if (replica === null) throw new AtollError('UNSUPPORTED', 'this node holds no registers')
    const { partition, cfg } = placeOf(topology, key)
    const state = replica.states.durable(partition)
    const record = replica.durable(partition, key)
    const { promised, accepted } = record ?? { promised: state.floor, accepted: NO_BALLOT }
    const isThere = record !== null && record.value.length > 0
    const { kind, revision } = isThere ? decodeRegister(record.value) : ABSENT
    const installed = state.installed === cfg
    const isReady = proposer?.isReady(key) === true
    return { promised, accepted, revision, hasValue: kind !== 'absent', installed, isReady }
  }

  #known(): Topology {
    const topology = this.#options.topology.current()
    if (topology !== null) return topology
    throw new AtollError('NO_QUORUM', 'the topology is not known here yet')
  }
}

function nextOf(
  { replicas, previous }: Place,
  held: ReadonlyMap<StorageId, Inspected>,
  proposer: StorageId | null,
): NextChange {
  const answered = replicas.flatMap((id) => held.get(id) ?? [])
  const needed = majority(replicas)
  if (answered.length < needed) return 'no-quorum'
  const installed = answered.filter((each) => each.installed).length
  if (previous !== null && installed < needed) {
    const old = previous.filter((id) => held.has(id)).length
    return old < blocking(previous) ? 'no-quorum' : 'moving'
  }
  return proposer !== null && held.get(proposer)?.isReady === true ? 'one-round' : 'two-rounds'
}

function encode(self: StorageId, inspected: Inspected): Uint8Array {
  const { promised, accepted, revision, hasValue, installed, isReady } = inspected
  const out = writeBallot(writeBallot(new WireWriter().string(self), promised), accepted)
  return out.uint(revision).bool(hasValue).bool(installed).bool(isReady).finish()
}

/** Null: another disk answered. Throws WireError. */
function decode(id: StorageId, bytes: Uint8Array): Inspected | null {
  const from = new WireReader(bytes)
  if (from.string(ID_BYTES_MAX) !== id) return null
  const promised = readBallot(from)
  const accepted = readBallot(from)
  const revision = from.uint()
  const [hasValue, installed, isReady] = [from.bool(), from.bool(), from.bool()]
  return { promised, accepted, revision, hasValue, installed, isReady }
}
