/**
 * Scans: every member that stores is asked for what it has under a prefix, in key order, and the
 * answers are joined key by key. A page is resumed by its last key.
 */
import { AtollError } from '../base/errors.ts'
import { compareKeys } from '../base/bytes.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { CallLimits } from './calls.ts'
import { KEY_BYTES_MAX, PAGE_BYTES, PAGE_ENTRIES_MAX, RECORD_BYTES_MAX } from './limits.ts'
import { joinRecords } from './merge.ts'
import type { Peers } from './peers.ts'
import { databaseKey, partitionEnd, placeIn, userKey } from './place.ts'
import { decodeRecord, type StoreRecord } from './record.ts'

export interface ScanOptions {
  readonly self: StorageId
  /** null on an edge. */
  readonly database: Database | null
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly peers: Peers
}

export interface ScanPage {
  readonly entries: readonly (readonly [string, StoreRecord])[]
  /** Last key that was looked at; null at the end. */
  readonly next: string | null
  readonly partial: boolean
}

interface Answer {
  readonly entries: readonly (readonly [string, Uint8Array])[]
  /** No key under the prefix comes after these. */
  readonly done: boolean
}

/** Entries read from a partition at a time: pages take little from each of many partitions. */
const SLICE = 8

export class Scanner {
  readonly #options: ScanOptions

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: ScanOptions) {
    this.#options = options
    if (options.database !== null) {
      options.mesh.handle(REQUEST_KINDS.KV_SCAN, (_from, body) => this.#onScan(body))
    }
  }

  async page(prefix: string, after: string, limit: number, limits: CallLimits): Promise<ScanPage> {
    const topology = this.#options.topology.current()
    if (topology === null) throw new AtollError('NO_QUORUM', 'the topology is not known here yet')
    const answers = await this.#ask(topology, prefix, after, limit, limits)
    if (answers.size === 0 && topology.members.length > 0) {
      throw new AtollError('NO_QUORUM', 'no member that stores data answered')
    }
    const cut = lowestEnd(answers.values())
    const joined = new Map<string, StoreRecord>()
    for (const { entries } of answers.values()) {
      for (const [key, bytes] of entries) {
        if (cut !== null && compareKeys(key, cut) > 0) break
        const before = joined.get(key)
        const record = decodeRecord(bytes)
        joined.set(key, before === undefined ? record : joinRecords(before, record))
      }
    }
    const sorted = [...joined].sort(([a], [b]) => compareKeys(a, b))
    const entries = sorted.slice(0, limit)
    const isCut = cut !== null || sorted.length > limit
    const next = isCut ? (entries.at(-1)?.[0] ?? cut) : null
    return { entries, next, partial: !coversAll(topology, new Set(answers.keys())) }
  }

  async #ask(
    topology: Topology,
    prefix: string,
    after: string,
    limit: number,
    limits: CallLimits,
  ): Promise<Map<StorageId, Answer>> {
    const { self, peers } = this.#options
    const answers = new Map<StorageId, Answer>()
    const body = new WireWriter().string(prefix).string(after).uint(limit).finish()
    const asked = topology.members.map(async ({ storageId }) => {
      const peer = storageId === self ? null : peers.usable(topology, storageId)
      if (peer === undefined) return
      const local = peer === null
      const answer = local
        ? await this.#scanHere(prefix, after, limit)
        : await this.#request(peer, body, limits)
      answers.set(storageId, answer)
    })
    // Members that fail make the page partial; the page says so.
    await Promise.allSettled(asked)
    return answers
  }

  async #request(peer: PeerId, body: Uint8Array, limits: CallLimits): Promise<Answer> {
    const { deadlineMs, signal } = limits
    const bytes = await this.#options.mesh.request(peer, REQUEST_KINDS.KV_SCAN, body, {
      timeoutMs: deadlineMs * 0.9,
      trafficClass: 'bulk',
      ...(signal !== undefined && { signal }),
    })
    const from = new WireReader(bytes)
    const done = from.bool()
    const entries = from.list(PAGE_ENTRIES_MAX, (each) => {
      return [each.string(KEY_BYTES_MAX), each.bytes(RECORD_BYTES_MAX)] as const
    })
    return { entries, done }
  }

  async #onScan(body: Uint8Array): Promise<Uint8Array> {
    const from = new WireReader(body)
    const prefix = from.string(KEY_BYTES_MAX)
    const after = from.string(KEY_BYTES_MAX)
    const { entries, done } = await this.#scanHere(prefix, after, from.uint(PAGE_ENTRIES_MAX))
    return new WireWriter()
      .bool(done)
      .list(entries, (to, [key, bytes]) => to.string(key).bytes(bytes))
      .finish()
  }

  /** A merge of the partitions held here; each is read in small slices as the merge needs them. */
  async #scanHere(prefix: string, after: string, limit: number): Promise<Answer> {
    const topology = this.#options.topology.current()
    const { database, self } = this.#options
    if (topology === null || database === null) return { entries: [], done: true }
    const held = topology.partitions.flatMap((_, p) =>
      placeIn(topology, '', p).targets.includes(self) ? [p] : [],
    )
    const cursors = await Promise.all(
      held.map((partition) => PartitionCursor.open(database, partition, prefix, after)),
    )
    const entries: (readonly [string, Uint8Array])[] = []
    let bytes = 0
    while (entries.length < limit && bytes < PAGE_BYTES) {
      const least = leastOf(cursors)
      if (least === null) return { entries, done: true }
      const entry = await least.take()
      entries.push(entry)
      bytes += entry[0].length + entry[1].length
    }
    return { entries, done: leastOf(cursors) === null }
  }
}

class PartitionCursor {
  readonly #database: Database
  readonly #partition: number
  readonly #prefix: string
  #slice: (readonly [string, Uint8Array])[] = []
  #at = 0
  #from: string
  #ended = false

  private constructor(database: Database, partition: number, prefix: string, from: string) {
    this.#database = database
    this.#partition = partition
    this.#prefix = prefix
    this.#from = from
  }

  static async open(
    database: Database,
    partition: number,
    prefix: string,
    after: string,
  ): Promise<PartitionCursor> {
    // The least string after `after` is itself with a zero character.
    const start = compareKeys(after, prefix) >= 0 && after !== '' ? `${after}\0` : prefix
    const cursor = new PartitionCursor(database, partition, prefix, start)
    await cursor.#fill()
    return cursor
  }

  get key(): string | null {
    return this.#slice[this.#at]?.[0] ?? null
  }

  async take(): Promise<readonly [string, Uint8Array]> {
    const entry = this.#slice[this.#at++] ?? (['', new Uint8Array()] as const)
    if (this.#at === this.#slice.length) await this.#fill()
    return entry
  }

  async #fill(): Promise<void> {
    this.#slice = []
    this.#at = 0
    if (this.#ended) return
    const from = databaseKey(this.#partition, this.#from)
    const range = { from, to: partitionEnd(this.#partition), limit: SLICE }
    for await (const [stored, bytes] of this.#database.scan(range)) {
      const key = userKey(stored)
      if (!key.startsWith(this.#prefix)) {
        this.#ended = true
        break
      }
      this.#slice.push([key, bytes])
      this.#from = `${key}\0`
    }
    if (this.#slice.length < SLICE) this.#ended = true
  }
}

function leastOf(cursors: readonly PartitionCursor[]): PartitionCursor | null {
  let least: PartitionCursor | null = null
  for (const cursor of cursors) {
    if (cursor.key === null) continue
    if (least === null || compareKeys(cursor.key, least.key ?? '') < 0) least = cursor
  }
  return least
}

/** Up to here every answer is complete; null: all are complete to the end. */
function lowestEnd(answers: Iterable<Answer>): string | null {
  let cut: string | null = null
  for (const { entries, done } of answers) {
    const last = entries.at(-1)?.[0]
    if (done || last === undefined) continue
    if (cut === null || compareKeys(last, cut) < 0) cut = last
  }
  return cut
}

/** Whether a majority of every set of every partition answered. */
function coversAll(topology: Topology, answered: ReadonlySet<StorageId>): boolean {
  return topology.partitions.every((_, p) =>
    placeIn(topology, '', p).groups.every(
      (group) => group.filter((id) => answered.has(id)).length > Math.floor(group.length / 2),
    ),
  )
}
