/**
 * A data directory on the local disk.
 *
 * The lock is LevelDB's: an fcntl lock on a file, which the kernel drops with the process, so it
 * can be neither stolen nor left behind. The index is therefore opened with the directory and
 * handed out later.
 */
import { constants, fdatasync, writeSync } from 'node:fs'
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { AtollError } from '../base/errors.ts'
import type { AppendFile, Index, Storage } from '../seams/storage.ts'
import { storageError } from './storage-error.ts'
import { openLevelIndex } from './level-index.ts'

const NAME = /^[a-z0-9.-]+$/
const PARTIAL = '.partial'
const LOCK = 'lock'
const SMALL_BYTES = 64 * 1024

/** Creates the directory when absent and takes its lock until `close`. */
export async function openSystemStorage(directory: string): Promise<Storage> {
  await usableDirectory(directory)
  const lock = await openLevelIndex(join(directory, LOCK), directory)
  return new SystemStorage(directory, lock)
}

async function usableDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    if (!(await stat(directory)).isDirectory()) throw new Error('not a directory')
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new AtollError('DIR_UNUSABLE', `cannot use "${directory}": ${reason(cause)}`, {
      hint: 'name a directory that this user may write with --data',
      cause,
    })
  }
}

function reason(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'EACCES' || code === 'EPERM') return 'no permission'
  if (code === 'EROFS') return 'the disk is read-only'
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'it is not a directory'
  return cause instanceof Error ? cause.message : String(cause)
}

class SystemStorage implements Storage {
  readonly #directory: string
  readonly #lock: Index

  constructor(directory: string, lock: Index) {
    this.#directory = directory
    this.#lock = lock
  }

  async list(): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.#directory, { withFileTypes: true })
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith(PARTIAL))
        .map(({ name }) => name)
    } catch (error) {
      throw storageError(error, 'listing the data directory')
    }
  }

  async read(name: string): Promise<Uint8Array | null> {
    try {
      return new Uint8Array(await readFile(this.#path(name)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw storageError(error, `reading "${name}"`)
    }
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(name)
    try {
      const file = await open(path + PARTIAL, 'w', 0o600)
      try {
        await writeFully(file, bytes, 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(path + PARTIAL, path)
      await this.#syncDirectory()
    } catch (error) {
      throw storageError(error, `writing "${name}"`)
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await rm(this.#path(name), { force: true })
      await this.#syncDirectory()
    } catch (error) {
      throw storageError(error, `removing "${name}"`)
    }
  }

  async openAppend(name: string): Promise<AppendFile> {
    try {
      const file = await open(this.#path(name), constants.O_RDWR | constants.O_CREAT, 0o600)
      try {
        const { size } = await file.stat()
        await this.#syncDirectory()
        return new SystemAppendFile(file, name, size)
      } catch (error) {
        await file.close()
        throw error
      }
    } catch (error) {
      throw storageError(error, `opening "${name}"`)
    }
  }

  openIndex(name: string): Promise<Index> {
    return openLevelIndex(this.#path(name), this.#directory)
  }

  close(): Promise<void> {
    return this.#lock.close()
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory, 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  #path(name: string): string {
    if (!NAME.test(name)) throw new AtollError('INTERNAL', `"${name}" is no plain file name`)
    return join(this.#directory, name)
  }
}

/** As `FileHandle.datasync`, which costs several times as much around the same call. */
function dataSync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
  })
}

class SystemAppendFile implements AppendFile {
  readonly #file: FileHandle
  readonly #name: string
  #sizeBytes: number
  /** A sync that failed once has failed for good: the kernel may have dropped the dirty pages. */
  #failure: Error | null = null

  constructor(file: FileHandle, name: string, sizeBytes: number) {
    this.#file = file
    this.#name = name
    this.#sizeBytes = sizeBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  async append(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    try {
      await writeFully(this.#file, bytes, this.#sizeBytes)
      this.#sizeBytes += bytes.length
    } catch (error) {
      const failure = storageError(error, `appending to "${this.#name}"`)
      await this.#cutBack(failure)
      throw failure
    }
  }

  /** A part of the record may have been written: off with it, or the file is not as it was. */
  async #cutBack(failure: AtollError): Promise<void> {
    try {
      await this.#file.truncate(this.#sizeBytes)
    } catch (error) {
      const what = `"${this.#name}" could not be cut back after: ${failure.message}`
      this.#failure = new AtollError('STORAGE_FAILED', what, { outcome: 'unknown', cause: error })
      throw this.#failure
    }
  }

  async sync(): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    try {
      await dataSync(this.#file.fd)
    } catch (cause) {
      this.#failure = new AtollError('STORAGE_FAILED', `fdatasync of "${this.#name}" failed`, {
        outcome: 'unknown',
        cause,
      })
      throw this.#failure
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    try {
      await this.#file.truncate(sizeBytes)
      this.#sizeBytes = sizeBytes
    } catch (error) {
      throw storageError(error, `cutting "${this.#name}"`)
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/**
 * On a full disk Node first returns a short count without an error: only a loop finds out.
 *
 * What is small goes to the page cache at once: that takes a few microseconds, and a trip to
 * another thread and back many times as much.
 */
async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.length - done
    const bytesWritten =
      rest <= SMALL_BYTES
        ? writeSync(file.fd, bytes, done, rest, position + done)
        : (await file.write(bytes, done, rest, position + done)).bytesWritten
    if (bytesWritten === 0) throw new Error('the disk takes no more bytes and does not say why')
    done += bytesWritten
  }
}
