/** What is made of the events of a Kademlia lookup, also of one that is cut off. */
import assert from 'node:assert/strict'
import type { PeerId, PeerInfo, PeerStore } from '@libp2p/interface'
import type { QueryEvent } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { nearestOf } from '../../src/adapters/libp2p-lookup.ts'
import { memberOf } from '../topology/members.ts'

function idOf(name: string): PeerId {
  return peerIdFromString(memberOf(name).id)
}

function addressOf(name: string): string {
  return `/ip4/192.0.2.7/tcp/${4000 + name.charCodeAt(0)}`
}

function known(name: string): PeerInfo {
  return { id: idOf(name), multiaddrs: [multiaddr(addressOf(name))] }
}

function bare(name: string): PeerInfo {
  return { id: idOf(name), multiaddrs: [] }
}

function event(of: object): QueryEvent {
  return of as QueryEvent
}

const answer = (from: string, closer: readonly PeerInfo[]): QueryEvent =>
  event({ name: 'PEER_RESPONSE', from: idOf(from), closer })
const final = (peer: PeerInfo): QueryEvent => event({ name: 'FINAL_PEER', peer })

/** Knows the addresses of z alone. */
const STORE = {
  getInfo: async (id: PeerId): Promise<PeerInfo> => {
    if (id.toString() === memberOf('z').id) return known('z')
    throw new Error('not found')
  },
} as Partial<PeerStore> as PeerStore

async function* eventsOf(events: readonly QueryEvent[], failure?: Error) {
  yield* events
  if (failure !== undefined) throw failure
}

async function namesOf(found: ReturnType<typeof nearestOf>): Promise<string[]> {
  const names = new Map(['a', 'b', 'z'].map((name) => [memberOf(name).id, name]))
  return (await found).map(({ peer, addresses }) => {
    const name = names.get(peer) ?? ''
    if (addresses.length > 0) assert.deepEqual(addresses, [addressOf(name)])
    return `${name}${addresses.length}`
  })
}

describe('what a lookup finds', () => {
  it('is whom it names at its end, in that order', async () => {
    const events = [answer('z', [known('a'), known('b')]), final(known('b')), final(known('a'))]
    assert.deepEqual(await namesOf(nearestOf(eventsOf(events), STORE)), ['b1', 'a1'])
  })

  it('has the addresses that others told, or that are remembered', async () => {
    const events = [answer('z', [known('a')]), final(bare('a')), final(bare('z')), final(bare('b'))]
    assert.deepEqual(await namesOf(nearestOf(eventsOf(events), STORE)), ['a1', 'z1', 'b0'])
  })

  it('is whoever has answered where it is cut off', async () => {
    const events = [answer('z', [known('a'), known('b')]), answer('a', [])]
    const cut = nearestOf(eventsOf(events, new Error('aborted')), STORE)
    assert.deepEqual(await namesOf(cut), ['z1', 'a1'])
  })

  it('is an error when nobody has', async () => {
    await assert.rejects(nearestOf(eventsOf([], new Error('aborted')), STORE), /aborted/)
  })
})
