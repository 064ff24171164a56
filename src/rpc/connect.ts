/** A daemon's node over its socket: the interface of an embedded one. */
import { AtollError } from '../base/errors.ts'
import type { NodeApi } from '../node/api.ts'
import { CheckedNode } from './checked-node.ts'
import type { RpcClient } from './client.ts'
import { connectClient } from './connect-client.ts'
import { RemoteNode } from './remote-node.ts'
import { findSocketPath } from './socket-path.ts'
import { shortened } from './validation.ts'

export interface ConnectOptions {
  /**
   * Default: ATOLL_SOCKET, $XDG_RUNTIME_DIR/atoll/atoll.sock, /run/atoll/atoll.sock. Those of
   * `atolld dev` are elsewhere: `atoll context ls`.
   */
  readonly socket?: string | undefined
}

export interface ConnectedNode extends NodeApi, AsyncDisposable {
  /** Closes the connection; the daemon goes on. Idempotent. */
  close(): Promise<void>
}

/** Rejects with AtollError UNREACHABLE when no daemon answers on the socket. */
export async function connect(options: ConnectOptions = {}): Promise<ConnectedNode> {
  const other = Object.keys(options).find((name) => name !== 'socket')
  if (other !== undefined) {
    throw new AtollError('USAGE', `connect: "${shortened(other)}" is no option of it`, {
      hint: "it knows one: connect({ socket: '…' })",
    })
  }
  return new Connected(await connectClient(options.socket ?? findSocketPath(process.env)))
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
