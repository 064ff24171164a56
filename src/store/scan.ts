/**
 * Scans: every member that stores is asked for what it has under a prefix, in key order, and the
 * answers are joined key by key. A page is resumed by its last key.
 */
import { DEFAULT_DEADLINE_MS, PAGE_ENTRIES_MAX } from '../base/call-limits.ts'
import { KEY_BYTES_MAX } from '../base/value.ts'
import { AtollError } from '../base/errors.ts'
import { compareKeys, lowestKey } from '../base/bytes.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { KeyCursor, leastOf } from '../disk/key-cursor.ts'
import type { Mesh, RemotePeer } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Topology } from '../topology/topology.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import { answerTimeout, ATTEMPTS_MAX, type CallLimits } from './calls.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { PAGE_BYTES, RECORD_BYTES_MAX } from './limits.ts'
import { joinRecords } from './merge.ts'
import { encodeStale, FRESH, staleNumber } from './messages.ts'
import type { Peers } from '../topology/peers.ts'
import { placeIn, partitionPrefix } from './place.ts'
import { decodeRecord, type StoreRecord } from './record.ts'

export interface ScanOptions {
  readonly self: StorageId
  /** null on an edge. */
  readonly database: Database | null
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly clock: Clock
  readonly peers: Peers
}

export interface ScanPage {
  readonly entries: readonly (readonly [string, StoreRecord])[]
  /** Last key that was looked at; null at the end. */
  readonly next: string | null
  readonly partial: boolean
}

interface Answer<T> {
  readonly entries: readonly (readonly [string, T])[]
  /** No key under the prefix comes after these. */
  readonly done: boolean
}

interface ScanQuestion {
  /** Number of the topology by which the asker chose whom to ask. */
  readonly topology: number
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** A newer topology, and who knows it. */
interface Newer {
  readonly number: number
  readonly peer: PeerId
}

/** Who asks does not say how long it waits. */
const CATCH_UP_MS = DEFAULT_DEADLINE_MS

export class Scanner {
  readonly #options: ScanOptions

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: ScanOptions) {
    this.#options = options
    if (options.database !== null) {
      options.mesh.handle(REQUEST_KINDS.KV_SCAN, (from, body) => this.#onScan(from, body))
    }
  }

  async page(prefix: string, after: string, limit: number, limits: CallLimits): Promise<ScanPage> {
    const { clock, topology } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    if (topology.isLost) await topology.reach(prefix, { ...limits, endMs })
    for (let attempt = 1; ; attempt++) {
      const known = topology.get()
      const question = { topology: known.number, prefix, after, limit }
      const { answers, newer } = await this.#ask(known, question, limits, endMs)
      if (limits.signal?.aborted === true)
        throw new AtollError('CANCELLED', 'the call was given up')
      if (newer !== null && attempt < ATTEMPTS_MAX) {
        await topology.catchUpFrom(newer.number, newer.peer, { ...limits, endMs })
        continue
      }
      if (answers.size > 0) return pageOf(known, answers, limit)
      throw new AtollError('NO_QUORUM', 'no member that stores data answered in time')
    }
  }

  async #ask(
    topology: Topology,
    question: ScanQuestion,
    { signal }: CallLimits,
    endMs: number,
  ): Promise<{ answers: ReadonlyMap<StorageId, Answer<StoreRecord>>; newer: Newer | null }> {
    const { self, peers, mesh, clock } = this.#options
    const answers = new Map<StorageId, Answer<StoreRecord>>()
    let newer: Newer | null = null
    const body = encodeQuestion(question)
    const options = {
      ...answerTimeout(endMs - clock.monotonicMs()),
      trafficClass: 'bulk',
      ...(signal !== undefined && { signal }),
    } as const
    const asked = topology.members.map(async ({ storageId }) => {
      if (storageId === self) {
        answers.set(self, decoded(await this.#scanHere(topology, question)))
        return
      }
      const peer = peers.usable(topology, storageId)
      if (peer === undefined) return
      const answer = decodeAnswer(await mesh.request(peer, REQUEST_KINDS.KV_SCAN, body, options))
      if (typeof answer !== 'number') answers.set(storageId, answer)
      else if (answer > (newer?.number ?? 0)) newer = { number: answer, peer }
    })
    // Members that fail make the page partial; the page says so.
    await Promise.allSettled(asked)
    return { answers, newer }
  }

  async #onScan(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const question = decodeQuestion(body)
    const endMs = this.#options.clock.monotonicMs() + CATCH_UP_MS
    await this.#options.topology.catchUpFrom(question.topology, from.peer, {
      endMs,
      signal: undefined,
    })
    const topology = this.#options.topology.get()
    // Who acts on an older one does not know whom to ask.
    if (topology.number > question.topology) return encodeStale(topology.number)
    return encodeAnswer(await this.#scanHere(topology, question))
  }

  /** A merge of the partitions held here; each is read in small slices as the merge needs them. */
  async #scanHere(
    topology: Topology,
    { prefix, after, limit }: ScanQuestion,
  ): Promise<Answer<Uint8Array>> {
    const { database, self } = this.#options
    if (database === null) return { entries: [], done: true }
    const held = topology.partitions.flatMap((_, p) =>
      placeIn(topology, '', p).targets.includes(self) ? [p] : [],
    )
    const cursors = await Promise.all(
      held.map((partition) => KeyCursor.open(database, partitionPrefix(partition), prefix, after)),
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

function encodeQuestion({ topology, prefix, after, limit }: ScanQuestion): Uint8Array {
  return new WireWriter().uint(topology).string(prefix).string(after).uint(limit).finish()
}

function decodeQuestion(body: Uint8Array): ScanQuestion {
  const from = new WireReader(body)
  const topology = from.uint()
  const prefix = from.string(KEY_BYTES_MAX)
  const after = from.string(KEY_BYTES_MAX)
  return { topology, prefix, after, limit: from.uint(PAGE_ENTRIES_MAX) }
}

function encodeAnswer({ entries, done }: Answer<Uint8Array>): Uint8Array {
  return new WireWriter()
    .uint(FRESH)
    .bool(done)
    .list(entries, (to, [key, bytes]) => to.string(key).bytes(bytes))
    .finish()
}

/** The answer, or the number of a newer topology. */
function decodeAnswer(bytes: Uint8Array): Answer<StoreRecord> | number {
  const from = new WireReader(bytes)
  const stale = staleNumber(from)
  if (stale !== null) return stale
  const done = from.bool()
  const entries = from.list(PAGE_ENTRIES_MAX, (each) => {
    return [each.string(KEY_BYTES_MAX), each.bytes(RECORD_BYTES_MAX)] as const
  })
  return decoded({ entries, done })
}

function decoded({ entries, done }: Answer<Uint8Array>): Answer<StoreRecord> {
  return { entries: entries.map(([key, bytes]) => [key, decodeRecord(bytes)]), done }
}

/** Joins the answers key by key, as far as all of them go. */
function pageOf(
  topology: Topology,
  answers: ReadonlyMap<StorageId, Answer<StoreRecord>>,
  limit: number,
): ScanPage {
  const cut = lowestKey([...answers.values()].map(endOf))
  const joined = new Map<string, StoreRecord>()
  for (const { entries } of answers.values()) {
    for (const [key, record] of entries) {
      if (cut !== null && compareKeys(key, cut) > 0) break
      const before = joined.get(key)
      joined.set(key, before === undefined ? record : joinRecords(before, record))
    }
  }
  const sorted = [...joined].sort(([a], [b]) => compareKeys(a, b))
  const entries = sorted.slice(0, limit)
  const isCut = cut !== null || sorted.length > limit
  const next = isCut ? (entries.at(-1)?.[0] ?? cut) : null
  return { entries, next, partial: !coversAll(topology, new Set(answers.keys())) }
}

/** Up to here the answer is complete; null: to the end. */
function endOf({ entries, done }: Answer<unknown>): string | null {
  return done ? null : (entries.at(-1)?.[0] ?? null)
}

/** Whether a majority of every set of every partition answered. */
function coversAll(topology: Topology, answered: ReadonlySet<StorageId>): boolean {
  return topology.partitions.every((_, p) =>
    placeIn(topology, '', p).groups.every(
      (group) => group.filter((id) => answered.has(id)).length > Math.floor(group.length / 2),
    ),
  )
}
