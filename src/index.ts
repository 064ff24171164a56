/**
 * atoll in your program: a whole node, embedded.
 *
 * It installs no signal handlers, never exits the process, and nothing of it keeps the event loop
 * alive after `stop()`. A failed disk ends the node, not the host: calls in flight reject with
 * outcome unknown, later ones with STORAGE_FAILED, and `failed` resolves.
 */
import { type CreateNodeOptions, planOf } from './daemon/create-options.ts'
import { systemSeams } from './daemon/system-seams.ts'
import { type AtollNode, openNode } from './node/node.ts'
import { CheckedNode } from './rpc/checked-node.ts'

export { AtollError, type ErrorCode, ERRORS, type Outcome } from './base/errors.ts'
export type * from './node/api.ts'
export type { CreateNodeOptions } from './daemon/create-options.ts'
export type { AtollNode } from './node/node.ts'

/**
 * Opens and starts a node. With a data directory that belongs to no cluster, and neither `init` nor
 * `join`, it is unclaimed: `init()` or `join()` is next. Throws CONFIG_INVALID, and what opening,
 * founding and joining throw.
 */
export async function createNode(options: CreateNodeOptions = {}): Promise<AtollNode> {
  const { config, init, join } = planOf(options)
  const node = new Embedded(await openNode(config, systemSeams()))
  try {
    await node.start()
    if ((await node.status()).state !== 'unclaimed') return node
    if (join !== null) await node.join(join)
    else if (init) await node.init()
    return node
  } catch (error) {
    await node.stop()
    throw error
  }
}

/** Takes and refuses the same calls as `connect()` does. */
class Embedded extends CheckedNode implements AtollNode {
  readonly #node: AtollNode

  constructor(node: AtollNode) {
    super(node)
    this.#node = node
  }

  get failed(): Promise<Error> {
    return this.#node.failed
  }

  start(): Promise<void> {
    return this.#node.start()
  }

  stop(): Promise<void> {
    return this.#node.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
