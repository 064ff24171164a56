/**
 * Hands a new topology to members at once, ahead of gossip. Best effort: whom it does not reach
 * hears the number with the next probe and fetches it from whoever said so.
 */
import type { PeerId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { Topology } from './topology.ts'

const TIMEOUT_MS = 2000
/** What one new topology may cost in traffic; in large clusters gossip does the rest. */
const BYTES_MAX = 4 * 1024 * 1024
const PEERS_MIN = 16
/** Above this it would stand in the way of small requests. */
const SMALL_BYTES = 64 * 1024

/** Roots first, then the others in an order that changes with every topology. */
export function pushTargets(topology: Topology, size: number, self: PeerId): readonly PeerId[] {
  const { members, roots, number } = topology
  const count = Math.max(PEERS_MIN, Math.floor(BYTES_MAX / Math.max(1, size)))
  const start = (number * count) % members.length
  const turned = [...members.slice(start), ...members.slice(0, start)]
  const isRoot = new Set(roots)
  const first = members.filter(({ storageId }) => isRoot.has(storageId))
  const ids = new Set([...first, ...turned].map(({ id }) => id))
  ids.delete(self)
  return [...ids].slice(0, count)
}

/** Resolves when the peer has it on its disk. */
export async function pushTopology(
  mesh: Mesh,
  peer: PeerId,
  encoded: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await mesh.request(peer, REQUEST_KINDS.TOPOLOGY_PUSH, encoded, {
    timeoutMs: TIMEOUT_MS,
    trafficClass: encoded.length > SMALL_BYTES ? 'bulk' : 'request',
    signal,
  })
}
