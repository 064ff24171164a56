/**
 * Writes (README.md; Dynamo, SOSP 2007, §4). A write is coordinated by a replica of its key: it
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
import {
  answerTimeout,
  ATTEMPTS_MAX,
  type CallLimits,
  checkReach,
  counted,
  tooFew,
} from './calls.ts'
import { applyEdit, checkSize, dotsOf, type Edited } from './apply-edit.ts'
import type { Change } from './change.ts'
import type { Departures } from './departures.ts'
import type { DotSource } from './dot-source.ts'
import { kept } from './edit.ts'
import type { Forwarder } from './forwarder.ts'
import { FullDisk } from './full-disk.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { ANSWER_SHARE, type KnownTopology } from '../topology/known-topology.ts'
import { isFresh, markOf } from './mark.ts'
import { isMergeable, joinRecords } from './merge.ts'
import {
  decodeForwardedWrite,
  encodeWriteOutcome,
  encodeWrite,
  staleNumber,
  type WriteOutcome,
} from './messages.ts'
import type { Peers } from '../topology/peers.ts'
import type { Place } from './place.ts'
import type { Places } from '../topology/places.ts'
import type { Reader, ReadOutcome } from './reader.ts'
import { EMPTY_RECORD, encodeRecord, siblingCountOf, type StoreRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { Round } from './round.ts'
import { contextCovers, type Dot, joinContexts } from './version-vector.ts'
import type { Write } from './write.ts'

export interface WriterOptions {
  readonly self: StorageId
  readonly replica: Replica
  readonly reader: Reader
  readonly dots: DotSource
  readonly departures: Departures
  readonly forwarder: Forwarder
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly places: Places<Place>
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly hybridClock: HybridClock
  /** A replica was asked to store a key and did not say that it has. */
  readonly onMissed: (partition: number, replica: StorageId) => void
}

/** A record as this node has just made it. */
interface Made {
  readonly record: StoreRecord
  /** The record, encoded. */
  readonly bytes: Uint8Array
  /** Of collection, when it was made. */
  readonly round: number
  /** Of the write, or of its first part; null: a removal makes no write of its own. */
  readonly dot: Dot | null
  /** Others hear of it when it is on this disk: see sums.ts. */
  readonly isStoredFirst: boolean
  /** Of what it builds on here. */
  readonly change: Change
}

/** Coordinates writes on a node with a disk. */
export class Writer {
  readonly #options: WriterOptions
  readonly #fullDisk: FullDisk

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: WriterOptions) {
    this.#options = options
    this.#fullDisk = new FullDisk(options.clock)
    options.mesh.handle(REQUEST_KINDS.KV_COORDINATE_PUT, (from, body) => this.#onWrite(from, body))
  }

  async write(write: Write, limits: CallLimits): Promise<WriteOutcome> {
    const { clock, forwarder, mesh, places, self, topology } = this.#options
    const place = places.of(topology.get(), write.key)
    const isHere = place.installed.includes(self)
    const endMs = clock.monotonicMs() + limits.deadlineMs
    try {
      return await (isHere ? this.#coordinate(write, limits) : forwarder.write(write, limits))
    } catch (error) {
      const isOpen = isAtollError(error) && error.outcome === 'not-applied'
      const left = { ...limits, deadlineMs: endMs - clock.monotonicMs() }
      if (!isOpen || left.deadlineMs < 1) throw error
      // What finds no room here others may coordinate.
      const isFull = isHere && error.code === 'DISK_FULL'
      if (isFull) return forwarder.write(write, left, { by: mesh.self.peer, error })
      // Nobody who has all the data answers. A replica that is still being filled may take it, too.
      if (isHere || !place.targets.includes(self)) throw error
      return this.#coordinate(write, left)
    }
  }

  async #coordinate(write: Write, limits: CallLimits): Promise<WriteOutcome> {
    const { clock, replica } = this.#options
    const { key, edit } = write
    const endMs = clock.monotonicMs() + limits.deadlineMs
    const found = edit.what === 'remove' ? await this.#find(key, limits) : null
    const n = await this.#nextNumbers(dotsOf(edit))
    // From here on until it is sent in one step: nothing changes what it builds on.
    const place = this.#placeNow(key, limits)
    // What was read of others may be of before a collection by now, as all that comes from them.
    if (found !== null && !replica.admits(place.partition, found.era)) {
      return this.#coordinate(write, { ...limits, deadlineMs: endMs - clock.monotonicMs() })
    }
    const { made, seen, effect } = this.#make(write, place, n, found?.record ?? EMPTY_RECORD)
    const { record } = made
    // Nobody has heard of the key, and there is nothing to remove.
    if (found !== null && record.known.vector.size === 0) {
      const { acks, replicas, partial } = found
      return { seen, effect, acks, replicas, partial, siblingCount: 0 }
    }
    const stored = await this.#replicate(place, made, limits, endMs)
    return { seen, effect, ...stored }
  }

  /** Throws BUSY where this is no replica any more, NO_QUORUM where the level is out of reach. */
  #placeNow(key: string, { level }: CallLimits): Place {
    const { self, topology, peers, places } = this.#options
    const known = topology.get()
    const place = places.of(known, key)
    if (!place.targets.includes(self)) {
      throw new AtollError('BUSY', 'this replica is none any more', { outcome: 'not-applied' })
    }
    checkReach(place, level, (id) => id === self || peers.usable(known, id) !== undefined)
    return place
  }

  /** What the write makes of what is here, joined with what was found at others. */
  #make(
    { key, edit, blind, context: given }: Write,
    place: Place,
    n: number,
    found: StoreRecord,
  ): Pick<Edited, 'seen' | 'effect'> & { readonly made: Made } {
    const { replica, departures, hybridClock, clock } = this.#options
    const { before: held, damaged } = replica.latest(place.partition, key)
    const isDamaged = damaged !== undefined
    const before = joinRecords(held?.record ?? EMPTY_RECORD, found)
    const newest = before.siblings.reduce((max, sibling) => Math.max(max, sibling.stamp), 0)
    const context = blind ? joinContexts(before.known, given) : given
    const dot = { actor: departures.actorOf(place.partition, isDamaged), n }
    const by = { key, dot, context, stamp: hybridClock.next(newest), nowMs: clock.wallMs() }
    const { record, seen, effect } = applyEdit(before, edit, by)
    const bytes = encodeRecord(record)
    checkSize(record, bytes.length)
    const after = { record, bytes: bytes.length }
    const change = { partition: place.partition, key, before: held, damaged, after }
    const { round } = replica.era(place.partition)
    // Nobody knows what a damaged one was.
    const isForced = isDamaged || isMergeable(before) || isMergeable(record)
    const isStoredFirst = isForced || this.#fullDisk.isLikely
    const own = edit.what === 'remove' ? null : dot
    return { made: { record, bytes, round, dot: own, change, isStoredFirst }, seen, effect }
  }

  /** What the replicas hold, for who removes elements: it must have heard of them. */
  #find(key: string, limits: CallLimits): Promise<ReadOutcome> {
    return this.#options.reader.get(key, { ...limits, deadlineMs: limits.deadlineMs / 2 })
  }

  /** Of so many dots the first one's. */
  async #nextNumbers(count: number): Promise<number> {
    const { dots } = this.#options
    for (;;) {
      const first = dots.take(count)
      if (first !== null) return first
      await dots.reserve()
    }
  }

  /**
   * Stores the same bytes at all replicas. A replica that is further, in its topology or in
   * collection, has it made anew from what is here by then: bytes of before may bring back what was
   * deleted.
   */
  async #replicate(
    first: Place,
    made: Made,
    limits: CallLimits,
    endMs: number,
  ): Promise<Omit<WriteOutcome, 'seen' | 'effect'>> {
    const { clock, hybridClock, places, topology } = this.#options
    let place = first
    let current = made
    let mayHaveApplied = false
    for (let attempt = 1; ; attempt++) {
      const leftMs = endMs - clock.monotonicMs()
      const round = this.#sendWrite(place, current, limits, leftMs, attempt === 1)
      const decision = await round.decided
      const siblingCount = siblingCountOf(current.record, clock.wallMs())
      if (decision === 'met') {
        return { ...counted(place, round, false), partial: false, siblingCount }
      }
      if (round.error?.code === 'CLOCK_SKEW') hybridClock.onRefused()
      if (decision === 'partial' && round.error?.code !== 'CLOCK_SKEW') {
        return { ...counted(place, round, true), partial: true, siblingCount }
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
      const again = this.#madeAgain(place, made)
      if (again === null) throw tooFew(place, round, limits, outcome)
      current = again
    }
  }

  /** What this replica holds of the key now; null: nothing of the write is here any more. */
  #madeAgain(place: Place, made: Made): Made | null {
    const { self, replica } = this.#options
    const { partition, key } = place
    if (!place.targets.includes(self)) return null
    const { before: held } = replica.latest(partition, key)
    const bytes = replica.latestBytes(partition, key)
    if (held === null || bytes === undefined) return null
    if (made.dot !== null && !contextCovers(held.record.known, made.dot)) return null
    const { round } = replica.era(partition)
    const change = { partition, key, before: held, after: held }
    const isStoredFirst = made.isStoredFirst || isMergeable(held.record)
    return { ...made, record: held.record, bytes, round, change, isStoredFirst }
  }

  /** `isFirst`: nothing came between the read of what the bytes build on and this call. */
  #sendWrite(
    place: Place,
    { bytes, round: collected, change, isStoredFirst }: Made,
    limits: CallLimits,
    leftMs: number,
    isFirst: boolean,
  ): Round<true> {
    const { mesh, self, replica, peers, onMissed } = this.#options
    const topology = this.#options.topology.get()
    const { partition, cfg, key, groups } = place
    const round = new Round<true>({ ...limits, groups, required: self })
    const header = { topology: topology.number, partition, cfg }
    const stored = isFirst
      ? replica.store(change, bytes)
      : replica.join(partition, key, bytes, { cfg, round: collected })
    this.#fullDisk.watch(stored)
    round.ask(self, stored.then(isTrue))
    let message: Uint8Array | null = null
    for (const id of place.targets) {
      if (id === self) continue
      const peer = peers.usable(topology, id)
      if (peer === undefined) {
        round.skip(id)
        continue
      }
      const body = (message ??= encodeWrite(header, collected, key, bytes))
      const ask = (): Promise<true | number> =>
        mesh.request(peer, REQUEST_KINDS.KV_WRITE, body, answerTimeout(leftMs)).then(decodeDone)
      // Who is not asked fails in the same turn as this disk: the outcome is known then.
      round.ask(id, isStoredFirst ? stored.then(ask) : ask())
    }
    round.begin(this.#options.deadlines, leftMs)
    round.onFinished(() => {
      for (const id of round.missed) onMissed(partition, id)
    })
    return round
  }

  async #onWrite(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { clock, mesh, places, topology, self } = this.#options
    const write = decodeForwardedWrite(body)
    const mark = markOf(mesh.self.boot, clock)
    // Its sender may have given it up long ago; if it waits, it asks again.
    const isLate = write.mark !== null && !isFresh(write.mark, mark, write.deadlineMs)
    if (isLate) return encodeWriteOutcome(mark, write.topology)
    const endMs = clock.monotonicMs() + write.deadlineMs * ANSWER_SHARE
    await topology.catchUpFrom(write.topology, from.peer, { endMs, signal: undefined })
    const known = topology.get()
    if (!places.of(known, write.key).targets.includes(self)) {
      return encodeWriteOutcome(mark, known.number)
    }
    // Less than the asker waits: it gets our error, and no time-out of its own.
    const deadlineMs = endMs - clock.monotonicMs()
    const limits = { level: write.level, deadlineMs, signal: undefined }
    const outcome = await this.#coordinate({ ...write, edit: kept(write.edit) }, limits)
    return encodeWriteOutcome(mark, outcome)
  }
}

function isTrue(): true {
  return true
}

function decodeDone(answer: Uint8Array): true | number {
  return staleNumber(new WireReader(answer)) ?? true
}
