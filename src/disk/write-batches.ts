/** Many writes in commits of a bounded size, for what copies a whole database. */
import type { Database, Write } from './database.ts'

const BATCH_BYTES = 1024 * 1024
const BATCH_ITEMS = 256

export class WriteBatches {
  readonly #database: Database
  #writes: Write[] = []
  #bytes = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Durable when a later `flush` resolves. */
  async add(write: Write): Promise<void> {
    this.#writes.push(write)
    this.#bytes += write.key.length + (write.value?.length ?? 0)
    if (this.#bytes >= BATCH_BYTES || this.#writes.length >= BATCH_ITEMS) await this.flush()
  }

  async flush(): Promise<void> {
    const writes = this.#writes
    this.#writes = []
    this.#bytes = 0
    if (writes.length > 0) await this.#database.commit(writes)
  }
}
