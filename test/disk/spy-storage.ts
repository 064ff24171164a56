/**
 * Passes everything on, and writes down what was asked for and what was done, in order. Of keys
 * that are hidden the index denies all knowledge when it is asked for them alone.
 */
import type { AppendFile, Index, IndexRange, IndexWrite, Storage } from '../../src/seams/storage.ts'

export class SpyStorage implements Storage {
  readonly #storage: Storage
  readonly #asked: string[]
  readonly #hidden: ReadonlySet<string>

  constructor(storage: Storage, asked: string[], hidden: ReadonlySet<string>) {
    this.#storage = storage
    this.#asked = asked
    this.#hidden = hidden
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

  async remove(name: string): Promise<void> {
    this.#asked.push(`remove ${name}`)
    await this.#storage.remove(name)
  }

  async openAppend(name: string): Promise<AppendFile> {
    this.#asked.push(`open ${name}`)
    return new SpyFile(await this.#storage.openAppend(name), name, this.#asked)
  }

  async openIndex(name: string): Promise<Index> {
    this.#asked.push(`open ${name}`)
    return new SpyIndex(await this.#storage.openIndex(name), this.#asked, this.#hidden)
  }

  close(): Promise<void> {
    return this.#storage.close()
  }
}

class SpyFile implements AppendFile {
  readonly #file: AppendFile
  readonly #name: string
  readonly #asked: string[]

  constructor(file: AppendFile, name: string, asked: string[]) {
    this.#file = file
    this.#name = name
    this.#asked = asked
  }

  get sizeBytes(): number {
    return this.#file.sizeBytes
  }

  append(bytes: Uint8Array): Promise<void> {
    this.#asked.push(`append ${this.#name}`)
    return this.#file.append(bytes)
  }

  async sync(): Promise<void> {
    this.#asked.push(`sync ${this.#name}`)
    await this.#file.sync()
    this.#asked.push(`synced ${this.#name}`)
  }

  truncate(sizeBytes: number): Promise<void> {
    this.#asked.push(`truncate ${this.#name}`)
    return this.#file.truncate(sizeBytes)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

class SpyIndex implements Index {
  readonly #index: Index
  readonly #asked: string[]
  readonly #hidden: ReadonlySet<string>

  constructor(index: Index, asked: string[], hidden: ReadonlySet<string>) {
    this.#index = index
    this.#asked = asked
    this.#hidden = hidden
  }

  get(key: string): Uint8Array | undefined {
    return this.#hidden.has(key) ? undefined : this.#index.get(key)
  }

  async batch(writes: readonly IndexWrite[], options: { readonly sync: boolean }): Promise<void> {
    this.#asked.push(`batch of ${writes.length}`)
    await this.#index.batch(writes, options)
    this.#asked.push(options.sync ? 'batch synced' : 'batch done')
  }

  entries(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    return this.#index.entries(range)
  }

  async close(): Promise<void> {
    this.#asked.push('close index')
    await this.#index.close()
  }
}
