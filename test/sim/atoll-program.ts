/** The whole node as a program of a simulated machine: what the daemon runs, over other seams. */
import { NODE_DEFAULTS } from '../../src/node/config.ts'
import type { AtollNode } from '../../src/node/api.ts'
import { openNode } from '../../src/node/node.ts'
import type { Program } from './world.ts'

export type AtollProgramNode = AtollNode

export interface AtollProgramOptions {
  readonly partitions: number
  /** What a machine gives out instead of where it listens. */
  readonly announceOf?: (name: string) => readonly string[]
}

export function atollProgram({
  announceOf,
  ...options
}: AtollProgramOptions): Program<AtollProgramNode> {
  return {
    async start(seams, { name }) {
      const config = {
        ...NODE_DEFAULTS,
        ...options,
        name,
        dataDir: '/data',
        listen: ['/ip4/0.0.0.0/tcp/4410'],
        announce: announceOf?.(name) ?? [],
      }
      const node = await openNode(config, seams)
      await node.start()
      return node
    },
    stop: (node) => node.stop(),
  }
}
