/** Opens a connection to a daemon's socket, as a client that calls methods by name. */
import { connect, type Socket } from 'node:net'
import { AtollError } from '../base/errors.ts'
import { RpcClient } from './client.ts'
import { checkSocketPath } from './socket-path.ts'

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ENOTDIR: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
}

/** Rejects with UNREACHABLE (nobody listens), DENIED (not this user's) or CONFIG_INVALID. */
export async function connectClient(path: string): Promise<RpcClient> {
  checkSocketPath(path)
  return new RpcClient(await opened(path), path)
}

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const onError = (error: NodeJS.ErrnoException) => reject(explained(path, error))
    socket.once('error', onError)
    socket.once('connect', () => {
      socket.off('error', onError)
      resolve(socket)
    })
  })
}

function explained(path: string, error: NodeJS.ErrnoException): AtollError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new AtollError('DENIED', `no permission to use the socket ${path}`, {
      hint: 'run as the user that runs the daemon',
      cause: error,
    })
  }
  const why = WHY[error.code ?? ''] ?? error.code ?? error.message
  return new AtollError('UNREACHABLE', `no daemon answers on ${path} (${why})`, {
    hint:
      "start one with `atolld`, or name its socket: connect({ socket: '…' }); " +
      'those of a throw-away mesh: atoll context ls',
    cause: error,
  })
}
