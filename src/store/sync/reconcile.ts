/**
 * Makes one partition equal here and at one peer: keys are compared in order, page by page; what
 * differs is pulled and joined, and what the peer then still lacks is pushed. Cost grows with the
 * number of keys in the partition, and data moves only where it differs.
 *
 * A record that cannot be joined does not hold up the others; the work then ends with an error.
 */
import { isAtollError } from '../../base/errors.ts'
import { compareKeys } from '../../base/bytes.ts'
import type { PeerId } from '../../base/ids.ts'
import type { Database } from '../../disk/database.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { SYNC_BYTES } from '../limits.ts'
import { databaseKey } from '../place.ts'
import type { StoreCounts } from '../counts.ts'
import type { Replica } from '../replica.ts'
import { entryFingerprint } from './fingerprints.ts'
import {
  decodeKeysPage,
  decodeRecords,
  encodeKeysQuestion,
  encodePullQuestion,
  encodeRecords,
  type KeysPage,
} from './sync-messages.ts'
import { joinAll, keysPage } from './sync-server.ts'

export interface ReconcileOptions {
  readonly database: Database
  readonly replica: Replica
  readonly mesh: Mesh
  readonly clock: Clock
  readonly counts: StoreCounts
  readonly signal: AbortSignal
}

/** Which way data may flow: an offer of a former replica takes nothing in. */
export type Direction = 'both' | 'push'

const TIMEOUT_MS = 15_000
/** Repair leaves most of a link to the calls of users. */
const BYTES_PER_SECOND = 32 * 1024 * 1024

export class Reconciliation {
  readonly #options: ReconcileOptions
  readonly #peer: PeerId
  readonly #topology: number
  readonly #partition: number
  readonly #direction: Direction
  /** Bytes that went over the wire. */
  bytes = 0
  #refused: unknown = null

  constructor(
    options: ReconcileOptions,
    peer: PeerId,
    topology: number,
    partition: number,
    direction: Direction,
  ) {
    this.#options = options
    this.#peer = peer
    this.#topology = topology
    this.#partition = partition
    this.#direction = direction
  }

  /** Rejects with CONFLICT when all is equal but for records that cannot be joined. */
  async run(): Promise<void> {
    let after = ''
    let theirs = await this.#theirPage(after)
    for (;;) {
      const mine = await keysPage(this.#options.database, this.#partition, after)
      const end = commonEnd(theirs, mine)
      await this.#makeEqual(upTo(theirs, end), upTo(mine, end))
      if (end === null) break
      after = end
      const rest = theirs.entries.filter(([key]) => compareKeys(key, end) > 0)
      if (rest.length > 0 || theirs.done) theirs = { entries: rest, done: theirs.done }
      else theirs = await this.#theirPage(after)
    }
    if (this.#refused !== null) throw this.#refused
  }

  async #makeEqual(theirs: ReadonlyMap<string, number>, mine: ReadonlyMap<string, number>) {
    const wanted = [...theirs].flatMap(([key, print]) => (mine.get(key) === print ? [] : [key]))
    if (this.#direction === 'both') await this.#pull(wanted)
    await this.#push(theirs, [...mine.keys(), ...wanted])
  }

  async #theirPage(after: string): Promise<KeysPage> {
    const question = { topology: this.#topology, partition: this.#partition, after }
    return decodeKeysPage(await this.#ask(REQUEST_KINDS.KV_SYNC_KEYS, encodeKeysQuestion(question)))
  }

  async #pull(keys: readonly string[]): Promise<void> {
    let rest = keys
    while (rest.length > 0) {
      const question = { topology: this.#topology, partition: this.#partition, keys: rest }
      const answer = await this.#ask(REQUEST_KINDS.KV_SYNC_PULL, encodePullQuestion(question))
      const { records } = decodeRecords(answer)
      this.#options.counts.keysPulled += records.length
      await this.#unlessRefused(joinAll(this.#options.replica, this.#partition, records))
      const last = records.at(-1)?.[0]
      // Nothing came although something was asked for: it is gone there, and so are we.
      rest = last === undefined ? [] : rest.slice(rest.indexOf(last) + 1)
    }
  }

  /** Whatever is not the same there as it is here now. */
  async #push(theirs: ReadonlyMap<string, number>, keys: readonly string[]): Promise<void> {
    let records: [string, Uint8Array][] = []
    let bytes = 0
    for (const key of new Set(keys)) {
      const record = this.#options.database.get(databaseKey(this.#partition, key))
      if (record === undefined || entryFingerprint(key, record) === theirs.get(key)) continue
      records.push([key, record])
      bytes += record.length
      if (bytes < SYNC_BYTES && records.length < 256) continue
      await this.#send(records)
      records = []
      bytes = 0
    }
    if (records.length > 0) await this.#send(records)
  }

  async #send(records: readonly (readonly [string, Uint8Array])[]): Promise<void> {
    const message = { topology: this.#topology, partition: this.#partition, records }
    this.#options.counts.keysPushed += records.length
    await this.#unlessRefused(this.#ask(REQUEST_KINDS.KV_SYNC_PUSH, encodeRecords(message)))
  }

  async #unlessRefused(step: Promise<unknown>): Promise<void> {
    try {
      await step
    } catch (error) {
      if (!isAtollError(error, 'CONFLICT')) throw error
      this.#refused ??= error
    }
  }

  async #ask(kind: number, body: Uint8Array): Promise<Uint8Array> {
    const { mesh, clock, signal } = this.#options
    const options = { timeoutMs: TIMEOUT_MS, trafficClass: 'bulk', signal } as const
    const answer = await mesh.request(this.#peer, kind, body, options)
    const bytes = body.length + answer.length
    this.bytes += bytes
    this.#options.counts.syncBytes += bytes
    if (bytes > SYNC_BYTES / 2) await sleep(clock, (bytes / BYTES_PER_SECOND) * 1000, signal)
    return answer
  }
}

/** Up to here both pages are complete; null: both are to the end. */
function commonEnd(a: KeysPage, b: KeysPage): string | null {
  const ends = [a, b].flatMap(({ entries, done }) => (done ? [] : [entries.at(-1)?.[0] ?? '']))
  const [first, second] = ends
  if (first === undefined) return null
  return second === undefined || compareKeys(first, second) < 0 ? first : second
}

function upTo({ entries }: KeysPage, end: string | null): Map<string, number> {
  return new Map(entries.filter(([key]) => end === null || compareKeys(key, end) <= 0))
}
