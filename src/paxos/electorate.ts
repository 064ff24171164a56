/** The acceptors of a place as a proposer or reader asks them: here, or over the mesh. */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Peers } from '../topology/peers.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { Ballot } from './ballot.ts'
import type { BallotClock } from './ballot-clock.ts'
import { ClockTrial } from './clock-trial.ts'
import { type ListedPage, readPage } from './list-messages.ts'
import { type Header, writeHeader } from '../topology/request-header.ts'
import {
  encodeAccept,
  encodePrepare,
  encodeRead,
  encodeRemove,
  type Held,
  type Promised,
  readHeld,
  readPromised,
  readReply,
  type Reply,
} from './messages.ts'
import { type Place, placeNumber } from './place.ts'
import type { Ask } from './poll.ts'
import type { Replica, Vote } from './replica.ts'

export interface ElectorateOptions {
  readonly self: StorageId
  /** null on a node without a disk. */
  readonly replica: Replica | null
  readonly mesh: Mesh
  readonly peers: Peers
  readonly ballots: BallotClock
}

export class Electorate {
  readonly #options: ElectorateOptions
  readonly #trial: ClockTrial

  constructor(options: ElectorateOptions) {
    this.#options = options
    this.#trial = new ClockTrial(options.self, options.ballots)
  }

  /** How many of the group are not known to be down. */
  usable({ topology }: Place, group: readonly StorageId[]): number {
    return group.filter((id) => this.isUsable(topology, id)).length
  }

  isUsable(topology: Place['topology'], id: StorageId): boolean {
    return id === this.#options.self || this.#options.peers.usable(topology, id) !== undefined
  }

  /** The first replica that is not known to be down: who does what one alone should do. */
  first({ topology, replicas }: Place): StorageId | null {
    return replicas.find((id) => this.isUsable(topology, id)) ?? null
  }

  /** Names of replicas that are known to be down, of both groups while the partition moves. */
  down({ topology, replicas, previous }: Place): string[] {
    const names = new Map(topology.members.map(({ storageId, name }) => [storageId, name]))
    return [...new Set([...replicas, ...(previous ?? [])])]
      .filter((id) => !this.isUsable(topology, id))
      .map((id) => names.get(id) ?? id)
  }

  /** Of a counter that another replica tells: whether our own would refuse it. */
  isTooFarAhead(counter: number): boolean {
    return this.#options.replica?.isTooFarAhead(counter) ?? false
  }

  /** Phase 1, of the current replicas and of those that the partition moves from. */
  prepare(place: Place, ballot: Ballot, timeoutMs: number): readonly Ask<Promised>[] {
    const group = [...new Set([...place.replicas, ...(place.previous ?? [])])]
    const header = headerOf(place)
    const body = lazy(() => encodePrepare(header, place.key, ballot.counter))
    const asks = this.#asks(place, group, {
      here: (replica) => replica.prepare(header, place.key, ballot),
      kind: REQUEST_KINDS.REG_PREPARE,
      body,
      read: readPromised,
      timeoutMs,
    })
    return this.#trial.ordered(place, asks, ballot.counter)
  }

  /** Phase 2. */
  accept(place: Place, vote: Vote, timeoutMs: number): readonly Ask<null>[] {
    const header = headerOf(place)
    const { ballot, next, value } = vote
    const message = { counter: ballot.counter, next: next.counter, value }
    const body = lazy(() => encodeAccept(header, place.key, message))
    const asks = this.#asks(place, place.replicas, {
      here: (replica) => replica.accept(header, place.key, vote),
      kind: REQUEST_KINDS.REG_ACCEPT,
      body,
      read: readNothing,
      timeoutMs,
    })
    return this.#trial.ordered(place, asks, Math.max(ballot.counter, next.counter))
  }

  /** `valueFrom`: who is asked for the value whatever its size. */
  read(place: Place, valueFrom: StorageId | null, timeoutMs: number): Ask<Held>[] {
    const header = headerOf(place)
    const bodies = [false, true].map((withValue) =>
      lazy(() => encodeRead(header, place.key, withValue)),
    )
    return place.replicas.flatMap((id) =>
      this.#asks(place, [id], {
        here: (replica) => replica.read(header, place.key, true),
        kind: REQUEST_KINDS.REG_READ,
        body: () => bodies[id === valueFrom ? 1 : 0]?.() ?? new Uint8Array(),
        read: readHeld,
        timeoutMs,
      }),
    )
  }

  /** Registers that one replica has voted on, in order of their keys. Null: no answer. */
  async list(
    place: Place,
    id: StorageId,
    after: string,
    timeoutMs: number,
  ): Promise<ListedPage | null> {
    const header = headerOf(place)
    const [ask] = this.#asks(place, [id], {
      here: (replica) => replica.list(header, after),
      kind: REQUEST_KINDS.REG_LIST,
      body: () => writeHeader(new WireWriter(), header).string(after).finish(),
      read: (from) => readPage(from, after),
      timeoutMs,
    })
    const reply = (await ask?.send()?.catch(() => null)) ?? null
    return reply?.kind === 'answer' ? reply.body : null
  }

  install(place: Place, counterMax: number, timeoutMs: number): Ask<null>[] {
    const header = headerOf(place)
    return this.#asks(place, place.replicas, {
      here: (replica) => replica.install(header, counterMax),
      kind: REQUEST_KINDS.REG_INSTALL,
      body: lazy(() => writeHeader(new WireWriter(), header).uint(counterMax).finish()),
      read: readNothing,
      timeoutMs,
    })
  }

  remove(place: Place, ballot: Ballot, timeoutMs: number): Ask<null>[] {
    const header = headerOf(place)
    const body = lazy(() => encodeRemove(header, place.key, ballot))
    return this.#asks(place, place.replicas, {
      here: (replica) => replica.remove(header, place.key, ballot),
      kind: REQUEST_KINDS.REG_REMOVE,
      body,
      read: readNothing,
      timeoutMs,
    })
  }

  #asks<T>(place: Place, group: readonly StorageId[], question: Question<T>): Ask<T>[] {
    return group.map((id) => ({ id, send: () => this.#send(place, id, question) }))
  }

  #send<T>(place: Place, id: StorageId, question: Question<T>): Promise<Reply<T>> | null {
    const { self, replica, mesh, peers } = this.#options
    if (id === self && replica !== null) return question.here(replica)
    const peer = peers.usable(place.topology, id)
    if (peer === undefined) return null
    const { kind, timeoutMs, read, body } = question
    return mesh.request(peer, kind, body(), { timeoutMs }).then((bytes) => {
      const reply = readReply(new WireReader(bytes), read)
      // A peer may have another disk by now: no disk is counted for another.
      if (reply.kind === 'stale' || reply.place === placeNumber(place, id)) return reply
      throw new AtollError('DENIED', 'another disk answered', { outcome: 'unknown' })
    })
  }
}

interface Question<T> {
  readonly here: (replica: Replica) => Promise<Reply<T>>
  readonly kind: number
  readonly body: () => Uint8Array
  readonly read: (from: WireReader) => T
  readonly timeoutMs: number
}

export function headerOf({ topology, partition, cfg }: Place): Header {
  return { topology: topology.number, partition, cfg }
}

function readNothing(): null {
  return null
}

/** Made when the first who needs it is asked; the same bytes for all. */
function lazy(make: () => Uint8Array): () => Uint8Array {
  let made: Uint8Array | null = null
  return () => {
    made ??= make()
    return made
  }
}
