/**
 * The peers that a Kademlia lookup names, with their addresses.
 *
 * A lookup says whom it found when it is over; one that is cut off throws instead. Peers that are gone
 * hold it up for as long as dialling them takes, just where it is needed most: then whoever has
 * answered so far counts.
 */
import type { PeerInfo } from '@libp2p/interface'
import type { QueryEvent } from '@libp2p/kad-dht'
import type { PeerId } from '../base/ids.ts'
import type { FoundPeer } from '../seams/network.ts'
import { usefulAddresses } from './libp2p-addresses.ts'

/** Rejects with what the lookup threw when nobody has answered. */
export async function nearestOf(events: AsyncIterable<QueryEvent>): Promise<readonly FoundPeer[]> {
  const nearest: FoundPeer[] = []
  const answered = new Set<PeerId>()
  const told = new Map<PeerId, readonly string[]>()
  try {
    for await (const event of events) {
      if (event.name === 'FINAL_PEER') nearest.push(foundOf(event.peer))
      if (event.name !== 'PEER_RESPONSE') continue
      answered.add(event.from.toString())
      for (const { peer, addresses } of event.closer.map(foundOf)) told.set(peer, addresses)
    }
  } catch (error) {
    if (answered.size === 0) throw error
  }
  if (nearest.length > 0) return nearest
  return [...answered].map((peer) => ({ peer, addresses: told.get(peer) ?? [] }))
}

function foundOf({ id, multiaddrs }: PeerInfo): FoundPeer {
  return { peer: id.toString(), addresses: usefulAddresses(multiaddrs) }
}
