/** The file of an export: new, or one that broke off, cut back to its last whole line. */
import { type FileHandle, open } from 'node:fs/promises'
import { AtollError } from '../../base/errors.ts'
import { RPC_LIMITS } from '../../rpc/limits.ts'

const LF = 0x0a
const BLOCK_BYTES = 64 * 1024
const LINE_HEAD = '{"key":'

export class ExportFile {
  readonly #path: string
  readonly #handle: FileHandle
  /** Key of the last whole line that was there; null: none. */
  readonly lastKey: string | null
  #at: number

  private constructor(path: string, handle: FileHandle, lastKey: string | null, at: number) {
    this.#path = path
    this.#handle = handle
    this.lastKey = lastKey
    this.#at = at
  }

  /** Without `resume` it must not be there yet. */
  static async open(path: string, resume: boolean): Promise<ExportFile> {
    const handle = await open(path, resume ? 'r+' : 'wx').catch((error: unknown) => {
      throw cannotOpen(path, error)
    })
    if (!resume) return new ExportFile(path, handle, null, 0)
    try {
      const end = await lineStart(handle, (await handle.stat()).size)
      const key = end === 0 ? await noKey(path, handle) : await keyBefore(path, handle, end)
      await handle.truncate(end)
      return new ExportFile(path, handle, key, end)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async append(bytes: Buffer): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      const left = bytes.length - from
      const { bytesWritten } = await this.#during(this.#handle.write(bytes, from, left, this.#at))
      from += bytesWritten
      this.#at += bytesWritten
    }
  }

  async sync(): Promise<void> {
    await this.#during(this.#handle.sync())
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #during<T>(step: Promise<T>): Promise<T> {
    return await step.catch((cause: unknown) => {
      const code = codeOf(cause)
      const kind = code === 'ENOSPC' ? 'DISK_FULL' : 'USAGE'
      throw new AtollError(kind, `${this.#path} cannot be written (${code})`, { cause })
    })
  }
}

/** Where the line that holds the byte before `end` begins, or `end` itself after a line feed. */
async function lineStart(handle: FileHandle, end: number): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES)
  for (let to = end; to > 0; ) {
    const from = Math.max(0, to - BLOCK_BYTES)
    const { bytesRead } = await handle.read(block, 0, to - from, from)
    const found = block.subarray(0, bytesRead).lastIndexOf(LF)
    if (found !== -1) return from + found + 1
    to = from
  }
  return 0
}

/** The key of the line that ends at `end`, with its line feed. */
async function keyBefore(path: string, handle: FileHandle, end: number): Promise<string> {
  const start = await lineStart(handle, end - 1)
  const length = end - 1 - start
  const line = Buffer.alloc(Math.min(length, RPC_LIMITS.lineBytesMax))
  await handle.read(line, 0, line.length, start)
  try {
    const { key } = JSON.parse(line.toString('utf8')) as { readonly key?: unknown }
    if (typeof key === 'string') return key
  } catch {
    // Told below: what is no line of an export must not be cut or added to.
  }
  throw new AtollError('USAGE', `${path} is no export: its last line has no key`)
}

/** There is no whole line: what there is must be the beginning of one, before it is cut off. */
async function noKey(path: string, handle: FileHandle): Promise<null> {
  const head = Buffer.alloc(LINE_HEAD.length)
  const { bytesRead } = await handle.read(head, 0, head.length, 0)
  if (LINE_HEAD.startsWith(head.toString('latin1', 0, bytesRead))) return null
  throw new AtollError('USAGE', `${path} is no export: it does not begin with a key`)
}

function cannotOpen(path: string, error: unknown): AtollError {
  const code = codeOf(error)
  if (code === 'EEXIST') {
    return new AtollError('CONFLICT', `${path} is there already; nothing was written`, {
      hint: 'go on with it by --resume, or take another name',
    })
  }
  return new AtollError('USAGE', `${path} cannot be written (${code})`)
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
