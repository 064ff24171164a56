/**
 * How long the disk takes to make something durable: every sync of the data directory's files is
 * timed where it passes, so the figures are those of the real work.
 */
import type { Clock } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'
import type { AppendFile, Index, Storage } from '../../seams/storage.ts'

/** Writers wait for it: from here on each of them is visibly slow. */
export const SLOW_SYNC_MS = 500
const SAMPLES_MAX = 256

export interface SyncFigures {
  /** Syncs that the figures are of: the latest, at most 256. */
  readonly count: number
  readonly medianMs: number
  readonly worstMs: number
}

export class SyncTimes {
  readonly #clock: Clock
  readonly #log: Log
  /** A ring of SAMPLES_MAX. */
  readonly #samples: number[] = []
  #next = 0

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  figures(): SyncFigures {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const medianMs = sorted[Math.floor(sorted.length / 2)] ?? 0
    return { count: sorted.length, medianMs, worstMs: sorted.at(-1) ?? 0 }
  }

  /** The same directory, with every sync timed. */
  of(storage: Storage): Storage {
    return new TimedStorage(storage, (sync) => this.#timed(sync))
  }

  async #timed(sync: () => Promise<void>): Promise<void> {
    const startedMs = this.#clock.monotonicMs()
    await sync()
    const tookMs = this.#clock.monotonicMs() - startedMs
    this.#samples[this.#next] = tookMs
    this.#next = (this.#next + 1) % SAMPLES_MAX
    if (tookMs < SLOW_SYNC_MS) return
    this.#log.write('warn', 'disk.slow-sync', { tookMs: Math.round(tookMs) })
  }
}

type Timed = (sync: () => Promise<void>) => Promise<void>

class TimedStorage implements Storage {
  readonly #storage: Storage
  readonly #timed: Timed

  constructor(storage: Storage, timed: Timed) {
    this.#storage = storage
    this.#timed = timed
  }

  list(): Promise<readonly string[]> {
    return this.#storage.list()
  }

  read(name: string): Promise<Uint8Array | null> {
    return this.#storage.read(name)
  }

  replace(name: string, bytes: Uint8Array): Promise<void> {
    return this.#storage.replace(name, bytes)
  }

  remove(name: string): Promise<void> {
    return this.#storage.remove(name)
  }

  async openAppend(name: string): Promise<AppendFile> {
    return new TimedFile(await this.#storage.openAppend(name), this.#timed)
  }

  openIndex(name: string): Promise<Index> {
    return this.#storage.openIndex(name)
  }

  close(): Promise<void> {
    return this.#storage.close()
  }
}

class TimedFile implements AppendFile {
  readonly #file: AppendFile
  readonly #timed: Timed

  constructor(file: AppendFile, timed: Timed) {
    this.#file = file
    this.#timed = timed
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes
  }

  append(bytes: Uint8Array): Promise<void> {
    return this.#file.append(bytes)
  }

  sync(): Promise<void> {
    return this.#timed(() => this.#file.sync())
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#file.truncate(sizeBytes)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
