/**
 * A data directory that a node has open: whose disk it is, and which cluster it belongs to.
 *
 * It belongs to a cluster from the moment in which `claim` is durable to that in which `release` is.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Database } from '../disk/database.ts'
import { openDatabase } from '../disk/log-database.ts'
import type { Random } from '../seams/random.ts'
import type { Seams } from '../seams/seams.ts'
import type { Storage } from '../seams/storage.ts'
import { eraseClusterData, holdsClusterData } from './claim.ts'
import {
  type ClusterFile,
  readClusterFile,
  removeClusterFile,
  writeClusterFile,
} from './cluster-file.ts'
import { type Identity, openIdentity, renewIdentity } from './identity.ts'

const FULL_FIX = 'free some space, then start the node again'

export class DataDirectory {
  readonly storage: Storage
  readonly database: Database
  /** Of the cluster that it belonged to when it was opened; null: of none. */
  readonly file: ClusterFile | null
  #identity: Identity

  private constructor(
    storage: Storage,
    database: Database,
    file: ClusterFile | null,
    identity: Identity,
  ) {
    this.storage = storage
    this.database = database
    this.file = file
    this.#identity = identity
  }

  /** Counts a start of its node. Rejects with DIR_LOCKED, DISK_DAMAGED and the like. */
  static async open(path: string, seams: Seams, metrics: Metrics): Promise<DataDirectory> {
    const { clock, log, random } = seams
    const storage = await seams.storage(path)
    try {
      const database = await openDatabase({ storage, clock, log, metrics })
      try {
        const file = await readClusterFile(storage, database)
        const identity = await openIdentity(storage, database, random, file !== null)
        return new DataDirectory(storage, database, file, identity)
      } catch (error) {
        await database.close()
        throw error
      }
    } catch (error) {
      await storage.close()
      // Of a node that runs it goes on by itself.
      if (!isAtollError(error, 'DISK_FULL')) throw error
      throw new AtollError('DISK_FULL', error.message, { hint: FULL_FIX, cause: error })
    }
  }

  /** Another one after `empty`, where there was something to take out. */
  get identity(): Identity {
    return this.#identity
  }

  /** Takes out what an earlier cluster left, or a claim that failed late. */
  async empty(random: Random): Promise<void> {
    const { storage, database } = this
    await removeClusterFile(storage, database)
    if (!(await holdsClusterData(database))) return
    // Before anything is erased: a crash in between leaves a new disk with old data, which the next
    // claim empties again.
    this.#identity = await renewIdentity(storage, database, random, this.#identity)
    await eraseClusterData(database)
  }

  async claim(file: ClusterFile): Promise<void> {
    await writeClusterFile(this.storage, this.database, file)
  }

  async release(): Promise<void> {
    await removeClusterFile(this.storage, this.database)
  }

  async close(): Promise<void> {
    await this.database.close()
    await this.storage.close()
  }
}
