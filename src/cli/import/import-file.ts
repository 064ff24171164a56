/** The file of an import, or standard input. */
import { closeSync, createReadStream, openSync, readSync, type Stats, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { AtollError } from '../../base/errors.ts'
import { HEAD_BYTES, recognised } from './dump.ts'
import type { DumpFormat } from './dump-formats.ts'

/** By what it says or how it begins. */
export function isRdb(file: string, from: DumpFormat | undefined): boolean {
  if (from !== undefined) return from === 'redis'
  // A pipe would lose what is read here; its bytes are looked at as they come.
  if (!statSync(file).isFile()) return false
  const head = Buffer.alloc(HEAD_BYTES)
  const at = openSync(file, 'r')
  try {
    return recognised(head.subarray(0, readSync(at, head, 0, HEAD_BYTES, 0))) === 'redis'
  } finally {
    closeSync(at)
  }
}

/** In bytes. Throws AtollError USAGE. */
export function sizeOf(file: string): number {
  const stat = statOf(file)
  if (stat.isDirectory()) throw new AtollError('USAGE', `${file} is a directory`)
  return stat.size
}

function statOf(file: string): Stats {
  try {
    return statSync(file)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AtollError('USAGE', `${file} cannot be read (${code})`)
  }
}

export function opened(file: string): Readable {
  return file === '-' ? process.stdin : createReadStream(file)
}
