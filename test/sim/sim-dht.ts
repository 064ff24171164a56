/**
 * Answers of a Kademlia network that is up: it knows who is connected, directly or through others,
 * to the one who asks. Of a peer that is gone it may still tell where it was.
 */
import { createHash } from 'node:crypto'
import { type PeerId, peerIdBytes } from '../../src/base/ids.ts'
import type { FoundPeer } from '../../src/seams/network.ts'
import type { Fabric } from './fabric.ts'
import type { SimNetwork } from './sim-network.ts'

/** A lookup takes several round trips, some of them to peers that do not answer. */
const LOOKUP_MS_MIN = 5
const LOOKUP_MS_MEAN = 80
const CLOSEST_MAX = 20

export async function findPeer(
  fabric: Fabric,
  asker: SimNetwork,
  peer: PeerId,
  timeoutMs: number,
): Promise<readonly string[]> {
  if (!(await lookup(fabric, asker, timeoutMs))) return []
  const found = reachable(fabric, asker).find((network) => network.self === peer)
  return found?.addresses() ?? []
}

export async function closestPeers(
  fabric: Fabric,
  asker: SimNetwork,
  key: Uint8Array,
  timeoutMs: number,
): Promise<readonly FoundPeer[]> {
  if (!(await lookup(fabric, asker, timeoutMs))) return []
  const point = createHash('sha256').update(key).digest()
  return reachable(fabric, asker)
    .filter((network) => network !== asker)
    .map((network) => ({ network, distance: distance(network.self, point) }))
    .sort((a, b) => Buffer.compare(a.distance, b.distance))
    .slice(0, CLOSEST_MAX)
    .map(({ network }) => ({ peer: network.self, addresses: network.addresses() }))
}

/** False when the time ran out. */
function lookup(fabric: Fabric, asker: SimNetwork, timeoutMs: number): Promise<boolean> {
  const tookMs = LOOKUP_MS_MIN + fabric.random.exponential(LOOKUP_MS_MEAN)
  return new Promise((resolve) => {
    asker.schedule(() => resolve(tookMs <= timeoutMs), Math.min(tookMs, timeoutMs) * 1000)
  })
}

function reachable(fabric: Fabric, asker: SimNetwork): SimNetwork[] {
  const seen = new Set<SimNetwork>([asker])
  for (const network of seen) {
    for (const connection of network.connections) {
      const other = connection.otherOf(connection.socketOf(network)).network
      const paths =
        fabric.passes(network.host, other.host) && fabric.passes(other.host, network.host)
      if (paths && other.up && !other.process.paused) seen.add(other)
    }
  }
  return [...seen]
}

function distance(peer: PeerId, point: Uint8Array): Uint8Array {
  const id = createHash('sha256')
    .update(peerIdBytes(peer) ?? new Uint8Array())
    .digest()
  return id.map((byte, i) => byte ^ (point[i] ?? 0))
}
