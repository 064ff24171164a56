/** Plain js kad-dht nodes in a process each, every one connected to every other. */
import { join } from 'node:path'
import { build } from 'esbuild'
import { type Child, type Children, until } from '../harness/children.ts'
import { RpcConnection } from '../ours/rpc-connection.ts'

const READY_MS = 60_000
/** A node that does not answer in time when it is asked who it is stays out of a table: seldom more. */
const KNOWN = 0.7
const ENTRY = join(import.meta.dirname, 'kad-node.ts')
const REQUIRE = "import{createRequire as r}from'node:module';const require=r(import.meta.url);"

export class KadMesh {
  readonly pids: readonly number[]
  /** To the first node. */
  readonly client: RpcConnection
  readonly #children: Children
  readonly #dir: string
  readonly #nodes: readonly Child[]
  readonly #clients: readonly RpcConnection[]

  private constructor(
    children: Children,
    dir: string,
    nodes: readonly Child[],
    clients: readonly RpcConnection[],
  ) {
    const [first] = clients
    if (first === undefined) throw new Error('a mesh has at least one node')
    this.client = first
    this.pids = nodes.map(({ pid }) => pid)
    this.#children = children
    this.#dir = dir
    this.#nodes = nodes
    this.#clients = clients
  }

  static async start(children: Children, count: number): Promise<KadMesh> {
    const dir = children.directory('kad-dht')
    const program = join(dir, 'kad-node.mjs')
    // In one file, as our daemons are: starts in a third of the time.
    await build({
      entryPoints: [ENTRY],
      outfile: program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node22',
      banner: { js: REQUIRE },
      logLevel: 'warning',
    })
    const sockets = Array.from({ length: count }, (_, i) => join(dir, `${i}.sock`))
    const nodes = sockets.map((socket, i) =>
      children.spawn(`kad-dht ${i}`, process.execPath, [program, socket]),
    )
    try {
      const clients = await Promise.all(sockets.map((socket, i) => reach(socket, nodes[i])))
      await connectAll(clients)
      return new KadMesh(children, dir, nodes, clients)
    } catch (error) {
      await Promise.all(nodes.map((node) => node.signal('SIGKILL')))
      throw error
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close()
    await Promise.all(this.#nodes.map((node) => node.signal('SIGKILL')))
    this.#children.remove(this.#dir)
  }
}

async function reach(socket: string, node: Child | undefined): Promise<RpcConnection> {
  const open: RpcConnection[] = []
  const listens = async () => {
    open.push(await RpcConnection.open(socket))
    return true
  }
  await until(READY_MS, listens, () => `a kad-dht node does not answer:\n${node?.output}`)
  return open[0] as RpcConnection
}

/** Each dials all before it; then every routing table is to know nearly all others. */
async function connectAll(clients: readonly RpcConnection[]): Promise<void> {
  const addresses = await Promise.all(
    clients.map((client) => client.call<string[]>('addresses', {})),
  )
  for (const [i, client] of clients.entries()) {
    for (const each of addresses.slice(0, i)) await client.call('dial', { addresses: each })
  }
  const routed = async () => {
    const sizes = await Promise.all(clients.map((client) => client.call<number>('routed', {})))
    return sizes.every((size) => size >= KNOWN * (clients.length - 1))
  }
  await until(READY_MS, routed, 'kad-dht nodes do not know each other')
}
