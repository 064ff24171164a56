/** What the system says of a disk, as one of our errors. */
import { AtollError } from '../base/errors.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

export function storageError(error: unknown, what: string): AtollError {
  if (error instanceof AtollError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (FULL.has(code ?? '') || /no space left/i.test(message)) {
    return new AtollError('DISK_FULL', `${what}: no space left on the data disk`, {
      hint: 'free some space; the node goes on by itself',
      cause: error,
    })
  }
  return new AtollError('STORAGE_FAILED', `${what}: ${message}`, {
    outcome: 'unknown',
    cause: error,
  })
}
