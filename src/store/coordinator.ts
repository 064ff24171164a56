/**
 * The coordinator of one read or write (store.md; Dynamo, SOSP 2007, §4).
 *
 * A write is coordinated by a replica of its key: it mints the dot, joins the write with what it
 * holds, and sends the same bytes to all replicas in the turn in which it commits them itself. A
 * node that is no replica hands its writes to one. Reads are asked of all replicas by any node.
 */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Level } from './api.ts'
import type { Clock } from '../seams/clock.ts'
import type { Random } from '../seams/random.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { WireReader } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { DotSource } from './dot-source.ts'
import { Forwarder } from './forwarder.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { RECORD_BYTES_MAX, SIBLINGS_MAX, VECTOR_MAX } from './limits.ts'
import { addWrite, joinRecords } from './merge.ts'
import {
  decodeForwardedPut,
  encodePutOutcome,
  encodeRead,
  encodeStale,
  encodeWrite,
  levelOf,
  type PutOutcome,
  readRecordBytes,
  staleNumber,
} from './messages.ts'
import type { Peers } from './peers.ts'
import { type Place, placeOf } from './place.ts'
import { decodeRecord, EMPTY_RECORD, encodeRecord, type Kind, type StoreRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { Round } from './round.ts'
import { joinVectors, type VersionVector } from './version-vector.ts'

export interface CoordinatorOptions {
  readonly self: StorageId
  /** null on an edge. */
  readonly local: { readonly replica: Replica; readonly dots: DotSource } | null
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly peers: Peers
  readonly clock: Clock
  readonly random: Random
  readonly hybridClock: HybridClock
  /** A replica was asked to store a key and did not say that it has. */
  readonly onMissed: (partition: number, replica: StorageId) => void
}

export interface CallLimits {
  readonly level: Level | undefined
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

export interface Put {
  readonly key: string
  readonly kind: Kind
  readonly value: Uint8Array
  readonly context: VersionVector
}

export interface ReadOutcome {
  readonly record: StoreRecord
  readonly acks: number
  readonly replicas: number
  readonly partial: boolean
}

/** Topologies that one call follows before it gives up: each may be newer than the last. */
const ATTEMPTS_MAX = 5
/** Repairs of reads under way: more are left to anti-entropy. */
const REPAIRS_MAX = 256
/** Replicas have this part of a call's time to answer, so that there is some left to say so. */
const ANSWER_SHARE = 0.9

export class Coordinator {
  readonly #options: CoordinatorOptions
  readonly #forwarder: Forwarder
  #repairs = 0

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.#forwarder = new Forwarder(options)
    if (options.local === null) return
    options.mesh.handle(REQUEST_KINDS.KV_COORDINATE_PUT, (from, body) => this.#onPut(from, body))
  }

  put(put: Put, limits: CallLimits): Promise<PutOutcome> {
    const { local } = this.#options
    const place = placeOf(this.#topology(), put.key)
    if (local !== null && place.targets.includes(this.#options.self)) {
      return this.#coordinate(put, 0, limits)
    }
    return this.#forwarder.put(put, limits)
  }

  /** As a replica of the key. `stamp` is another node's when it forwards; 0: ours to mint. */
  async #coordinate(put: Put, stamp: number, limits: CallLimits): Promise<PutOutcome> {
    const { local, hybridClock } = this.#options
    if (local === null) throw new AtollError('INTERNAL', 'an edge coordinates nothing')
    let dot = local.dots.take()
    while (dot === null) {
      await local.dots.reserve()
      dot = local.dots.take()
    }
    const place = placeOf(this.#topology(), put.key)
    const before = local.replica.latest(place.partition, put.key) ?? EMPTY_RECORD
    const newest = before.siblings.reduce((max, sibling) => Math.max(max, sibling.stamp), 0)
    const minted = stamp === 0 ? hybridClock.next(newest) : stamp
    // Somebody's retry of a write that already came this way is the same write, not a new one.
    const twin = stamp !== 0 && before.siblings.some((sibling) => sibling.stamp === stamp)
    const context = twin ? put.context : joinVectors(before.vector, put.context)
    const { kind, value } = put
    const write = { dot, stamp: minted, expiresAtMs: 0, kind, value }
    const record = addWrite(before, context, write)
    const bytes = encodeRecord(record)
    checkSize(record, bytes)
    const { acks, replicas, partial } = await this.#replicate(place, bytes, limits)
    return { vector: record.vector, acks, replicas, partial }
  }

  /** Stores the same bytes at all replicas, after newer topologies too. */
  async #replicate(
    first: Place,
    bytes: Uint8Array,
    limits: CallLimits,
  ): Promise<Omit<PutOutcome, 'vector'>> {
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    let place = first
    for (let attempt = 1; ; attempt++) {
      const leftMs = endMs - clock.monotonicMs()
      const round = this.#sendWrite(place, bytes, limits, leftMs, attempt === 1)
      const decision = await round.decided
      const { acks } = round.tally
      const replicas = place.groups[0]?.length ?? 0
      if (decision === 'met') return { acks, replicas, partial: false }
      if (decision === 'partial') return { acks: round.answers.size, replicas, partial: true }
      if (decision === 'failed' || attempt === ATTEMPTS_MAX)
        throw tooFew(place, round, limits, true)
      await this.#catchUp(round.staleNumber, round.staleFrom)
      place = placeOf(this.#topology(), place.key)
    }
  }

  /** `isFirst`: nothing came between the read of what the bytes build on and this call. */
  #sendWrite(
    place: Place,
    bytes: Uint8Array,
    limits: CallLimits,
    leftMs: number,
    isFirst: boolean,
  ): Round<true> {
    const { mesh, self, local, peers, onMissed } = this.#options
    const topology = this.#topology()
    const round = new Round<true>({ ...limits, groups: place.groups })
    const header = { topology: topology.number, partition: place.partition, cfg: place.cfg }
    let message: Uint8Array | null = null
    for (const id of place.targets) {
      if (id === self && local !== null) {
        const { partition, key } = place
        const { replica } = local
        const stored = isFirst
          ? replica.store(partition, key, bytes)
          : replica.join(partition, key, bytes)
        round.ask(id, stored.then(isTrue))
        continue
      }
      const peer = peers.usable(topology, id)
      if (peer === undefined) {
        round.skip(id)
        continue
      }
      message ??= encodeWrite(header, place.key, bytes)
      const answer = mesh.request(peer, REQUEST_KINDS.KV_WRITE, message, this.#wait(leftMs))
      round.ask(id, answer.then(decodeDone))
    }
    round.begin()
    round.onFinished(() => {
      for (const id of round.missed) onMissed(place.partition, id)
    })
    return round
  }

  async #onPut(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, hybridClock, self } = this.#options
    const put = decodeForwardedPut(body)
    if (hybridClock.isTooFarAhead(put.stamp)) {
      throw new AtollError('CLOCK_SKEW', 'the write is stamped more than a day ahead', {
        hint: 'set the clocks of the machines',
      })
    }
    if ((topology.current()?.number ?? 0) < put.topology) {
      await topology.catchUp(put.topology, from.peer)
    }
    const known = this.#topology()
    if (!placeOf(known, put.key).targets.includes(self)) return encodeStale(known.number)
    const level = levelOf(put.level)
    // A little less than the asker waits, so that its answer is ours and not a time-out.
    const deadlineMs = put.deadlineMs * ANSWER_SHARE
    const kept = { ...put, value: put.value.slice() }
    const limits = { level, deadlineMs, signal: undefined }
    return encodePutOutcome(await this.#coordinate(kept, put.stamp, limits))
  }

  /** Asks all replicas; what they disagree on is repaired after the answer. */
  async get(key: string, limits: CallLimits): Promise<ReadOutcome> {
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    for (let attempt = 1; ; attempt++) {
      const place = placeOf(this.#topology(), key)
      const round = this.#sendRead(place, limits, endMs - clock.monotonicMs())
      const decision = await round.decided
      if (decision === 'met' || decision === 'partial') {
        const record = joinAnswers(round.answers.values())
        round.onFinished(() => this.#repair(place, round.answers))
        const partial = decision === 'partial'
        const acks = partial ? round.answers.size : round.tally.acks
        return { record, acks, replicas: place.groups[0]?.length ?? 0, partial }
      }
      if (decision === 'failed' || attempt === ATTEMPTS_MAX)
        throw tooFew(place, round, limits, false)
      await this.#catchUp(round.staleNumber, round.staleFrom)
    }
  }

  #sendRead(place: Place, limits: CallLimits, leftMs: number): Round<Uint8Array> {
    const { mesh, self, local, peers } = this.#options
    const topology = this.#topology()
    const round = new Round<Uint8Array>({ ...limits, groups: place.groups })
    const header = { topology: topology.number, partition: place.partition, cfg: place.cfg }
    let message: Uint8Array | null = null
    for (const id of place.targets) {
      if (id === self && local !== null) {
        const bytes = local.replica.read(place.partition, place.key) ?? new Uint8Array()
        round.ask(id, Promise.resolve(bytes))
        continue
      }
      const peer = peers.usable(topology, id)
      if (peer === undefined) {
        round.skip(id)
        continue
      }
      message ??= encodeRead(header, place.key)
      const answer = mesh.request(peer, REQUEST_KINDS.KV_READ, message, this.#wait(leftMs))
      round.ask(id, answer.then(decodeReadAnswer))
    }
    round.begin()
    return round
  }

  /** What each replica of the key holds, for `explain`; absent: it did not answer. */
  async inspect(key: string, deadlineMs: number): Promise<ReadonlyMap<StorageId, StoreRecord>> {
    const place = placeOf(this.#topology(), key)
    const limits = { level: 'all', deadlineMs, signal: undefined } as const
    const round = this.#sendRead(place, limits, deadlineMs)
    await new Promise<void>((resolve) => round.onFinished(resolve))
    return new Map([...round.answers].map(([id, bytes]) => [id, recordOf(bytes)]))
  }

  /** Read repair: replicas that lack something get the whole. */
  #repair(place: Place, answers: ReadonlyMap<StorageId, Uint8Array>): void {
    const [first] = answers.values()
    if (first === undefined) return
    if ([...answers.values()].every((bytes) => Buffer.compare(bytes, first) === 0)) return
    const bytes = encodeRecord(joinAnswers(answers.values()))
    for (const [id, held] of answers) {
      if (this.#repairs >= REPAIRS_MAX) return
      if (Buffer.compare(held, bytes) === 0) continue
      this.#repairs++
      this.#repairOne(place, id, bytes)
        .catch(() => this.#options.onMissed(place.partition, id))
        .finally(() => {
          this.#repairs--
        })
    }
  }

  async #repairOne(place: Place, id: StorageId, bytes: Uint8Array): Promise<void> {
    const { self, local, mesh, peers } = this.#options
    if (id === self && local !== null) {
      return local.replica.join(place.partition, place.key, bytes)
    }
    const topology = this.#topology()
    const peer = peers.of(topology, id)
    if (peer === undefined) return
    const header = { topology: topology.number, partition: place.partition, cfg: place.cfg }
    const message = encodeWrite(header, place.key, bytes)
    await mesh.request(peer, REQUEST_KINDS.KV_WRITE, message, { timeoutMs: 5000 })
  }

  #wait(leftMs: number): { timeoutMs: number } {
    return { timeoutMs: Math.max(1, Math.floor(leftMs * ANSWER_SHARE)) }
  }

  #topology(): Topology {
    const topology = this.#options.topology.current()
    if (topology !== null) return topology
    throw new AtollError('NO_QUORUM', 'this node has not learned the topology yet', {
      hint: 'it will as soon as it reaches a member; try again shortly',
    })
  }

  async #catchUp(number: number, from: StorageId): Promise<void> {
    const peer = this.#options.peers.of(this.#topology(), from)
    if (peer !== undefined) await this.#catchUpFrom(number, peer)
  }

  async #catchUpFrom(number: number, peer: PeerId): Promise<void> {
    if ((this.#options.topology.current()?.number ?? 0) >= number) return
    await this.#options.topology.catchUp(number, peer)
  }
}

function isTrue(): true {
  return true
}

function decodeDone(answer: Uint8Array): true | number {
  return staleNumber(new WireReader(answer)) ?? true
}

function decodeReadAnswer(answer: Uint8Array): Uint8Array | number {
  const from = new WireReader(answer)
  return staleNumber(from) ?? readRecordBytes(from)
}

function recordOf(bytes: Uint8Array): StoreRecord {
  return bytes.length === 0 ? EMPTY_RECORD : decodeRecord(bytes)
}

function joinAnswers(answers: Iterable<Uint8Array>): StoreRecord {
  let joined = EMPTY_RECORD
  let last: Uint8Array | null = null
  for (const bytes of answers) {
    // Replicas mostly agree, and equal bytes are equal records.
    if (last !== null && Buffer.compare(bytes, last) === 0) continue
    joined = joinRecords(joined, recordOf(bytes))
    last = bytes
  }
  return joined
}

function checkSize({ siblings, vector }: StoreRecord, bytes: Uint8Array): void {
  const fits =
    siblings.length <= SIBLINGS_MAX && vector.size <= VECTOR_MAX && bytes.length <= RECORD_BYTES_MAX
  if (fits) return
  throw new AtollError('TOO_LARGE', `the key has ${siblings.length} unresolved values`, {
    hint: 'read the key and write it with the version that you got',
  })
}

function tooFew(
  place: Place,
  round: Round<unknown>,
  limits: CallLimits,
  isWrite: boolean,
): AtollError {
  const { acks } = round.tally
  const replicas = place.groups[0]?.length ?? 0
  const { error } = round
  if (error !== null && acks === 0 && (error.code === 'DISK_FULL' || error.code === 'CLOCK_SKEW')) {
    return error
  }
  const outcome = isWrite && round.mayHaveApplied ? 'unknown' : 'not-applied'
  const seconds = (limits.deadlineMs / 1000).toString()
  const what = `${acks} of ${replicas} replicas of "${place.key}" answered within ${seconds} s`
  return new AtollError('NO_QUORUM', what, { outcome, hint: `see: atoll explain ${place.key}` })
}
