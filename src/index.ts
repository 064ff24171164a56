/**
 * atoll in your program: a whole node, embedded.
 *
 * It installs no signal handlers, never exits the process, and nothing of it keeps the event loop
 * alive after `stop()`. A failed disk ends the node, not the host: calls in flight reject with
 * outcome unknown, later ones with STORAGE_FAILED, and `failed` resolves.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import './supported-node.ts'
import type { CreateNodeOptions } from './daemon/create-options.ts'
import type { AtollNode } from './node/api.ts'

export { AtollError, type ErrorCode, ERRORS, type Outcome } from './base/errors.ts'
export type * from './node/api.ts'
export type { CreateNodeOptions } from './daemon/create-options.ts'

/**
 * Opens and starts a node. With a data directory that belongs to no cluster, and neither `init` nor
 * `join`, it is unclaimed: `init()` or `join()` is next. Throws CONFIG_INVALID, and what opening,
 * founding and joining throw.
 */
export async function createNode(options: CreateNodeOptions = {}): Promise<AtollNode> {
  // Loaded late: a Node.js that is too old has been told so by then.
  const { openEmbedded } = await import('./daemon/embedded-node.ts')
  return await openEmbedded(options)
}
