/**
 * Reads (store.md; Dynamo, SOSP 2007, §4): any node asks all replicas, answers when the level is
 * met, and repairs after the answer what they disagree on.
 */
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import { WireReader } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { answerTimeout, ATTEMPTS_MAX, type CallLimits, counted, tooFew } from './calls.ts'
import type { StoreCounts } from './counts.ts'
import type { Era } from './fences.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { joinRecords } from './merge.ts'
import { encodeRead, encodeWrite, readRecordBytes, staleNumber } from './messages.ts'
import type { Peers } from '../topology/peers.ts'
import { type Place, placeOf } from './place.ts'
import type { Places } from './places.ts'
import { decodeRecord, EMPTY_RECORD, encodeRecord, type StoreRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { Round } from './round.ts'

export interface ReaderOptions {
  readonly self: StorageId
  /** null on an edge. */
  readonly replica: Replica | null
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly places: Places
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly counts: StoreCounts
  /** A replica could not be repaired. */
  readonly onMissed: (partition: number, replica: StorageId) => void
}

export interface ReadOutcome {
  readonly record: StoreRecord
  /** When the oldest part of the record was read. */
  readonly era: Era
  readonly moving: boolean
  readonly acks: number
  readonly replicas: number
  readonly partial: boolean
}

/** A replica's record, and the bytes that it has it in. */
interface Held {
  readonly bytes: Uint8Array
  readonly record: StoreRecord
  /** Of collection, when it was read. */
  readonly round: number
}

/** Repairs under way: more are left to anti-entropy. */
const REPAIRS_MAX = 256
const REPAIR_TIMEOUT_MS = 5000

export class Reader {
  readonly #options: ReaderOptions
  #repairs = 0

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  async get(key: string, limits: CallLimits): Promise<ReadOutcome> {
    const { clock, places, topology } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    if (topology.isLost) await topology.reach(key, { ...limits, endMs })
    for (let attempt = 1; ; attempt++) {
      const place = places.of(topology.get(), key)
      const round = this.#sendRead(place, limits, endMs - clock.monotonicMs())
      const decision = await round.decided
      if (decision === 'met' || decision === 'partial') {
        const record = joinAnswers(round.answers.values())
        const era = { cfg: place.cfg, round: leastRound(round.answers.values()) }
        round.onFinished(() => this.#repair(place, round.answers))
        const partial = decision === 'partial'
        const moving = place.groups.length > 1
        return { record, era, moving, ...counted(place, round, partial), partial }
      }
      if (decision === 'failed' || attempt === ATTEMPTS_MAX) {
        throw tooFew(place, round, limits, 'not-applied')
      }
      await topology.catchUp(round.staleNumber, round.staleFrom, { ...limits, endMs })
    }
  }

  #sendRead(place: Place, limits: CallLimits, leftMs: number): Round<Held> {
    const { mesh, self, replica, peers } = this.#options
    const topology = this.#options.topology.get()
    const round = new Round<Held>({ ...limits, groups: place.groups })
    const header = { topology: topology.number, partition: place.partition, cfg: place.cfg }
    const decoder = new AnswerDecoder()
    let message: Uint8Array | null = null
    for (const id of place.targets) {
      if (id === self && replica !== null) {
        round.ask(id, this.#readHere(replica, place, decoder))
        continue
      }
      const peer = peers.usable(topology, id)
      if (peer === undefined) {
        round.skip(id)
        continue
      }
      message ??= encodeRead(header, place.key)
      const answer = mesh.request(peer, REQUEST_KINDS.KV_READ, message, answerTimeout(leftMs))
      round.ask(
        id,
        answer.then((bytes) => decoder.answer(bytes)),
      )
    }
    round.begin(this.#options.deadlines, leftMs)
    return round
  }

  async #readHere(replica: Replica, place: Place, decoder: AnswerDecoder): Promise<Held> {
    const { round } = replica.era(place.partition)
    return decoder.record(replica.read(place.partition, place.key) ?? new Uint8Array(), round)
  }

  /** What each replica of the key holds, for `explain`; absent: it did not answer. */
  async inspect(key: string, deadlineMs: number): Promise<ReadonlyMap<StorageId, StoreRecord>> {
    const place = placeOf(this.#options.topology.get(), key)
    const limits = { level: 'all', deadlineMs, signal: undefined } as const
    const round = this.#sendRead(place, limits, deadlineMs)
    await new Promise<void>((resolve) => round.onFinished(resolve))
    return new Map([...round.answers].map(([id, { record }]) => [id, record]))
  }

  /** Read repair: replicas that lack something get the whole. */
  #repair(place: Place, answers: ReadonlyMap<StorageId, Held>): void {
    const [first] = answers.values()
    if (first === undefined) return
    if ([...answers.values()].every(({ bytes }) => Buffer.compare(bytes, first.bytes) === 0)) return
    const bytes = encodeRecord(joinAnswers(answers.values()))
    const round = leastRound(answers.values())
    for (const [id, held] of answers) {
      if (this.#repairs >= REPAIRS_MAX) return
      if (Buffer.compare(held.bytes, bytes) === 0) continue
      this.#repairs++
      this.#options.counts.readRepairs++
      this.#repairOne(place, id, bytes, round)
        .catch(() => this.#options.onMissed(place.partition, id))
        .finally(() => {
          this.#repairs--
        })
    }
  }

  async #repairOne(place: Place, id: StorageId, bytes: Uint8Array, round: number): Promise<void> {
    const { self, replica, mesh, peers } = this.#options
    if (id === self && replica !== null) {
      return replica.join(place.partition, place.key, bytes, { cfg: place.cfg, round })
    }
    const topology = this.#options.topology.get()
    const peer = peers.of(topology, id)
    if (peer === undefined) return
    const header = { topology: topology.number, partition: place.partition, cfg: place.cfg }
    const message = encodeWrite(header, round, place.key, bytes)
    await mesh.request(peer, REQUEST_KINDS.KV_WRITE, message, { timeoutMs: REPAIR_TIMEOUT_MS })
  }
}

/**
 * Decodes the answers of one round, so that one which is no record counts as failed. Replicas
 * mostly agree, and equal bytes are decoded once.
 */
class AnswerDecoder {
  #last: Held | null = null

  answer(bytes: Uint8Array): Held | number {
    const from = new WireReader(bytes)
    const stale = staleNumber(from)
    if (stale !== null) return stale
    const round = from.uint()
    return this.record(readRecordBytes(from), round)
  }

  record(bytes: Uint8Array, round: number): Held {
    const last = this.#last
    if (last !== null && Buffer.compare(bytes, last.bytes) === 0) {
      return last.round === round ? last : { ...last, round }
    }
    const record = bytes.length === 0 ? EMPTY_RECORD : decodeRecord(bytes)
    this.#last = { bytes, record, round }
    return this.#last
  }
}

/** What several answers make is of the oldest of them. */
function leastRound(answers: Iterable<Held>): number {
  let least = Number.POSITIVE_INFINITY
  for (const { round } of answers) least = Math.min(least, round)
  return least === Number.POSITIVE_INFINITY ? 0 : least
}

function joinAnswers(answers: Iterable<Held>): StoreRecord {
  let joined = EMPTY_RECORD
  let last: StoreRecord | null = null
  for (const { record } of answers) {
    if (record === last) continue
    joined = joinRecords(joined, record)
    last = record
  }
  return joined
}
