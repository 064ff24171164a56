/**
 * What replicas answer to a read: their record, or, where that is large and somebody else gives it
 * whole, its fingerprint. Replicas mostly agree, and then a large value travels once at most.
 */
import type { StorageId } from '../base/ids.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { entryFingerprint, storedFingerprint } from './fingerprint.ts'
import { READ_WHOLE_BYTES, RECORD_BYTES_MAX } from './limits.ts'
import { FRESH, readRecordBytes, staleNumber } from './messages.ts'
import { decodeRecord, EMPTY_RECORD, type StoreRecord } from './record.ts'

/** How much of an answer is wanted: of a large record its fingerprint may be enough. */
export interface Wanted {
  /** Records up to so many bytes are sent whole. */
  readonly wholeUpTo: number
  /** Fingerprint of what the asker holds: whatever differs is sent whole. 0: it holds nothing. */
  readonly known: number
}

export const WHOLE: Wanted = { wholeUpTo: RECORD_BYTES_MAX, known: 0 }
export const PRINT: Wanted = { wholeUpTo: READ_WHOLE_BYTES, known: 0 }

/** A replica's record, and the bytes that it has it in. */
export interface Held {
  readonly bytes: Uint8Array
  readonly record: StoreRecord
  /** Of collection, when it was read. */
  readonly round: number
}

/** Of a record that was not sent. */
export interface Printed {
  readonly print: number
  readonly round: number
}

export type ReadAnswer = Held | Printed

/** What a reader wants of the others when it has these bytes itself. */
export function wantedBeside(key: string, own: Uint8Array): Wanted {
  if (own.length <= READ_WHOLE_BYTES) return WHOLE
  return { wholeUpTo: READ_WHOLE_BYTES, known: storedFingerprint(key, own) }
}

export function encodeAnswer(
  key: string,
  stored: Uint8Array,
  { wholeUpTo, known }: Wanted,
  round: number,
): Uint8Array {
  const out = new WireWriter().uint(FRESH).uint(round)
  if (stored.length > wholeUpTo) {
    const print = storedFingerprint(key, stored)
    if (known === 0 || print === known) return out.bool(false).uint(print).finish()
  }
  return out.bool(true).bytes(stored).finish()
}

/**
 * Decodes the answers of one round, so that one which is no record counts as failed. Equal bytes are
 * decoded once.
 */
export class AnswerDecoder {
  #last: Held | null = null

  /** The number of a newer topology when it is a refusal. */
  answer(bytes: Uint8Array): ReadAnswer | number {
    const from = new WireReader(bytes)
    const stale = staleNumber(from)
    if (stale !== null) return stale
    const round = from.uint()
    return from.bool() ? this.record(readRecordBytes(from), round) : { print: from.uint(), round }
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

/** What the replicas of one round hold, as their answers come in. Each record is hashed once at most. */
export class Answers {
  readonly #key: string
  readonly #given: ReadonlyMap<StorageId, ReadAnswer>
  /** Of records that were sent whole. */
  readonly #prints = new Map<StoreRecord, number>()
  #held: ReadonlyMap<StorageId, Held | null> = new Map()
  /** Answers that `#held` is made of. */
  #taken = 0

  /** `given` grows until the round is finished. */
  constructor(key: string, given: ReadonlyMap<StorageId, ReadAnswer>) {
    this.#key = key
    this.#given = given
  }

  /** null where nobody has sent the record that an answer is about. */
  get held(): ReadonlyMap<StorageId, Held | null> {
    if (this.#taken === this.#given.size) return this.#held
    this.#taken = this.#given.size
    this.#held = this.#match()
    return this.#held
  }

  #match(): ReadonlyMap<StorageId, Held | null> {
    const whole = [...this.#given.values()].filter(isWhole)
    // Mostly: all were small.
    if (whole.length === this.#given.size) return this.#given as ReadonlyMap<StorageId, Held>
    const byPrint = new Map(whole.map((held) => [this.#printOf(held.record), held]))
    return new Map(
      [...this.#given].map(([id, answer]) => {
        if (isWhole(answer)) return [id, answer]
        const same = byPrint.get(answer.print)
        return [id, same === undefined ? null : { ...same, round: answer.round }]
      }),
    )
  }

  #printOf(record: StoreRecord): number {
    let print = this.#prints.get(record)
    if (print === undefined) {
      print = entryFingerprint(this.#key, record)
      this.#prints.set(record, print)
    }
    return print
  }
}

function isWhole(answer: ReadAnswer): answer is Held {
  return 'bytes' in answer
}
