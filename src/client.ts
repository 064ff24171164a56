/**
 * A daemon's node in your program, over its socket: the same interface as `createNode()` gives.
 *
 * It does not reconnect. When the connection is lost, calls end with UNREACHABLE and say what is
 * known of their outcome; connect again.
 */
import type { NodeApi } from './node/api.ts'
import { connectClient } from './rpc/connect.ts'
import type { RpcClient } from './rpc/client.ts'
import { RemoteNode } from './rpc/remote-node.ts'
import { findSocketPath } from './rpc/socket-path.ts'

export { AtollError, type ErrorCode, ERRORS, type Outcome } from './base/errors.ts'
export type * from './node/api.ts'

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

class Connected extends RemoteNode implements ConnectedNode {
  readonly #client: RpcClient

  constructor(client: RpcClient) {
    super(client)
    this.#client = client
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
