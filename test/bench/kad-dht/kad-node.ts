/**
 * One plain js kad-dht node: libp2p with its Kademlia as it comes, records in memory. It is asked
 * over a unix socket, a JSON-RPC request a line, as our daemons are, so that clients cost the same.
 *
 *   node kad-node.js SOCKET
 */
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper, type SingleKadDHT } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

/** Records have a namespace, and only those with a validator are taken. */
const NAMESPACE = 'bench'

interface Request {
  readonly id: number
  readonly method: string
  readonly params: {
    readonly key?: string
    readonly value?: string
    readonly addresses?: readonly string[]
  }
}

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  // The defaults refuse the sixth connection in a second from one host.
  connectionManager: { inboundConnectionThreshold: 1000, maxIncomingPendingConnections: 200 },
  services: {
    identify: identify(),
    ping: ping(),
    dht: kadDHT({
      clientMode: false,
      // The default forgets private addresses.
      peerInfoMapper: passthroughMapper,
      allowQueryWithZeroPeers: true,
      validators: { [NAMESPACE]: async () => {} },
      selectors: { [NAMESPACE]: () => 0 },
    }),
  },
})

async function answer({ method, params }: Request): Promise<unknown> {
  const key = Buffer.from(`/${NAMESPACE}/${params.key ?? ''}`)
  switch (method) {
    case 'addresses':
      return node.getMultiaddrs().map(String)
    case 'dial':
      return (await node.dial((params.addresses ?? []).map((each) => multiaddr(each)))).status
    case 'routed':
      return (node.services.dht as SingleKadDHT).routingTable.size
    case 'put':
      return node.contentRouting.put(key, Buffer.from(params.value ?? ''))
    case 'get':
      return Buffer.from(await node.contentRouting.get(key)).toString()
    case 'closest': {
      const ids: string[] = []
      for await (const { id } of node.peerRouting.getClosestPeers(key)) ids.push(id.toString())
      return ids
    }
    default:
      throw new Error(`unknown method ${method}`)
  }
}

function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy())
  createInterface({ input: socket }).on('line', (line) => {
    const request = JSON.parse(line) as Request
    const reply = (part: object) =>
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: request.id, ...part })}\n`)
    answer(request).then(
      (result) => reply({ result: result ?? null }),
      (error: unknown) => reply({ error: { code: 1, message: String(error) } }),
    )
  })
}

createServer(serve).listen(process.argv[2])
