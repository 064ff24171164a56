/** What `createNode()` opens: a node on the real system, checked and started. */
import { systemHost } from '../adapters/system-host.ts'
import type { AtollNode } from '../node/api.ts'
import { openNode } from '../node/node.ts'
import { CheckedNode } from '../rpc/checked-node.ts'
import { type CreateNodeOptions, planOf } from './create-options.ts'
import { systemSeams } from './system-seams.ts'

export async function openEmbedded(options: CreateNodeOptions): Promise<AtollNode> {
  const { config, init, join } = planOf(options)
  const host = systemHost({ dataDir: config.dataDir, socket: null })
  const node = new EmbeddedNode(await openNode(config, { ...systemSeams(), host }))
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
class EmbeddedNode extends CheckedNode implements AtollNode {
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
