/**
 * atoll in your program: a whole node, embedded.
 *
 * It installs no signal handlers, never exits the process, and nothing of it keeps the event loop
 * alive after `stop()`. A failed disk ends the node, not the host: calls in flight reject with
 * outcome unknown, later ones with STORAGE_FAILED, and `failed` resolves.
 */
import { systemSeams } from './daemon/system-seams.ts'
import { NODE_DEFAULTS, type NodeConfig } from './node/config.ts'
import { type AtollNode, openNode } from './node/node.ts'

export { AtollError, type ErrorCode, ERRORS, type Outcome } from './base/errors.ts'
export type * from './node/api.ts'
export type { AtollNode } from './node/node.ts'

export type CreateNodeOptions = Partial<Omit<NodeConfig, 'dataDir'>> & {
  /** Absent: an edge, which stores nothing. A directory is used by one process at a time. */
  readonly dataDir?: string
  /** Joins with this ticket, unless the directory already belongs to a cluster. */
  readonly join?: string | undefined
}

/**
 * Opens and starts a node. With a data directory that belongs to no cluster, and no ticket, it is
 * unclaimed: `init()` or `join()` is next.
 */
export async function createNode(options: CreateNodeOptions = {}): Promise<AtollNode> {
  const { dataDir = null, join, ...rest } = options
  const config: NodeConfig = { ...NODE_DEFAULTS, name: 'embedded', ...rest, dataDir }
  const node = await openNode(config, systemSeams())
  try {
    await node.start()
    if (join !== undefined && (await node.status()).state === 'unclaimed') await node.join(join)
    return node
  } catch (error) {
    await node.stop()
    throw error
  }
}
