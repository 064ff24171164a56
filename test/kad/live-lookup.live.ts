/** Our order of distance is that of a live libp2p Kademlia, on twelve nodes in this process. */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, type SingleKadDHT } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import assert from 'node:assert/strict'
import { utf8 } from '../../src/base/bytes.ts'
import { peerIdBytes } from '../../src/base/ids.ts'
import { closest } from '../../src/kad/distance.ts'
import { kadIdOfKey, kadIdOfPeer } from '../../src/kad/node-id.ts'

type Node = Libp2p<{ readonly dht: KadDHT }>

const NODES = 12
const KEYS = ['config/web', 'users/17', 'näme', 'a', 'leader/backup', 'z'.repeat(100)]

async function startNode(index: number): Promise<Node> {
  const seed = new Uint8Array(32).fill(index + 1)
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seed),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 1000, maxIncomingPendingConnections: 200 },
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: '/atoll-test/kad/1',
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
      }),
    },
  })
}

async function lookUp(node: Node, key: string): Promise<string[]> {
  const found: string[] = []
  const options = { signal: AbortSignal.timeout(10_000) }
  for await (const event of node.services.dht.getClosestPeers(utf8(key), options)) {
    if (event.name === 'FINAL_PEER') found.push(event.peer.id.toString())
  }
  return found
}

describe('live Kademlia lookup', () => {
  let nodes: Node[] = []

  before(async () => {
    nodes = await Promise.all(Array.from({ length: NODES }, (_, index) => startNode(index)))
    const pairs = nodes.flatMap((a, i) => nodes.slice(i + 1).map((b) => [a, b] as const))
    await Promise.all(pairs.map(([a, b]) => a.dial(b.getMultiaddrs())))
    await Promise.all(nodes.map(untilAllAreRouted))
  })

  after(async () => {
    await Promise.all(nodes.map(async (node) => await node.stop()))
  })

  it('names peers by the same bytes', () => {
    for (const { peerId } of nodes) {
      assert.deepEqual(peerIdBytes(peerId.toString()), Uint8Array.from(peerId.toMultihash().bytes))
    }
  })

  it('finds peers in the order of our distance', async () => {
    const ids = nodes.map(({ peerId }) => peerId.toString())
    for (const [turn, key] of KEYS.entries()) {
      const asker = nodes[turn % NODES]
      assert.ok(asker !== undefined)
      const found = await lookUp(asker, key)
      // The lookup leaves out who asks, and may miss who does not answer.
      const self = asker.peerId.toString()
      assert.ok(!found.includes(self))
      assert.ok(found.length >= NODES - 3, `found ${found.length}`)
      const expected = closest(kadIdOfKey(key), ids, NODES, kadIdOfPeer)
      assert.deepEqual(
        found,
        expected.filter((id) => found.includes(id)),
      )
      assert.equal(found[0], expected.filter((id) => id !== self)[0])
    }
  })
})

/** Until identify has told the routing table of every other node. */
async function untilAllAreRouted(node: Node): Promise<void> {
  const { routingTable: routed } = node.services.dht as SingleKadDHT
  const until = AbortSignal.timeout(10_000)
  while (routed.size < NODES - 1) {
    until.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
