/** Opens a connection to a daemon's socket: as a client that calls methods, or as a node. */
import { connect as connectSocket, type Socket } from 'node:net'
import { AtollError } from '../base/errors.ts'
import type { NodeApi } from '../node/api.ts'
import { CheckedNode } from './checked-node.ts'
import { RpcClient } from './client.ts'
import { RemoteNode } from './remote-node.ts'
import { checkSocketPath, findSocketPath } from './socket-path.ts'

export interface ConnectOptions {
  /** Default: ATOLL_SOCKET, $XDG_RUNTIME_DIR/atoll/atoll.sock, /run/atoll/atoll.sock. */
  readonly socket?: string
}

export interface ConnectedNode extends NodeApi, AsyncDisposable {
  /** Closes the connection; the daemon goes on. Idempotent. */
  close(): Promise<void>
}

/** Rejects with AtollError UNREACHABLE when no daemon answers on the socket. */
export async function connect(options: ConnectOptions = {}): Promise<ConnectedNode> {
  return new Connected(await connectClient(options.socket ?? findSocketPath(process.env)))
}

/** Rejects with UNREACHABLE (nobody listens), DENIED (not this user's) or CONFIG_INVALID. */
export async function connectClient(path: string): Promise<RpcClient> {
  checkSocketPath(path)
  return new RpcClient(await opened(path), path)
}

class Connected extends CheckedNode implements ConnectedNode {
  readonly #client: RpcClient

  constructor(client: RpcClient) {
    super(new RemoteNode(client))
    this.#client = client
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(path)
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
  const why = error.code === 'ENOENT' ? 'there is no such socket' : (error.code ?? error.message)
  return new AtollError('UNREACHABLE', `no daemon answers on ${path} (${why})`, {
    hint: 'start one with `atolld`, or name its socket with --socket',
    cause: error,
  })
}
