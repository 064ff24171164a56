/**
 * Which socket the daemon of a data directory serves, noted beside its data: so that whoever finds
 * the directory locked is told where to connect. A hint and nothing more; losing it costs nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AtollError, isAtollError } from '../base/errors.ts'

const FILE = 'daemon.socket'

export function noteSocket(dataDir: string, socket: string): void {
  try {
    writeFileSync(join(dataDir, FILE), `${resolve(socket)}\n`, { mode: 0o600 })
  } catch {
    // A full disk is told by who must write.
  }
}

/** DIR_LOCKED with the other daemon's socket in it; any other error as it is. */
export function withSocketOfOwner(error: unknown, dataDir: string): unknown {
  if (!isAtollError(error, 'DIR_LOCKED')) return error
  let socket: string
  try {
    socket = readFileSync(join(dataDir, FILE), 'utf8').trim()
  } catch {
    return error
  }
  const hint = `its daemon serves ${socket}: use that with --socket or connect(), or stop it`
  return new AtollError('DIR_LOCKED', error.message, { hint, cause: error })
}
