/**
 * Makes one partition equal here and at one peer. Sums of nodes are compared from the root down
 * until the leaves are found that differ; of those the fingerprints of all entries are told, and the
 * keys of those that the other side has not; where both have something else of a key, heads tell
 * who lacks what. So cost grows with the difference, and a record
 * travels once, in the direction in which it is lacked.
 *
 * A record that cannot be joined does not hold up the others; the work then ends with an error.
 */
import { compareKeys } from '../../base/bytes.ts'
import { isAtollError } from '../../base/errors.ts'
import type { Database } from '../../disk/database.ts'
import { WireError } from '../../wire/codec.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { StoreCounts } from '../counts.ts'
import { storedHead } from '../fingerprint.ts'
import { SYNC_BYTES, SYNC_ENTRIES } from '../limits.ts'
import { databaseKey } from '../place.ts'
import { recordIfSound } from '../record.ts'
import type { Replica } from '../replica.ts'
import {
  decodeKeysAnswer,
  decodeSums,
  encodeKeysQuestion,
  encodeSumsQuestion,
  type KeysAnswer,
  SPANS_MAX,
  type Sums,
  type Turn,
} from './compare-messages.ts'
import type { Courier } from './courier.ts'
import type { SyncKind } from './courier-messages.ts'
import type { HashTrees } from './hash-trees.ts'
import { differing, joinSpans, LEVEL_MAX, type Span } from './leaf-tree.ts'
import { list, type Listing } from './listing.ts'
import type { Pace } from './pace.ts'
import {
  decodePullAnswers,
  encodePullQuestion,
  encodeRecords,
  type PullKey,
} from './sync-messages.ts'
import { joinAll } from './sync-server.ts'

export interface ReconcileOptions {
  readonly database: Database
  readonly replica: Replica
  readonly trees: HashTrees
  readonly pace: Pace
  readonly counts: StoreCounts
  readonly signal: AbortSignal
}

/** Which way data may flow: an offer of a former replica takes nothing in. */
export type Direction = 'both' | 'push'

/** Of one message: then the next is begun. */
const RECORDS_MAX = SYNC_ENTRIES / 2

interface Open {
  readonly span: Span
  /** Its sums are to be told at a lower level than this. */
  readonly below: number
}

export class Reconciliation {
  readonly #options: ReconcileOptions
  readonly #courier: Courier
  readonly #topology: number
  readonly #partition: number
  readonly #direction: Direction
  /** Bytes that went over the wire. */
  bytes = 0
  /** Records that did. */
  moved = 0
  #refused: unknown = null

  constructor(
    options: ReconcileOptions,
    courier: Courier,
    topology: number,
    partition: number,
    direction: Direction,
  ) {
    this.#options = options
    this.#courier = courier
    this.#topology = topology
    this.#partition = partition
    this.#direction = direction
  }

  /**
   * 'busy': it is the turn of others at the peer. Rejects with CONFLICT when all is equal but for
   * records that cannot be joined.
   */
  async run(): Promise<'equal' | 'busy'> {
    const first = await this.#sums(this.#direction === 'both' ? 'take' : 'none', [whole()])
    if (first === 'busy') return 'busy'
    if (first === 'same') return 'equal'
    try {
      const spans = await this.#differing(first)
      for (let i = 0; i < spans.length; i += SPANS_MAX) {
        await this.#makeEqual(spans.slice(i, i + SPANS_MAX))
      }
    } finally {
      // Nobody waits for it: a turn that is not ended does not last.
      if (this.#direction === 'both') this.#sums('end', []).catch(() => undefined)
    }
    if (this.#refused !== null) throw this.#refused
    return 'equal'
  }

  /** Where keys are to be compared, in order. */
  async #differing(first: Sums): Promise<Span[]> {
    const found: Span[] = []
    let open: Open[] = [{ span: whole(), below: LEVEL_MAX + 1 }]
    let sums = first
    for (;;) {
      if (sums === 'busy' || sums === 'same' || sums.length === 0)
        throw new WireError('no sums for what was asked')
      const answers = sums
      const closer: Open[] = []
      await this.#options.trees.read(this.#partition, (tree) => {
        for (const [i, { span, below }] of open.slice(0, answers.length).entries()) {
          const theirs = answers[i] ?? null
          const mine = theirs && tree.nodesAt(span, theirs.level)
          // Leaves have changed since, or the peer goes in circles.
          if (theirs === null || mine === null || theirs.level >= below) found.push(span)
          else {
            const spans = differing(span, mine, theirs.nodes)
            if (theirs.level === 0 || theirs.nodes.length < 2) found.push(...spans)
            else closer.push(...spans.map((each) => ({ span: each, below: theirs.level })))
          }
        }
      })
      open = [...open.slice(answers.length), ...closer]
      if (open.length === 0) break
      const asked = open.slice(0, SPANS_MAX).map(({ span }) => span)
      sums = await this.#sums('none', asked)
    }
    return joinSpans(found.sort((a, b) => compareKeys(a.from, b.from)))
  }

  async #sums(turn: Turn, spans: readonly Span[]): Promise<Sums> {
    const root = this.#options.trees.root(this.#partition) ?? 0
    const question = { topology: this.#topology, partition: this.#partition, turn, root, spans }
    return decodeSums(
      await this.#ask(REQUEST_KINDS.KV_SYNC_SUMS, () => encodeSumsQuestion(question)),
    )
  }

  /** Page by page: as far as both have listed, each time. */
  async #makeEqual(spans: readonly Span[]): Promise<void> {
    for (let after: string | null = ''; after !== null; ) {
      const mine = await list(this.#options.database, this.#partition, spans, after)
      const { upTo, found, entries } = await this.#unlike(spans, after, mine)
      const end: string = upTo === '' ? mine.upTo : upTo
      if (end !== '' && compareKeys(end, after) <= 0) {
        throw new WireError('a page of keys leads nowhere')
      }
      const others = mine.entries.filter(([key], i) => {
        return found[i] !== true && (end === '' || compareKeys(key, end) <= 0)
      })
      await this.#exchange(new Map(entries), new Map(others))
      after = end === '' ? null : end
    }
  }

  /** What the peer has in the part of the spans that was listed here, beside what is the same. */
  async #unlike(spans: readonly Span[], after: string, mine: Listing): Promise<KeysAnswer> {
    const prints = mine.entries.map(([, print]) => print)
    const place = { topology: this.#topology, partition: this.#partition }
    const question = { ...place, spans, after, upTo: mine.upTo, prints }
    const make = (): Uint8Array => encodeKeysQuestion(question)
    return decodeKeysAnswer(await this.#ask(REQUEST_KINDS.KV_SYNC_KEYS, make))
  }

  async #exchange(
    theirs: ReadonlyMap<string, number>,
    mine: ReadonlyMap<string, number>,
  ): Promise<void> {
    const onlyMine = [...mine.keys()].filter((key) => !theirs.has(key))
    const wanted: PullKey[] = []
    for (const key of theirs.keys()) {
      const isHere = mine.has(key)
      if (!isHere && this.#direction === 'push') continue
      wanted.push({ key, head: isHere ? this.#headHere(key) : new Uint8Array() })
    }
    const lacked = await this.#pull(wanted)
    await this.#push([...onlyMine, ...lacked])
  }

  #headHere(key: string): Uint8Array {
    const record = this.#options.database.get(databaseKey(this.#partition, key))
    return record === undefined ? new Uint8Array() : storedHead(record)
  }

  /** Gives the keys of which the peer lacks something. */
  async #pull(wanted: readonly PullKey[]): Promise<string[]> {
    const lacked: string[] = []
    const takes = this.#direction === 'both'
    for (let rest = wanted; rest.length > 0; ) {
      const keys = asManyAsFit(rest, ({ head }) => head.length)
      const question = { topology: this.#topology, partition: this.#partition, takes, keys }
      const make = (): Uint8Array => encodePullQuestion(question)
      const body = await this.#ask(REQUEST_KINDS.KV_SYNC_PULL, make)
      const { era, answers: all } = decodePullAnswers(body)
      const answers = all.slice(0, keys.length)
      if (answers.length === 0) throw new WireError('no records for what was asked')
      const records: [string, Uint8Array][] = []
      for (const [i, { lacks, record }] of answers.entries()) {
        const key = keys[i]?.key ?? ''
        if (lacks) lacked.push(key)
        if (takes && record.length > 0) records.push([key, record])
      }
      this.moved += records.length
      this.#options.counts.keysPulled += records.length
      await this.#unlessRefused(joinAll(this.#options.replica, this.#partition, records, era))
      rest = rest.slice(answers.length)
    }
    return lacked
  }

  async #push(keys: readonly string[]): Promise<void> {
    for (let rest = keys; rest.length > 0; ) {
      const pushed = this.#ask(REQUEST_KINDS.KV_SYNC_PUSH, () => {
        const { body, read, records } = this.#recordsOf(rest)
        rest = rest.slice(read)
        this.moved += records
        this.#options.counts.keysPushed += records
        return body
      })
      await this.#unlessRefused(pushed)
    }
  }

  /** Of the first of the keys, as many as fit; at least one. */
  #recordsOf(keys: readonly string[]) {
    const { database, replica } = this.#options
    // Of the moment in which they are read.
    const era = replica.era(this.#partition)
    const records: [string, Uint8Array][] = []
    let read = 0
    let bytes = 0
    for (const key of keys) {
      if (bytes >= SYNC_BYTES || records.length === RECORDS_MAX) break
      read++
      const record = database.get(databaseKey(this.#partition, key))
      // What is no record any more spreads nowhere, and holds up nothing.
      if (record === undefined || recordIfSound(record) === null) continue
      records.push([key, record])
      bytes += record.length
    }
    const message = { topology: this.#topology, partition: this.#partition, era, records }
    return { body: encodeRecords(message), read, records: records.length }
  }

  async #unlessRefused(step: Promise<unknown>): Promise<void> {
    try {
      await step
    } catch (error) {
      if (!isAtollError(error, 'CONFLICT')) throw error
      this.#refused ??= error
    }
  }

  /** The question is made when it goes. */
  async #ask(kind: SyncKind, make: () => Uint8Array): Promise<Uint8Array> {
    const { pace, counts, signal } = this.#options
    let asked = 0
    const answer = await this.#courier.ask(kind, () => {
      const body = make()
      asked = body.length
      return body
    })
    const bytes = asked + answer.length
    this.bytes += bytes
    counts.syncBytes += bytes
    await pace.spend(bytes, signal)
    return answer
  }
}

function whole(): Span {
  return { from: '', to: null }
}

/** The first of them, at least one. */
function asManyAsFit<T>(items: readonly T[], bytesOf: (item: T) => number): readonly T[] {
  let bytes = 0
  for (const [i, item] of items.entries()) {
    bytes += bytesOf(item)
    if (i > 0 && (bytes > SYNC_BYTES || i === RECORDS_MAX)) return items.slice(0, i)
  }
  return items
}
