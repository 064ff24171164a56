/** The asked side of anti-entropy: says what is here, gives it, and takes what is pushed. */
import { AtollError, isAtollError } from '../../base/errors.ts'
import type { Database } from '../../disk/database.ts'
import type { Mesh, RemotePeer } from '../../mesh/mesh.ts'
import type { TopologyView } from '../../topology/topology.ts'
import { WireError } from '../../wire/codec.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import { SYNC_BYTES, SYNC_ENTRIES } from '../limits.ts'
import { databaseKey, partitionEnd, partitionPrefix, placeIn, userKey } from '../place.ts'
import type { Replica } from '../replica.ts'
import { entryFingerprint, type Fingerprints } from './fingerprints.ts'
import {
  decodeDigestQuestion,
  decodeKeysQuestion,
  decodePullQuestion,
  decodeRecords,
  encodeDigests,
  encodeKeysPage,
  encodeRecords,
  type KeysPage,
  type Records,
} from './sync-messages.ts'

export interface SyncServerOptions {
  readonly self: string
  readonly database: Database
  readonly replica: Replica
  readonly fingerprints: Fingerprints
  readonly mesh: Mesh
  readonly topology: TopologyView
}

export class SyncServer {
  readonly #options: SyncServerOptions

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: SyncServerOptions) {
    this.#options = options
    const { mesh } = options
    mesh.handle(REQUEST_KINDS.KV_SYNC_DIGEST, (from, body) => this.#onDigest(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_KEYS, (from, body) => this.#onKeys(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_PULL, (from, body) => this.#onPull(from, body))
    mesh.handle(REQUEST_KINDS.KV_SYNC_PUSH, (from, body) => this.#onPush(from, body))
  }

  /** Keys and fingerprints after a key, in order: one page. */
  async keysPage(partition: number, after: string): Promise<KeysPage> {
    return keysPage(this.#options.database, partition, after)
  }

  async #onDigest(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partitions } = decodeDigestQuestion(body)
    await this.#know(from, topology)
    const digests: number[] = []
    for (const partition of partitions) {
      digests.push(await this.#options.fingerprints.of(partition))
    }
    return encodeDigests(digests)
  }

  async #onKeys(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partition, after } = decodeKeysQuestion(body)
    await this.#know(from, topology)
    return encodeKeysPage(await this.keysPage(partition, after))
  }

  async #onPull(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partition, keys } = decodePullQuestion(body)
    await this.#know(from, topology)
    const records: [string, Uint8Array][] = []
    let bytes = 0
    for (const key of keys) {
      const record = this.#options.database.get(databaseKey(partition, key))
      if (record === undefined) continue
      records.push([key, record])
      bytes += record.length
      // The asker asks again for the rest.
      if (bytes >= SYNC_BYTES) break
    }
    return encodeRecords({ topology, partition, records })
  }

  async #onPush(from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const { topology, partition, records } = decodeRecords(body)
    await this.#know(from, topology)
    const current = this.#options.topology.current()
    const place = current && placeIn(current, '', partition)
    if (!place?.targets.includes(this.#options.self)) {
      throw new AtollError('DENIED', `partition ${partition} is not held here`)
    }
    await joinAll(this.#options.replica, partition, records)
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

export async function keysPage(
  database: Database,
  partition: number,
  after: string,
): Promise<KeysPage> {
  const from = after === '' ? partitionPrefix(partition) : `${databaseKey(partition, after)}\0`
  const entries: [string, number][] = []
  const range = { from, to: partitionEnd(partition), limit: SYNC_ENTRIES }
  for await (const [stored, record] of database.scan(range)) {
    const key = userKey(stored)
    entries.push([key, entryFingerprint(key, record)])
  }
  return { entries, done: entries.length < SYNC_ENTRIES }
}

/**
 * Joins each record with what is here, whatever becomes of the others; durable when it resolves.
 * Rejects afterwards with CONFLICT, naming one, when some could not be joined.
 */
export async function joinAll(
  replica: Replica,
  partition: number,
  records: Records,
): Promise<void> {
  const joins = records.map(([key, record]) => replica.join(partition, key, record))
  for (const [i, result] of (await Promise.allSettled(joins)).entries()) {
    if (result.status === 'fulfilled') continue
    const error: unknown = result.reason
    if (!isOfRecord(error)) throw error
    const key = records[i]?.[0] ?? ''
    throw new AtollError('CONFLICT', `"${key}" cannot be joined: ${String(error)}`, {
      hint: `read it, and write it with the version that you get: atoll kv get ${key}`,
      cause: error,
    })
  }
}

/** Whether it tells of this record alone, and not of the disk or the node. */
function isOfRecord(error: unknown): boolean {
  return error instanceof WireError || isAtollError(error, 'TOO_LARGE')
}
