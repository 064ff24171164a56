/** Where the daemon's socket is, when nobody says. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { AtollError } from '../base/errors.ts'

/** `sun_path` holds 108 bytes with the final NUL; Node cuts longer ones off without a word. */
export const SOCKET_PATH_BYTES_MAX = 107

const SYSTEM_PATH = '/run/atoll/atoll.sock'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where a daemon listens: ATOLL_SOCKET, else $XDG_RUNTIME_DIR/atoll, else /run/atoll. A user who is
 * not root and has no runtime directory gets a private one under /tmp, as tmux does.
 */
export function defaultSocketPath(env: Environment, uid = process.getuid?.() ?? 0): string {
  const { ATOLL_SOCKET, XDG_RUNTIME_DIR } = env
  if (ATOLL_SOCKET) return ATOLL_SOCKET
  if (XDG_RUNTIME_DIR) return join(XDG_RUNTIME_DIR, 'atoll', 'atoll.sock')
  return uid === 0 ? SYSTEM_PATH : `/tmp/atoll-${uid}/atoll.sock`
}

/** Where a client looks: the same, but the system's daemon serves when the user runs none. */
export function findSocketPath(env: Environment): string {
  const path = defaultSocketPath(env)
  const fallback = !env['ATOLL_SOCKET'] && !existsSync(path) && existsSync(SYSTEM_PATH)
  return fallback ? SYSTEM_PATH : path
}

/** Throws CONFIG_INVALID for a path that the kernel would cut off. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes > 0 && bytes <= SOCKET_PATH_BYTES_MAX) return
  const limit = `a socket path has 1 to ${SOCKET_PATH_BYTES_MAX} bytes, this one has ${bytes}`
  throw new AtollError('CONFIG_INVALID', `${limit}: ${path}`, {
    hint: 'give a shorter one, where it is named or as ATOLL_SOCKET',
  })
}
