/**
 * A log file that a process writes, read line by line as it grows. The kernel tells of each write
 * (inotify), so a line is heard within a millisecond or so of being written.
 */
import { closeSync, fstatSync, type FSWatcher, openSync, readSync, watch } from 'node:fs'

const CHUNK_BYTES = 64 * 1024

export class FollowedLog {
  /** To be given to the process as its standard output. */
  readonly writeFd: number
  readonly #readFd: number
  readonly #watcher: FSWatcher
  readonly #chunk = Buffer.alloc(CHUNK_BYTES)
  readonly #onLine: (line: string) => void
  /** Up to here it is read. */
  #offset: number
  /** The beginning of a line whose end is not written yet. */
  #rest = ''

  /** Follows what is written from now on. */
  constructor(path: string, onLine: (line: string) => void) {
    this.#onLine = onLine
    this.writeFd = openSync(path, 'a')
    this.#readFd = openSync(path, 'r')
    this.#offset = fstatSync(this.#readFd).size
    this.#watcher = watch(path, () => this.#read())
  }

  close(): void {
    this.#watcher.close()
    this.#read()
    closeSync(this.writeFd)
    closeSync(this.#readFd)
  }

  #read(): void {
    for (;;) {
      const bytes = readSync(this.#readFd, this.#chunk, 0, CHUNK_BYTES, this.#offset)
      if (bytes === 0) return
      this.#offset += bytes
      const lines = (this.#rest + this.#chunk.toString('latin1', 0, bytes)).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) this.#onLine(line)
    }
  }
}
