/**
 * Kademlia identifiers: where peers and keys lie in the key space of 256 bits. The same as those
 * of `@libp2p/kad-dht`, so that a live lookup and our placement speak of the same distances.
 */
import { hash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { utf8 } from '../base/bytes.ts'
import { type PeerId, peerIdBytes } from '../base/ids.ts'

/** 32 bytes, most significant first. */
export type KadId = Uint8Array

export const KAD_ID_BYTES = 32

/** sha256 of the peer id's multihash. The peer id has been checked where it came in. */
export function kadIdOfPeer(peer: PeerId): KadId {
  const bytes = peerIdBytes(peer)
  assert(bytes !== null, 'a peer id was checked where it came in')
  return sha256(bytes)
}

/** sha256 of the key's UTF-8 form. */
export function kadIdOfKey(key: string): KadId {
  return sha256(utf8(key))
}

function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}
