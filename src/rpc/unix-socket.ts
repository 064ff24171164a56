/**
 * Listens on a unix socket that only its owner can use: a directory of mode 0700 and a socket of
 * mode 0600 from its first moment, since Node's own default (0755) lets every local user in.
 *
 * A socket that a dead daemon left behind is replaced; one that answers is somebody's
 * (ADDRESS_IN_USE); a file that is no socket is left alone.
 */
import { lstatSync, mkdirSync, renameSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { AtollError } from '../base/errors.ts'
import { checkSocketPath } from './socket-path.ts'

/** A live daemon accepts at once, even one that is busy: the kernel does it. */
const PROBE_MS = 2000

/** Rejects with CONFIG_INVALID, ADDRESS_IN_USE, DIR_UNUSABLE or DENIED. */
export async function listenPrivately(
  path: string,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  checkSocketPath(path)
  makeDirectory(dirname(path))
  await removeStale(path)
  const server = createServer({ allowHalfOpen: true }, onConnection)
  await bind(server, path)
  return server
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(directory, error)
  }
  const { uid, mode } = lstatSync(directory)
  const mine = process.getuid?.() ?? uid
  // Anybody could replace the socket in a directory that anybody may write, unless it is sticky.
  const open = (mode & 0o022) !== 0 && (mode & 0o1000) === 0
  if ((uid === mine || uid === 0) && !open) return
  throw new AtollError('DENIED', `the directory ${directory} belongs to or is open to others`, {
    hint: 'name a socket in a private directory with --socket',
  })
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? inUse(path) : unusable(path, error))
    })
    // The socket is made inside `listen`, before it returns: no other file gets this mask.
    const mask = process.umask(0o177)
    try {
      server.listen(path, resolve)
    } finally {
      process.umask(mask)
    }
  })
}

/**
 * Two daemons may find the same dead socket at once. Each moves it aside before it removes it, and
 * looks at what it moved: a socket that came to be in the meantime is put back.
 */
async function removeStale(path: string): Promise<void> {
  const found = identityOf(path)
  if (found === null) return
  if (await answers(path)) throw inUse(path)
  const aside = `${path}.${process.pid}`
  checkSocketPath(aside)
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw unusable(path, error)
  }
  if (identityOf(aside) === found) return unlinkSync(aside)
  renameSync(aside, path)
  throw inUse(path)
}

/** Device and inode; null when there is nothing. */
function identityOf(path: string): string | null {
  const stat = lstatSync(path, { throwIfNoEntry: false, bigint: true })
  if (stat === undefined) return null
  if (stat.isSocket()) return `${stat.dev}:${stat.ino}`
  throw new AtollError('ADDRESS_IN_USE', `${path} is there and is no socket`, {
    hint: 'move it away, or name another with --socket',
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const timer = setTimeout(() => end(() => resolve(true)), PROBE_MS)
    const end = (then: () => void) => {
      clearTimeout(timer)
      socket.destroy()
      then()
    }
    socket.once('connect', () => end(() => resolve(true)))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const dead = error.code === 'ECONNREFUSED' || error.code === 'ENOENT'
      end(() => (dead ? resolve(false) : reject(unusable(path, error))))
    })
  })
}

function inUse(path: string): AtollError {
  return new AtollError('ADDRESS_IN_USE', `a live daemon has the socket ${path}`, {
    hint: 'stop it, or name another socket with --socket',
  })
}

function unusable(path: string, error: unknown): AtollError {
  const { code, message } = error as NodeJS.ErrnoException
  return new AtollError('DIR_UNUSABLE', `${path} cannot be used (${code ?? message})`, {
    hint: 'name a socket that you may make with --socket',
    cause: error,
  })
}
