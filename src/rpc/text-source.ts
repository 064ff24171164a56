/**
 * Where an argument may come from: itself, `@FILE`, or `-` for standard input. `@@x` is the text
 * `@x`. Files and input are read within a bound.
 */
import { openSync, readSync, closeSync } from 'node:fs'
import { AtollError } from '../base/errors.ts'
import { utf8ToText } from '../base/bytes.ts'

const CHUNK_BYTES = 64 * 1024

/** Text when the bytes are valid UTF-8, else bytes. Throws USAGE or TOO_LARGE. */
export function readArgument(argument: string, bytesMax: number): string | Uint8Array {
  if (argument.startsWith('@@')) return argument.slice(1)
  if (argument !== '-' && !argument.startsWith('@')) return argument
  if (argument === '@') {
    throw new AtollError('USAGE', '"@" names no file', {
      hint: 'write @FILE, - for standard input, or @@ for the text @',
    })
  }
  const bytes = readAll(argument === '-' ? 0 : argument.slice(1), bytesMax)
  return utf8ToText(bytes) ?? bytes
}

/** For tickets: white space around it is not meant. */
export function readSecret(argument: string): string {
  const text = readArgument(argument, CHUNK_BYTES)
  if (typeof text === 'string') return text.trim()
  throw new AtollError('TICKET_INVALID', `${argument} holds no ticket: it is not text`)
}

function readAll(source: number | string, bytesMax: number): Uint8Array {
  const name = source === 0 ? 'standard input' : String(source)
  const parts: Buffer[] = []
  let total = 0
  let file = -1
  try {
    file = typeof source === 'number' ? source : openSync(source, 'r')
    for (;;) {
      const part = Buffer.allocUnsafe(CHUNK_BYTES)
      const count = readSync(file, part)
      if (count === 0) break
      total += count
      if (total > bytesMax) throw new AtollError('TOO_LARGE', `${name} is over ${bytesMax} bytes`)
      parts.push(part.subarray(0, count))
    }
  } catch (error) {
    if (error instanceof AtollError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    throw new AtollError('USAGE', `${name} cannot be read (${code})`, { cause: error })
  } finally {
    if (file > 0) closeSync(file)
  }
  return Buffer.concat(parts)
}
