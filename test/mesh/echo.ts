/** Nodes that answer every request with its own body. */
import type { PeerEvidence } from '../../src/mesh/mesh.ts'
import type { Machine, Running, World } from './world.ts'

export const ECHO = 1000
export const TIMEOUT = { timeoutMs: 1000 }

export function startEcho(world: World, machine: Machine): Promise<Running> {
  return world.start(machine, { before: (mesh) => mesh.handle(ECHO, (_from, body) => body) })
}

/** The first has the lower peer id. */
export async function pair(world: World): Promise<[Running, Running]> {
  const [first, second] = world.machines('a', 'b') as [Machine, Machine]
  const one = await startEcho(world, first)
  const two = await startEcho(world, second)
  world.introduce(one, two)
  return [one, two]
}

export function kinds(evidence: readonly PeerEvidence[]): string[] {
  return evidence.map(({ kind }) => kind)
}
