/**
 * Writes (store.md; Dynamo, SOSP 2007, §4). A write is coordinated by a replica of its key: it
 * mints the dot, joins the write with what it holds, and sends the same bytes to all replicas in
 * the turn in which it commits them itself. A node that is no replica hands its writes to one.
 */
import { AtollError, isAtollError, withOutcome } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import { WireReader } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { answerTimeout, ATTEMPTS_MAX, type CallLimits, counted, tooFew } from './calls.ts'
import type { Change } from './change.ts'
import type { Departures } from './departures.ts'
import type { DotSource } from './dot-source.ts'
import type { Forwarder } from './forwarder.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { ANSWER_SHARE, type KnownTopology } from '../topology/known-topology.ts'
import { DOTS_MAX, RECORD_BYTES_MAX, SIBLINGS_MAX, VECTOR_MAX } from './limits.ts'
import { addWrite, contextAfter } from './merge.ts'
import {
  decodeForwardedPut,
  encodePutOutcome,
  encodeStale,
  encodeWrite,
  levelOf,
  type PutOutcome,
  staleNumber,
} from './messages.ts'
import type { Peers } from '../topology/peers.ts'
import type { Place } from './place.ts'
import type { Places } from './places.ts'
import { EMPTY_RECORD, encodeRecord, type Kind, type StoreRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { Round } from './round.ts'
import { type Context, type Dot, joinContexts } from './version-vector.ts'

export interface WriterOptions {
  readonly self: StorageId
  readonly replica: Replica
  readonly dots: DotSource
  readonly departures: Departures
  readonly forwarder: Forwarder
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly places: Places
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly hybridClock: HybridClock
  /** A replica was asked to store a key and did not say that it has. */
  readonly onMissed: (partition: number, replica: StorageId) => void
}

export interface Put {
  readonly key: string
  readonly kind: Kind
  readonly value: Uint8Array
  /** What it replaces. */
  readonly context: Context
  /** Replaces whatever its coordinator holds as well: the writer has named no context. */
  readonly blind: boolean
}

/** A record as this node has just made it. */
interface Made {
  readonly bytes: Uint8Array
  /** Of what it builds on here. */
  readonly change: Change
}

/** Coordinates writes on a node with a disk. */
export class Writer {
  readonly #options: WriterOptions

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: WriterOptions) {
    this.#options = options
    options.mesh.handle(REQUEST_KINDS.KV_COORDINATE_PUT, (from, body) => this.#onPut(from, body))
  }

  async put(put: Put, limits: CallLimits): Promise<PutOutcome> {
    const { clock, forwarder, places, self, topology } = this.#options
    const place = places.of(topology.get(), put.key)
    if (place.installed.includes(self)) return this.#coordinate(put, limits)
    const endMs = clock.monotonicMs() + limits.deadlineMs
    try {
      return await forwarder.put(put, limits)
    } catch (error) {
      // Nobody who has the data answers. To fill up is no reason to refuse, with a little care.
      const isOpen = isAtollError(error) && error.outcome === 'not-applied'
      const deadlineMs = endMs - clock.monotonicMs()
      if (!isOpen || deadlineMs < 1 || !place.targets.includes(self)) throw error
      return this.#coordinate(put, { ...limits, deadlineMs })
    }
  }

  async #coordinate(put: Put, limits: CallLimits): Promise<PutOutcome> {
    const { self, replica, departures, hybridClock, places, topology } = this.#options
    const { n } = await this.#nextDot()
    const place = places.of(topology.get(), put.key)
    if (!place.targets.includes(self)) {
      throw new AtollError('BUSY', 'this replica is none any more', { outcome: 'not-applied' })
    }
    const dot = { actor: departures.actorOf(place.partition), n }
    const held = replica.latest(place.partition, put.key)
    const before = held?.record ?? EMPTY_RECORD
    const newest = before.siblings.reduce((max, sibling) => Math.max(max, sibling.stamp), 0)
    const { key, kind, value, blind, context: given } = put
    const context = blind ? joinContexts(before.known, given) : given
    const stamp = hybridClock.next(newest)
    const record = addWrite(before, context, { dot, stamp, expiresAtMs: 0, kind, value })
    const bytes = encodeRecord(record)
    checkSize(record, bytes)
    const after = { record, bytes: bytes.length }
    const made = { bytes, change: { partition: place.partition, key, before: held, after } }
    const { acks, replicas, partial } = await this.#replicate(place, made, limits)
    return { seen: contextAfter(record, context, dot), acks, replicas, partial }
  }

  async #nextDot(): Promise<Dot> {
    const { dots } = this.#options
    for (;;) {
      const dot = dots.take()
      if (dot !== null) return dot
      await dots.reserve()
    }
  }

  /** Stores the same bytes at all replicas, after newer topologies too. */
  async #replicate(
    first: Place,
    made: Made,
    limits: CallLimits,
  ): Promise<Omit<PutOutcome, 'seen'>> {
    const { clock, hybridClock, places, topology } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    let place = first
    let mayHaveApplied = false
    for (let attempt = 1; ; attempt++) {
      const leftMs = endMs - clock.monotonicMs()
      const round = this.#sendWrite(place, made, limits, leftMs, attempt === 1)
      const decision = await round.decided
      if (decision === 'met') return { ...counted(place, round, false), partial: false }
      if (round.error?.code === 'CLOCK_SKEW') hybridClock.onRefused()
      if (decision === 'partial' && round.error?.code !== 'CLOCK_SKEW') {
        return { ...counted(place, round, true), partial: true }
      }
      mayHaveApplied ||= round.mayHaveApplied
      const outcome = mayHaveApplied ? 'unknown' : 'not-applied'
      if (decision !== 'stale' || attempt === ATTEMPTS_MAX) {
        throw tooFew(place, round, limits, outcome)
      }
      try {
        await topology.catchUp(round.staleNumber, round.staleFrom, { ...limits, endMs })
      } catch (error) {
        throw isAtollError(error) ? withOutcome(error, outcome) : error
      }
      place = places.of(topology.get(), place.key)
    }
  }

  /** `isFirst`: nothing came between the read of what the bytes build on and this call. */
  #sendWrite(
    place: Place,
    { bytes, change }: Made,
    limits: CallLimits,
    leftMs: number,
    isFirst: boolean,
  ): Round<true> {
    const { mesh, self, replica, peers, onMissed } = this.#options
    const topology = this.#options.topology.get()
    const { partition, cfg, key, groups } = place
    const round = new Round<true>({ ...limits, groups, required: self })
    const header = { topology: topology.number, partition, cfg }
    const stored = isFirst ? replica.store(change, bytes) : replica.join(partition, key, bytes)
    round.ask(self, stored.then(isTrue))
    let message: Uint8Array | null = null
    for (const id of place.targets) {
      if (id === self) continue
      const peer = peers.usable(topology, id)
      if (peer === undefined) {
        round.skip(id)
        continue
      }
      message ??= encodeWrite(header, key, bytes)
      const answer = mesh.request(peer, REQUEST_KINDS.KV_WRITE, message, answerTimeout(leftMs))
      round.ask(id, answer.then(decodeDone))
    }
    round.begin(this.#options.deadlines, leftMs)
    round.onFinished(() => {
      for (const id of round.missed) onMissed(partition, id)
    })
    return round
  }

  async #onPut(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { clock, places, topology, self } = this.#options
    const put = decodeForwardedPut(body)
    const endMs = clock.monotonicMs() + put.deadlineMs * ANSWER_SHARE
    await topology.catchUpFrom(put.topology, from.peer, { endMs, signal: undefined })
    const known = topology.get()
    if (!places.of(known, put.key).targets.includes(self)) return encodeStale(known.number)
    const level = levelOf(put.level)
    // A little less than the asker waits, so that its answer is ours and not a time-out.
    const deadlineMs = endMs - clock.monotonicMs()
    const kept = { ...put, value: put.value.slice() }
    return encodePutOutcome(await this.#coordinate(kept, { level, deadlineMs, signal: undefined }))
  }
}

function isTrue(): true {
  return true
}

function decodeDone(answer: Uint8Array): true | number {
  return staleNumber(new WireReader(answer)) ?? true
}

function checkSize({ siblings, known }: StoreRecord, bytes: Uint8Array): void {
  const isKnownSmall = known.vector.size <= VECTOR_MAX && known.dots.length <= DOTS_MAX
  if (isKnownSmall && siblings.length <= SIBLINGS_MAX && bytes.length <= RECORD_BYTES_MAX) return
  throw new AtollError('TOO_LARGE', `the key has ${siblings.length} unresolved values`, {
    hint: 'read the key and write it with the version that you got',
  })
}
