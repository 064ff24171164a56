/**
 * The last start of each member that this node has met, on its disk: so a copy of a member's disk
 * is known for one also by who has been started since it met the original (lineage.ts).
 *
 * One row of some sixty bytes a member that was ever met; at each start, of no more than STARTS_MAX that
 * are members no more. Nobody waits for a row: what a crash takes with it others remember, and the
 * next hello brings it again.
 */
import { ID_BYTES_MAX, type PeerId, type StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { STARTS_MAX } from './limits.ts'
import type { Start } from './lineage.ts'

const PREFIX = 'mesh/start/'
/** '0' is the character after '/'. */
const END = 'mesh/start0'
const DROP_BATCH = 256

export class KnownStarts {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** null: never met, or the row is damaged. */
  of(peer: PeerId): Start | null {
    const row = this.#database.latest(PREFIX + peer)
    return row === undefined ? null : decode(row)
  }

  /** Drops those of disks that are no members, as many as there are too many. */
  async trim(isMember: (storageId: StorageId) => boolean): Promise<void> {
    let left = 0
    const gone: string[] = []
    for await (const [key, row] of this.#database.scan({ from: PREFIX, to: END })) {
      const start = decode(row)
      if (start !== null && isMember(start.storageId)) continue
      if (++left > STARTS_MAX) gone.push(key)
      if (gone.length === DROP_BATCH) await this.#drop(gone.splice(0))
    }
    if (gone.length > 0) await this.#drop(gone)
  }

  async #drop(keys: readonly string[]): Promise<void> {
    await this.#database.commit(keys.map((key) => ({ key, value: null })))
  }

  keep(peer: PeerId, start: Start): void {
    const value = encode(start)
    const before = this.#database.latest(PREFIX + peer)
    if (before !== undefined && Buffer.compare(before, value) === 0) return
    // A full disk, or one that ends the node by itself.
    this.#database.commit([{ key: PREFIX + peer, value }]).catch(() => undefined)
  }
}

function encode({ storageId, boot, run }: Start): Uint8Array {
  return new WireWriter().string(storageId).uint(boot).uint(run).finish()
}

function decode(row: Uint8Array): Start | null {
  try {
    const reader = new WireReader(row)
    return { storageId: reader.string(ID_BYTES_MAX), boot: reader.uint(), run: reader.uint() }
  } catch (error) {
    if (error instanceof WireError) return null
    throw error
  }
}
