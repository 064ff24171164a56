/**
 * The last start of each member that this node has met, on its disk: so a copy of a member's disk
 * is known for one also by who has been started since it met the original (lineage.ts).
 *
 * One row of some sixty bytes a member that was ever met. Nobody waits for it: what a crash takes
 * with it others remember, and the next hello brings it again.
 */
import type { PeerId } from '../base/ids.ts'
import { ID_BYTES_MAX } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import type { Start } from './lineage.ts'

const PREFIX = 'mesh/start/'

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
