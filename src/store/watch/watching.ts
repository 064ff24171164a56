/** Both sides of watching on one node: what its disk tells, and what its readers are told. */
import type { Database } from '../../disk/database.ts'
import type { Random } from '../../seams/random.ts'
import type { Change } from '../change.ts'
import { databaseKey } from '../place.ts'
import { Feed } from './feed.ts'
import type { StreamParts } from './stream.ts'
import { ToldKeys } from './told.ts'
import { Watches, type WatchesOptions } from './watches.ts'

export interface WatchingOptions
  extends Omit<StreamParts, 'feed' | 'told'>,
    Pick<WatchesOptions, 'known' | 'membership'> {
  /** null on an edge. */
  readonly database: Database | null
  readonly random: Random
  /** Of a partition's hash tree; null: not known. */
  readonly root: (partition: number) => number | null
  /** Values that had to end before this time have been told of. */
  readonly sweptMs: () => number
}

export class Watching {
  readonly watches: Watches
  readonly #feed: Feed | null

  /** Sets the mesh's handler: make it before the mesh starts. */
  constructor(options: WatchingOptions) {
    const { database } = options
    const read = (partition: number, key: string): Uint8Array | undefined =>
      database?.get(databaseKey(partition, key))
    this.#feed = database === null ? null : new Feed({ ...options, read })
    this.watches = new Watches({ ...options, feed: this.#feed, told: new ToldKeys() })
  }

  /** Changes that the disk remembers; null while nobody watches, and on an edge. */
  get remembered(): number | null {
    return this.#feed?.remembered ?? null
  }

  changed(change: Change): void {
    this.#feed?.changed(change)
  }

  /** Values of a key have run out of their time. */
  expired(partition: number, key: string): void {
    this.#feed?.expired(partition, key)
  }

  stop(): void {
    this.watches.stop()
    this.#feed?.stop()
  }
}
