/** The asked side of anti-entropy: says what is here, gives it, and takes what is pushed. */
import { AtollError, isAtollError } from '../../base/errors.ts'
import type { Database } from '../../disk/database.ts'
import type { Mesh, RemotePeer } from '../../mesh/mesh.ts'
import { type Clock, nextTurn } from '../../seams/clock.ts'
import type { TopologyView } from '../../topology/topology.ts'
import { WireError } from '../../wire/codec.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { Era } from '../fences.ts'
import { entryFingerprint, headOf } from '../fingerprint.ts'
import { SYNC_BYTES } from '../limits.ts'
import { joinRecords } from '../merge.ts'
import { databaseKey, placeIn } from '../place.ts'
import { decodeRecord, recordIfSound } from '../record.ts'
import type { Replica } from '../replica.ts'
import {
  decodeDigestQuestion,
  decodeKeysQuestion,
  decodeSumsQuestion,
  encodeDigests,
  encodeKeysAnswer,
  encodeSums,
  NODES_MAX,
  type SpanSums,
} from './compare-messages.ts'
import {
  decodeQuestions,
  encodeAnswers,
  type SyncAnswer,
  type SyncQuestion,
} from './courier-messages.ts'
import { digestOf, type HashTrees } from './hash-trees.ts'
import { answerKeys } from './listing.ts'
import {
  decodePullQuestion,
  decodeRecords,
  encodePullAnswers,
  type PullAnswer,
  type PullKey,
  type PullQuestion,
  type Records,
} from './sync-messages.ts'
import type { Turns } from './turns.ts'

export interface SyncServerOptions {
  readonly self: string
  readonly database: Database
  readonly replica: Replica
  readonly trees: HashTrees
  readonly turns: Turns
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly clock: Clock
  /** This disk has all of a partition, and others may lack some of it. */
  readonly onHandedOver: (partition: number) => void
}

/** Bytes of records that an answer, or those of one message together, may still have. */
interface Room {
  bytes: number
}

/** So long an asker waits for roots that are still to be counted; of the rest it hears later. */
const COUNT_MS = 2000

export class SyncServer {
  readonly #options: SyncServerOptions

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: SyncServerOptions) {
    this.#options = options
    const { mesh } = options
    mesh.handle(REQUEST_KINDS.KV_SYNC_DIGEST, (from, body) => this.#onDigest(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_SUMS, (from, body) => this.#onSums(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_KEYS, (from, body) => this.#onKeys(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_PULL, (from, body) => this.#onPull(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_PUSH, (from, body) => this.#onPush(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_MANY, (from, body) => this.#onMany(from, body))
  }

  async #onDigest(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partitions, digest } = decodeDigestQuestion(body)
    await this.#know(from, topology)
    const { trees, clock } = this.#options
    const endMs = clock.monotonicMs() + COUNT_MS
    for (const partition of partitions) {
      const leftMs = endMs - clock.monotonicMs()
      if (leftMs <= 0) break
      if (trees.root(partition) === null) await trees.countWithin(partition, leftMs)
    }
    const roots = partitions.map((partition) => trees.root(partition))
    const isSame = !roots.includes(null) && digestOf(partitions, roots) === digest
    return encodeDigests(isSame ? 'same' : roots)
  }

  async #onSums(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partition, turn, root, spans } = decodeSumsQuestion(body)
    await this.#know(from, topology)
    const { turns, trees } = this.#options
    if (turn === 'end') turns.end(partition, from.storageId)
    if (turn === 'take' && trees.root(partition) === root) return encodeSums('same')
    if (turn === 'take' && !turns.give(partition, from.storageId)) return encodeSums('busy')
    turns.extend(partition, from.storageId)
    if (spans.length === 0) return encodeSums([])
    return trees.read(partition, (tree) => {
      const sums: SpanSums[] = []
      let bytes = 0
      for (const span of spans) {
        const each = tree.nodes(span, NODES_MAX)
        sums.push(each)
        for (const { from: key } of each?.nodes ?? []) bytes += key.length
        // The asker asks again for the rest.
        if (bytes >= SYNC_BYTES) break
      }
      return encodeSums(sums)
    })
  }

  async #onKeys(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const question = decodeKeysQuestion(body)
    await this.#know(from, question.topology)
    const { turns, database } = this.#options
    turns.extend(question.partition, from.storageId)
    return encodeKeysAnswer(await answerKeys(database, question))
  }

  /** Each begins in a turn of its own, so that work of clients comes between them. */
  async #onMany(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const room = { bytes: SYNC_BYTES }
    const answers: Promise<SyncAnswer>[] = []
    for (const question of decodeQuestions(body)) {
      answers.push(this.#answer(from, question, room).catch(() => 'alone' as const))
      await nextTurn(this.#options.clock)
    }
    return encodeAnswers(await Promise.all(answers))
  }

  async #answer(from: RemotePeer, { kind, body }: SyncQuestion, room: Room): Promise<SyncAnswer> {
    if (kind === REQUEST_KINDS.KV_SYNC_SUMS) return this.#onSums(from, body)
    if (kind === REQUEST_KINDS.KV_SYNC_KEYS) return this.#onKeys(from, body)
    if (kind === REQUEST_KINDS.KV_SYNC_PUSH) return this.#onPush(from, body)
    const question = decodePullQuestion(body)
    await this.#know(from, question.topology)
    // In the step in which they are read: those before it may have taken all.
    return room.bytes > 0 ? this.#pulled(from, question, room) : 'again'
  }

  async #onPull(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const question = decodePullQuestion(body)
    await this.#know(from, question.topology)
    return this.#pulled(from, question, { bytes: SYNC_BYTES })
  }

  #pulled(from: RemotePeer, { partition, takes, keys }: PullQuestion, room: Room): Uint8Array {
    this.#options.turns.extend(partition, from.storageId)
    const answers: PullAnswer[] = []
    const era = this.#options.replica.era(partition)
    for (const asked of keys) {
      const answer = this.#answerOf(partition, asked)
      answers.push(takes ? answer : { ...answer, record: new Uint8Array() })
      room.bytes -= answer.record.length
      // The asker asks again for the rest.
      if (room.bytes <= 0) break
    }
    return encodePullAnswers({ era, answers })
  }

  #answerOf(partition: number, { key, head }: PullKey): PullAnswer {
    const held = this.#options.database.get(databaseKey(partition, key))
    const stored = recordIfSound(held)
    // What is no record any more is as nothing: it is replaced by what comes.
    if (held === undefined || stored === null) {
      return { lacks: head.length > 0, record: new Uint8Array() }
    }
    if (head.length === 0) return { lacks: false, record: held }
    const asker = decodeRecord(head)
    const here = headOf(stored)
    const joined = entryFingerprint(key, joinRecords(here, asker))
    const isNews = joined !== entryFingerprint(key, asker)
    const record = isNews ? held : new Uint8Array()
    return { lacks: joined !== entryFingerprint(key, here), record }
  }

  async #onPush(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partition, era, records } = decodeRecords(body)
    await this.#know(from, topology)
    const current = this.#options.topology.current()
    const place = current && placeIn(current, '', partition)
    if (!place?.targets.includes(this.#options.self)) {
      throw new AtollError('DENIED', `partition ${partition} is not held here`)
    }
    const former = current?.partitions[partition]?.former ?? []
    const isFormer = former.includes(from.storageId)
    if (!place.targets.includes(from.storageId) && !isFormer) {
      throw new AtollError('DENIED', `the disk ${from.storageId} is no replica of ${partition}`)
    }
    this.#options.turns.extend(partition, from.storageId)
    await joinAll(this.#options.replica, partition, records, era)
    // The last word of a former replica that not all could be offered what it had: farewell.ts.
    if (isFormer && records.length === 0) this.#options.onHandedOver(partition)
    return new Uint8Array()
  }

  /**
   * Nothing is said before this node durably knows what the asker knows, and what it took in before
   * is durable: from then on it refuses writes of older configurations, so what it says is all there
   * will be of them.
   */
  async #know(from: RemotePeer, number: number): Promise<void> {
    if (from.role !== 'member') throw new AtollError('DENIED', 'an edge holds no data to compare')
    const { topology, replica } = this.#options
    if ((topology.current()?.number ?? 0) < number) await topology.catchUp(number, from.peer)
    await replica.settled()
  }
}

/**
 * Joins each record with what is here, whatever becomes of the others; durable when it resolves.
 * Rejects afterwards with CONFLICT, naming one, when some could not be joined.
 */
export async function joinAll(
  replica: Replica,
  partition: number,
  records: Records,
  era: Era,
): Promise<void> {
  const joins = records.map(([key, record]) => replica.join(partition, key, record, era))
  for (const [i, result] of (await Promise.allSettled(joins)).entries()) {
    if (result.status === 'fulfilled') continue
    const error: unknown = result.reason
    if (!isOfRecord(error)) throw error
    const key = records[i]?.[0] ?? ''
    throw new AtollError('CONFLICT', `"${key}" cannot be joined: ${String(error)}`, {
      hint: `read it, and put it with the context that you get: atoll kv get ${key}`,
      cause: error,
    })
  }
}

/** Whether it tells of this record alone, and not of the disk or the node. */
function isOfRecord(error: unknown): boolean {
  return error instanceof WireError || isAtollError(error, 'TOO_LARGE')
}
