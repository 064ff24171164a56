/**
 * A replica's part in a round of collection (README.md): it confirms what it holds exactly so and
 * calls dead, and drops what all have confirmed. The rules that keep the dead dead are here and in
 * `fences.ts`; the collector only asks.
 */
import { hash } from 'node:crypto'
import { AtollError } from '../../base/errors.ts'
import type { StorageId } from '../../base/ids.ts'
import type { Database, Write } from '../../disk/database.ts'
import type { Mesh, RemotePeer } from '../../mesh/mesh.ts'
import type { Clock } from '../../seams/clock.ts'
import type { TopologyView } from '../../topology/topology.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'
import type { Change } from '../change.ts'
import type { StoreCounts } from '../counts.ts'
import type { Fences } from '../fences.ts'
import { databaseKey } from '../place.ts'
import { decodeRecord, isDead, type StoreRecord } from '../record.ts'
import {
  type CollectRequest,
  type Confirmation,
  decodeCollectRequest,
  encodeConfirmation,
  RECORD_HASH_BYTES,
} from './collect-messages.ts'
import { deadRow, rowChanges } from './index-rows.ts'

export interface ConfirmOptions {
  readonly self: StorageId
  readonly database: Database
  readonly fences: Fences
  readonly topology: TopologyView
  readonly mesh: Mesh
  readonly clock: Clock
  readonly counts: StoreCounts
  /** Called in the turn in which a change has become durable. */
  readonly onChange: (change: Change) => void
}

/** What expired more recently may still be alive by other clocks, which are a little behind. */
export const EXPIRED_FOR_MS = 60_000

export class Confirmer {
  readonly #options: ConfirmOptions

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor(options: ConfirmOptions) {
    this.#options = options
    const { mesh } = options
    mesh.handle(REQUEST_KINDS.KV_COLLECT_CONFIRM, async (from, body) => {
      const request = await this.#taken(from, body)
      return encodeConfirmation(await this.confirm(request))
    })
    mesh.handle(REQUEST_KINDS.KV_COLLECT_DROP, async (from, body) => {
      await this.drop(await this.#taken(from, body))
      return NOTHING
    })
  }

  /**
   * Takes part in a round, once. From the step on in which the records are looked at, all that this
   * replica sends is stamped with it.
   */
  async confirm({ partition, cfg, round, doomed }: CollectRequest): Promise<Confirmation> {
    const { fences } = this.#options
    this.#mustBeQuiet(partition, cfg)
    let confirmed: boolean[] = []
    const tookPart = await fences.raise(partition, cfg, round, () => {
      // The partition may have begun to move while the round was made durable.
      const isQuiet = this.#isQuiet(partition, cfg)
      confirmed = doomed.map(({ key, hash: wanted }) => {
        const record = isQuiet ? this.#heldAs(partition, key, wanted) : null
        return record !== null && isOver(record, this.#options.clock)
      })
    })
    if (tookPart) return { kind: 'took-part', confirmed }
    return { kind: 'past', round: fences.highest(partition, cfg) }
  }

  /** Deletes those that are unchanged, and takes nothing older than the round from now on. */
  async drop({ partition, cfg, round, doomed }: CollectRequest): Promise<void> {
    const { database, fences, counts, onChange } = this.#options
    this.#mustBeQuiet(partition, cfg)
    const writes: Write[] = [fences.close(partition, cfg, round)]
    const changes: Change[] = []
    for (const { key, hash: wanted } of doomed) {
      const record = this.#heldAs(partition, key, wanted)
      const bytes = database.latest(databaseKey(partition, key))
      if (record === null || bytes === undefined) continue
      writes.push({ key: databaseKey(partition, key), value: null })
      writes.push(...rowChanges(partition, key, record, null))
      writes.push({ ...deadRow(partition, key), value: null })
      changes.push({ partition, key, before: { record, bytes: bytes.length }, after: null })
    }
    await database.commit(writes)
    counts.collected += changes.length
    for (const change of changes) onChange(change)
  }

  /** The record if its bytes are these, durably, and no change of it is under way; else null. */
  #heldAs(partition: number, key: string, wanted: Uint8Array): StoreRecord | null {
    const { database } = this.#options
    const name = databaseKey(partition, key)
    const [latest, durable] = [database.latest(name), database.get(name)]
    if (latest === undefined || durable === undefined) return null
    if (Buffer.compare(latest, durable) !== 0) return null
    return Buffer.compare(recordHash(latest), wanted) === 0 ? decodeRecord(latest) : null
  }

  /** Whether the partition is held here under `cfg`, does not move, and no old copy is about. */
  #isQuiet(partition: number, cfg: number): boolean {
    const state = this.#options.topology.current()?.partitions[partition]
    if (state === undefined || state.cfg !== cfg || state.prev !== null) return false
    return state.former.length === 0 && state.replicas.includes(this.#options.self)
  }

  #mustBeQuiet(partition: number, cfg: number): void {
    if (this.#isQuiet(partition, cfg)) return
    throw new AtollError('CONFLICT', `partition ${partition} is not at rest under ${cfg}`)
  }

  /** Of a replica of the partition, once this node knows what the sender does. */
  async #taken(from: RemotePeer, body: Uint8Array): Promise<CollectRequest> {
    const { topology } = this.#options
    const request = decodeCollectRequest(body)
    if (from.role !== 'member') throw new AtollError('DENIED', 'an edge collects nothing')
    if ((topology.current()?.number ?? 0) < request.topology) {
      await topology.catchUp(request.topology, from.peer)
    }
    const state = topology.current()?.partitions[request.partition]
    if (state?.replicas.includes(from.storageId) === true) return request
    throw new AtollError('DENIED', `only a replica collects partition ${request.partition}`)
  }
}

const NOTHING = new Uint8Array()

/** Whether its time is over without a doubt: deleted, or expired for a while. */
export function isOver(record: StoreRecord, clock: Clock): boolean {
  return isDead(record, clock.wallMs() - EXPIRED_FOR_MS)
}

export function recordHash(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer').subarray(0, RECORD_HASH_BYTES)
}
