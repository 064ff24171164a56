/**
 * Reads (Dynamo, SOSP 2007, §4): any node asks all replicas, answers when the level is
 * met, and repairs after the answer what they disagree on.
 */
import type { StorageId } from '../base/ids.ts'
import type { Deadlines } from '../mesh/deadlines.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { answerTimeout, ATTEMPTS_MAX, type CallLimits, counted, tooFew } from './calls.ts'
import type { StoreCounts } from './counts.ts'
import type { Era } from './fences.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { joinRecords } from './merge.ts'
import { encodeRead, encodeWrite } from './messages.ts'
import type { Peers } from '../topology/peers.ts'
import { type Place, placeOf } from './place.ts'
import type { Places } from '../topology/places.ts'
import {
  AnswerDecoder,
  Answers,
  type Held,
  PRINT,
  type ReadAnswer,
  wantedBeside,
  WHOLE,
} from './read-answers.ts'
import { EMPTY_RECORD, encodeRecord, type StoreRecord } from './record.ts'
import type { Replica } from './replica.ts'
import { Round } from './round.ts'

export interface ReaderOptions {
  readonly self: StorageId
  /** null on an edge. */
  readonly replica: Replica | null
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly places: Places<Place>
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

/** Repairs under way: more are left to anti-entropy. */
const REPAIRS_MAX = 256
const REPAIR_TIMEOUT_MS = 5000

export class Reader {
  readonly #options: ReaderOptions
  #repairs = 0
  #turn = 0

  constructor(options: ReaderOptions) {
    this.#options = options
  }

  async get(key: string, limits: CallLimits): Promise<ReadOutcome> {
    const { clock, places, topology } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    if (topology.isLost) await topology.reach(key, { ...limits, endMs })
    let isWhole = false
    for (let attempt = 1; ; attempt++) {
      const place = places.of(topology.get(), key)
      const round = this.#sendRead(place, limits, endMs - clock.monotonicMs(), isWhole)
      const decision = await round.decided
      if (decision === 'met' || decision === 'partial') {
        const given = new Answers(key, round.answers)
        const held = [...given.held.values()]
        if (!isWhole && held.includes(null)) {
          // They differ: each says all that it has.
          isWhole = true
          continue
        }
        const answers = held.filter((each) => each !== null)
        const record = joinAnswers(answers)
        const era = { cfg: place.cfg, round: leastRound(answers) }
        round.onFinished(() => this.#repair(place, given.held))
        const partial = decision === 'partial'
        const moving = place.groups.length > 1
        return { record, era, moving, ...counted(place, round, partial), partial }
      }
      if (decision === 'failed' || attempt >= ATTEMPTS_MAX) {
        throw tooFew(place, round, limits, 'not-applied')
      }
      await topology.catchUp(round.staleNumber, round.staleFrom, { ...limits, endMs })
    }
  }

  /** `isWhole`: every replica is to send its record, however large. */
  #sendRead(place: Place, limits: CallLimits, leftMs: number, isWhole: boolean): Round<ReadAnswer> {
    const { mesh, self, replica, peers } = this.#options
    const { partition, cfg, key } = place
    const topology = this.#options.topology.get()
    const round = new Round<ReadAnswer>({ ...limits, groups: place.groups })
    const header = { topology: topology.number, partition, cfg }
    const decoder = new AnswerDecoder()
    const isHere = replica !== null && place.targets.includes(self)
    const own = isHere ? (replica.read(partition, key) ?? new Uint8Array()) : null
    let wanted = own === null || isWhole ? WHOLE : wantedBeside(key, own)
    let message: Uint8Array | null = null
    for (const id of own === null ? this.#inTurn(place.targets) : place.targets) {
      if (id === self && own !== null) {
        round.ask(id, this.#decodedHere(own, partition, decoder))
        continue
      }
      const peer = peers.usable(topology, id)
      if (peer === undefined) {
        round.skip(id)
        continue
      }
      message ??= encodeRead(header, key, wanted)
      const answer = mesh.request(peer, REQUEST_KINDS.KV_READ, message, answerTimeout(leftMs))
      // One whole record is enough where they agree.
      if (own === null && wanted !== PRINT && !isWhole) {
        wanted = PRINT
        message = null
      }
      round.ask(
        id,
        answer.then((bytes) => decoder.answer(bytes)),
      )
    }
    round.begin(this.#options.deadlines, leftMs)
    return round
  }

  async #decodedHere(own: Uint8Array, partition: number, decoder: AnswerDecoder): Promise<Held> {
    return decoder.record(own, this.#options.replica?.era(partition).round ?? 0)
  }

  /** The same ones, another one first each time: the first may have more to send. */
  #inTurn(ids: readonly StorageId[]): readonly StorageId[] {
    this.#turn = (this.#turn + 1) % Math.max(1, ids.length)
    return [...ids.slice(this.#turn), ...ids.slice(0, this.#turn)]
  }

  /** What each replica of the key holds, for `explain`; absent: it did not answer. */
  async inspect(key: string, deadlineMs: number): Promise<ReadonlyMap<StorageId, StoreRecord>> {
    const place = placeOf(this.#options.topology.get(), key)
    const limits = { level: 'all', deadlineMs, signal: undefined } as const
    const round = this.#sendRead(place, limits, deadlineMs, true)
    await new Promise<void>((resolve) => round.onFinished(resolve))
    const held = [...new Answers(key, round.answers).held]
    return new Map(held.flatMap(([id, one]) => (one === null ? [] : [[id, one.record]])))
  }

  /** Read repair: replicas that lack something get the whole. */
  #repair(place: Place, all: ReadonlyMap<StorageId, Held | null>): void {
    const known = [...all.values()].filter((held) => held !== null)
    const [first] = known
    if (first === undefined) return
    const isSame = ({ bytes }: Held): boolean => Buffer.compare(bytes, first.bytes) === 0
    if (known.length === all.size && known.every(isSame)) return
    const bytes = encodeRecord(joinAnswers(known))
    const round = leastRound(known)
    for (const [id, held] of all) {
      if (this.#repairs >= REPAIRS_MAX) return
      // Late, and of a record that was not sent here: its own rounds will tell it.
      if (held === null || Buffer.compare(held.bytes, bytes) === 0) continue
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

/** What several answers make is of the oldest of them. */
function leastRound(answers: readonly Held[]): number {
  let least = Number.POSITIVE_INFINITY
  for (const { round } of answers) least = Math.min(least, round)
  return least === Number.POSITIVE_INFINITY ? 0 : least
}

function joinAnswers(answers: readonly Held[]): StoreRecord {
  let joined = EMPTY_RECORD
  let last: StoreRecord | null = null
  for (const { record } of answers) {
    if (record === last) continue
    joined = joinRecords(joined, record)
    last = record
  }
  return joined
}
