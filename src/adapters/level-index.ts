/** The ordered index over LevelDB (classic-level). Small caches: a daemon has little memory. */
import { ClassicLevel } from 'classic-level'
import { AtollError } from '../base/errors.ts'
import type { Index, IndexRange, IndexWrite } from '../seams/storage.ts'
import { storageError } from './storage-error.ts'

type Level = ClassicLevel<string, Uint8Array>

const NOT_OPEN = new Set(['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN'])
const CACHE_BYTES = 4 * 1024 * 1024
/** Two checkpoints of the log: with less, merging its files costs a twelfth of an import's CPU. */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024
/** Entries fetched in one crossing into native code. */
const CHUNK_ENTRIES = 256
const CHUNK_BYTES = 256 * 1024
/** Writes handed to native code in one turn of the event loop. */
const PIECE_WRITES = 256

/** Rejects with DIR_LOCKED, naming the directory, while another process has it open. */
export async function openLevelIndex(path: string, directory: string): Promise<Index> {
  const level: Level = new ClassicLevel(path, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    cacheSize: CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxFileSize: 8 * 1024 * 1024,
  })
  try {
    await level.open()
  } catch (error) {
    throw openError(error, directory)
  }
  return new LevelIndex(level)
}

function openError(error: unknown, directory: string): AtollError {
  const cause = (error as Error).cause ?? error
  const code = (cause as { code?: string }).code
  if (code === 'LEVEL_LOCKED') {
    return new AtollError('DIR_LOCKED', `another process uses the data directory "${directory}"`, {
      hint: 'talk to that daemon over its socket, or stop it first',
      cause,
    })
  }
  return levelError(cause, `opening the index in "${directory}"`)
}

function levelError(error: unknown, what: string): AtollError {
  const { code, message } = error as { code?: string; message: string }
  if (code === 'LEVEL_CORRUPTION' || /corrupt/i.test(message)) {
    return new AtollError('DISK_DAMAGED', `${what}: ${message}`, {
      hint: 'start this daemon on an empty data directory and let it join anew; the others hold its data',
      cause: error,
    })
  }
  if (NOT_OPEN.has(code ?? '')) return new AtollError('STOPPED', `${what}: it is closed`)
  return storageError(error, what)
}

class LevelIndex implements Index {
  readonly #level: Level

  constructor(level: Level) {
    this.#level = level
  }

  get(key: string): Uint8Array | undefined {
    try {
      return this.#level.getSync(key)
    } catch (error) {
      throw levelError(error, 'reading the index')
    }
  }

  async batch(writes: readonly IndexWrite[], { sync }: { readonly sync: boolean }): Promise<void> {
    try {
      const batch = this.#level.batch()
      for (const [i, { key, value }] of writes.entries()) {
        if (value === null) batch.del(key)
        else batch.put(key, value)
        if (i % PIECE_WRITES === PIECE_WRITES - 1) await nextTurn()
      }
      await batch.write({ sync })
    } catch (error) {
      throw levelError(error, 'writing the index')
    }
  }

  async *entries({ from, to, limit }: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    try {
      const iterator = this.#level.iterator({
        gte: from,
        ...(to !== undefined && { lt: to }),
        ...(limit !== undefined && { limit }),
        highWaterMarkBytes: CHUNK_BYTES,
      })
      try {
        for (let left = limit ?? Number.POSITIVE_INFINITY; left > 0; ) {
          const entries = await iterator.nextv(CHUNK_ENTRIES)
          if (entries.length === 0) return
          for (const entry of entries) yield entry
          left -= entries.length
        }
      } finally {
        await iterator.close()
      }
    } catch (error) {
      throw levelError(error, 'scanning the index')
    }
  }

  close(): Promise<void> {
    return this.#level.close()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
