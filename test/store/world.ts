/**
 * A few whole stores over simulated disks, on fakes of the mesh and of membership, under a clock
 * that the test moves. Nodes are letters; the test says what becomes of each request.
 */
import { KvStore } from '../../src/store/kv-store.ts'
import { databaseKey, placeOf } from '../../src/store/place.ts'
import { decodeRecord, EMPTY_RECORD, type StoreRecord } from '../../src/store/record.ts'
import { decodeQuestions } from '../../src/store/sync/courier-messages.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import {
  type Fate,
  type LayerParts,
  LayerWorld,
  type Question,
  type WorldNode,
  type WorldOptions,
} from '../topology/layer-world.ts'

export type { Fate, Question } from '../topology/layer-world.ts'

interface Layer {
  readonly store: KvStore
}
export type StoreNode = WorldNode & Layer

export class StoreWorld extends LayerWorld<Layer> {
  /** One set of replicas a partition. */
  static async start(sets: readonly string[], options: WorldOptions = {}): Promise<StoreWorld> {
    const world = new StoreWorld(sets, options)
    await world.bootAll(options)
    return world
  }

  protected override make(parts: LayerParts): Layer {
    return { store: new KvStore(parts) }
  }

  protected override async begin({ store }: Layer): Promise<void> {
    await store.start()
  }

  /** Questions of repair that travel together are asked one by one here; one fate is that of all. */
  override ask(question: Question): Fate | undefined {
    if (question.kind !== REQUEST_KINDS.KV_SYNC_MANY) return super.ask(question)
    const fates = decodeQuestions(question.body).map((each) => super.ask({ ...question, ...each }))
    return fates.find((fate) => fate !== undefined)
  }

  kv(name: string): KvStore {
    return this.node(name).store
  }

  /** What a node's disk durably has of a key. */
  record(name: string, key: string): StoreRecord {
    const { partition } = placeOf(this.latest, key)
    const bytes = this.node(name).database?.get(databaseKey(partition, key))
    return bytes === undefined ? EMPTY_RECORD : decodeRecord(bytes)
  }

  /** The texts that a node's disk has under a key; a tombstone is `†`. */
  held(name: string, key: string): string[] {
    const decoder = new TextDecoder()
    return this.record(name, key)
      .siblings.map(({ kind, value }) => (kind === 'tombstone' ? '†' : decoder.decode(value)))
      .sort()
  }
}

/** Fates by kind and receiver. */
export function isWrite({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_WRITE
}

export function isRead({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_READ
}

export function isForward({ kind }: Question): boolean {
  return kind === REQUEST_KINDS.KV_COORDINATE_PUT
}

export function isSync({ kind }: Question): boolean {
  const { KV_SYNC_DIGEST, KV_SYNC_PUSH, KV_SYNC_SUMS } = REQUEST_KINDS
  return (kind >= KV_SYNC_DIGEST && kind <= KV_SYNC_PUSH) || kind === KV_SYNC_SUMS
}
