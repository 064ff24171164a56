/**
 * One replica's part: it joins what it is given with what it has, and says so when that is on its
 * disk; it reads what is durable, and nothing else.
 *
 * It refuses requests of an older configuration than its own: a coordinator that has not heard of
 * a movement would count votes of a set that no longer counts. And it refuses data that were read
 * before a collection that it took part in: they may be what was deleted (collect/README.md).
 */
import { AtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { TopologyView } from '../topology/topology.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { type Change, type Stored, storedOf } from './change.ts'
import { rowChanges } from './collect/index-rows.ts'
import type { StoreCounts } from './counts.ts'
import type { Departures } from './departures.ts'
import type { Era, Fences } from './fences.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { RECORD_BYTES_MAX } from './limits.ts'
import { encodeAnswer } from './read-answers.ts'
import { joinRecords } from './merge.ts'
import { type Header, readHeader, readKey } from '../topology/request-header.ts'
import { encodeStale, FRESH, readRecordBytes } from './messages.ts'
import { databaseKey, placeIn } from './place.ts'
import { decodeRecord, encodeRecord, type StoreRecord } from './record.ts'

export interface ReplicaOptions {
  readonly self: StorageId
  readonly database: Database
  readonly topology: TopologyView
  readonly mesh: Mesh
  readonly hybridClock: HybridClock
  readonly fences: Fences
  readonly departures: Departures
  readonly counts: StoreCounts
  /** Called in the turn in which a change has become durable. */
  readonly onChange: (change: Change) => void
}

const DONE = new WireWriter().uint(FRESH).finish()

export class Replica {
  readonly #options: ReplicaOptions
  /** Changes under way; bounded by the bytes that the database lets wait. */
  readonly #storing = new Set<Promise<void>>()

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: ReplicaOptions) {
    this.#options = options
    options.mesh.handle(REQUEST_KINDS.KV_READ, (from, body) => this.#onRead(from, body))
    options.mesh.handle(REQUEST_KINDS.KV_WRITE, (from, body) => this.#onWrite(from, body))
  }

  /** The durable bytes of a key's record. */
  read(partition: number, key: string): Uint8Array | undefined {
    return this.#options.database.get(databaseKey(partition, key))
  }

  /** What the next write builds on; it may not be durable yet. */
  latest(partition: number, key: string): Stored {
    return storedOf(this.latestBytes(partition, key))
  }

  latestBytes(partition: number, key: string): Uint8Array | undefined {
    return this.#options.database.latest(databaseKey(partition, key))
  }

  /**
   * Stores the bytes of `change.after`, which builds on `latest`; durable when it resolves. Where
   * that was damaged, this disk has lost writes of its own: it goes on under another name.
   */
  store(change: Change, bytes: Uint8Array): Promise<void> {
    const { database, departures, onChange } = this.#options
    const { partition, key, before, after, damaged } = change
    const write = { key: databaseKey(partition, key), value: bytes }
    const renamed = damaged === undefined ? [] : [departures.left(partition)]
    const rows = rowChanges(partition, key, before?.record ?? null, after?.record ?? null)
    return this.settling(database.commit([write, ...renamed, ...rows]).then(() => onChange(change)))
  }

  /** `settled` waits for it. */
  settling(change: Promise<void>): Promise<void> {
    const forget = (): void => void this.#storing.delete(change)
    this.#storing.add(change)
    change.then(forget, forget)
    return change
  }

  /**
   * Resolves when every change that has begun by now is durable or has failed. Who then reads under
   * a configuration sees all that was accepted under those before it.
   */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#storing)
  }

  /**
   * Joins a record of somebody else with what is here; durable when it resolves. What is here and
   * no record any more is replaced. Rejects with WireError when it is malformed, TOO_LARGE when
   * too much is unresolved, BUSY when it is of before a collection or of another configuration.
   */
  async join(partition: number, key: string, bytes: Uint8Array, era: Era): Promise<void> {
    if (!this.admits(partition, era)) {
      throw new AtollError('BUSY', `these data of partition ${partition} are of the past`)
    }
    return this.#join(partition, key, bytes, decodeRecord(bytes))
  }

  /** Whether data that were read at that time may be joined in this very turn. */
  admits(partition: number, era: Era): boolean {
    const { topology, fences, self, counts } = this.#options
    const current = topology.current()
    if (current === null) return false
    const { cfg, targets } = placeIn(current, '', partition)
    if (targets.includes(self) && fences.admits(partition, cfg, era)) return true
    counts.fencedOff++
    return false
  }

  /** The time of what is read here in this very turn; cfg 0 while no topology is known. */
  era(partition: number): Era {
    const { topology, fences } = this.#options
    const cfg = topology.current()?.partitions[partition]?.cfg ?? 0
    return { cfg, round: fences.roundOf(partition, cfg) }
  }

  async #join(
    partition: number,
    key: string,
    bytes: Uint8Array,
    incoming: StoreRecord,
  ): Promise<void> {
    const stored = this.latestBytes(partition, key)
    if (stored !== undefined && Buffer.compare(stored, bytes) === 0) {
      return this.#whenDurable(partition, key, stored, incoming)
    }
    const { before, damaged } = storedOf(stored)
    if (before === null) {
      const after = { record: incoming, bytes: bytes.length }
      // Kept for long, so a copy: the bytes are a view of a whole frame.
      return this.store({ partition, key, before, damaged, after }, bytes.slice())
    }
    const record = joinRecords(before.record, incoming)
    const joined = encodeRecord(record)
    if (joined.length > RECORD_BYTES_MAX) {
      throw new AtollError('TOO_LARGE', 'the unresolved values of the key are over their limit', {
        hint: 'read the key and put it with the context that you got',
      })
    }
    return this.store({ partition, key, before, after: { record, bytes: joined.length } }, joined)
  }

  async #whenDurable(
    partition: number,
    key: string,
    stored: Uint8Array,
    record: StoreRecord,
  ): Promise<void> {
    const durable = this.read(partition, key)
    if (durable !== undefined && Buffer.compare(durable, stored) === 0) return
    const held = { record, bytes: stored.length }
    await this.store({ partition, key, before: held, after: held }, stored)
  }

  #checkSkew({ siblings }: StoreRecord): void {
    if (!siblings.some(({ stamp }) => this.#options.hybridClock.isTooFarAhead(stamp))) return
    throw new AtollError('CLOCK_SKEW', 'the write is stamped more than a day ahead', {
      hint: 'set the clocks of the machines; `atoll status` on each shows its time',
    })
  }

  /**
   * Serves a request whose configuration is ours, and refuses others. The look at the configuration
   * and `serve` are one step: no newer one can come in between. Waits for the topology when the
   * sender knows a newer one.
   */
  #whenCurrent(
    from: RemotePeer,
    header: Header,
    serve: () => Uint8Array | Promise<Uint8Array>,
  ): Uint8Array | Promise<Uint8Array> {
    const { topology } = this.#options
    const known = topology.current()?.number ?? 0
    if (known >= header.topology) return this.#refusal(header) ?? serve()
    return topology.catchUp(header.topology, from.peer).then(() => this.#refusal(header) ?? serve())
  }

  #refusal(header: Header): Uint8Array | null {
    const topology = this.#options.topology.current()
    if (topology === null) return encodeStale(1)
    const place = placeIn(topology, '', header.partition)
    const serves = place.cfg === header.cfg && place.targets.includes(this.#options.self)
    return serves ? null : encodeStale(topology.number)
  }

  #stale(): Uint8Array {
    return encodeStale(this.#options.topology.current()?.number ?? 1)
  }

  #onRead(from: RemotePeer, body: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const reader = new WireReader(body)
    const header = readHeader(reader)
    const key = readKey(reader)
    const wanted = { wholeUpTo: reader.uint(), known: reader.uint() }
    return this.#whenCurrent(from, header, () => {
      const stored = this.read(header.partition, key) ?? new Uint8Array()
      return encodeAnswer(key, stored, wanted, this.era(header.partition).round)
    })
  }

  /** Of a coordinator; CLOCK_SKEW when its clock is too far ahead: then it may hear of it. */
  #onWrite(from: RemotePeer, body: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const reader = new WireReader(body)
    const header = readHeader(reader)
    const round = reader.uint()
    const key = readKey(reader)
    const bytes = readRecordBytes(reader)
    const record = decodeRecord(bytes)
    this.#checkSkew(record)
    return this.#whenCurrent(from, header, () => {
      // As a configuration that is over: who coordinates makes it anew from what it holds now.
      if (!this.admits(header.partition, { cfg: header.cfg, round })) return this.#stale()
      return this.#join(header.partition, key, bytes, record).then(() => DONE)
    })
  }
}
