/**
 * The peers that a Kademlia lookup names, with their addresses.
 *
 * A lookup says whom it found when it is over; one that is cut off throws instead. Peers that are gone
 * hold it up for as long as dialling them takes, just where it is needed most: then whoever has
 * answered so far counts.
 */
import type { PeerId, PeerInfo, PeerStore } from '@libp2p/interface'
import type { QueryEvent } from '@libp2p/kad-dht'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { FoundPeer } from '../seams/network.ts'
import { usefulAddresses } from './libp2p-addresses.ts'

/** Rejects with what the lookup threw when nobody has answered. */
export async function nearestOf(
  events: AsyncIterable<QueryEvent>,
  peerStore: PeerStore,
): Promise<readonly FoundPeer[]> {
  const nearest: PeerInfo[] = []
  const answered = new Map<string, PeerInfo>()
  const told = new Map<string, PeerInfo>()
  try {
    for await (const event of events) {
      if (event.name === 'FINAL_PEER') nearest.push(event.peer)
      if (event.name !== 'PEER_RESPONSE') continue
      answered.set(event.from.toString(), { id: event.from, multiaddrs: [] })
      for (const peer of event.closer) told.set(peer.id.toString(), peer)
    }
  } catch (error) {
    if (answered.size === 0) throw error
  }
  const found = nearest.length > 0 ? nearest : answered.values()
  return Promise.all(
    Array.from(found, async ({ id, multiaddrs }) => {
      const shown = multiaddrs.length > 0 ? multiaddrs : (told.get(id.toString())?.multiaddrs ?? [])
      const addresses = shown.length > 0 ? shown : await storedOf(id, peerStore)
      return { peer: id.toString(), addresses: usefulAddresses(addresses) }
    }),
  )
}

/** Peers that were known before come without addresses. */
async function storedOf(id: PeerId, peerStore: PeerStore): Promise<readonly Multiaddr[]> {
  try {
    return (await peerStore.getInfo(id)).multiaddrs
  } catch {
    return []
  }
}
