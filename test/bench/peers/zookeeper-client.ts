/**
 * The package `node-zookeeper-client` with promises, with `sync` (operation 9), which it lacks, and
 * with the lock recipe of ZooKeeper's documentation.
 */
import { loadClient } from '../harness/clients.ts'

/** Of a node's data, as setData wants it; −1 is any. */
export type NodeVersion = number

interface Stat {
  readonly version: number
}

type Callback = (error: Error | null, ...results: never[]) => void

interface RequestHeader {
  type: number
}

interface Request {
  readonly header: RequestHeader
  toBuffer(): Buffer
}

/** What is used of the package. */
interface RawClient {
  readonly connectionManager: { queue(request: Request, callback: Callback): void }
  connect(): void
  close(): void
  once(event: 'connected', listener: () => void): void
  create(path: string, data: Buffer, mode: number, callback: Callback): void
  remove(path: string, callback: Callback): void
  exists(path: string, watcher: () => void, callback: Callback): void
  getChildren(path: string, callback: Callback): void
  getData(path: string, callback: Callback): void
  setData(path: string, data: Buffer, version: number, callback: Callback): void
}

interface ClientModule {
  readonly default: {
    createClient(servers: string, options: { sessionTimeout: number }): RawClient
    readonly CreateMode: { readonly PERSISTENT: number; readonly EPHEMERAL_SEQUENTIAL: number }
    readonly Exception: { readonly BAD_VERSION: number; readonly NODE_EXISTS: number }
  }
}

interface JuteModule {
  readonly default: {
    readonly OP_CODES: { readonly SYNC: number; readonly DELETE: number }
    readonly protocol: {
      readonly RequestHeader: new () => RequestHeader
      /** Of a path and nothing else, as SyncRequest is. */
      readonly GetACLRequest: new () => { path: string }
    }
    readonly Request: new (header: RequestHeader, payload: object) => Request
  }
}

const SESSION_MS = 10_000

export class ZooKeeperClient {
  readonly #raw: RawClient
  readonly #package: ClientModule['default']
  readonly #jute: JuteModule['default']

  private constructor(
    raw: RawClient,
    client: ClientModule['default'],
    jute: JuteModule['default'],
  ) {
    this.#raw = raw
    this.#package = client
    this.#jute = jute
  }

  /** `servers` as ZooKeeper writes them: host:port,host:port. */
  static async connect(servers: string): Promise<ZooKeeperClient> {
    const { default: client } = await loadClient<ClientModule>('node-zookeeper-client')
    const { default: jute } = await loadClient<JuteModule>(
      'node-zookeeper-client/lib/jute/index.js',
    )
    const raw = client.createClient(servers, { sessionTimeout: SESSION_MS })
    const connected = new Promise<void>((resolve) => raw.once('connected', resolve))
    raw.connect()
    await connected
    return new ZooKeeperClient(raw, client, jute)
  }

  /** Nothing happens when there is one already. */
  async ensure(path: string, data: Buffer): Promise<void> {
    const { CreateMode, Exception } = this.#package
    try {
      await promised((done) => this.#raw.create(path, data, CreateMode.PERSISTENT, done))
    } catch (error) {
      if (codeOf(error) !== Exception.NODE_EXISTS) throw error
    }
  }

  async set(path: string, data: Buffer): Promise<void> {
    await promised((done) => this.#raw.setData(path, data, -1, done))
  }

  /** False when the node has another version. */
  async setIf(path: string, data: Buffer, version: NodeVersion): Promise<boolean> {
    try {
      await promised((done) => this.#raw.setData(path, data, version, done))
      return true
    } catch (error) {
      if (codeOf(error) === this.#package.Exception.BAD_VERSION) return false
      throw error
    }
  }

  /**
   * What the node holds now, and not some time ago. The read is sent right behind the `sync`: a
   * server carries out what one session asks in order.
   */
  async syncedVersion(path: string): Promise<NodeVersion> {
    const synced = this.#sync(path)
    const read = promised((done) => this.#raw.getData(path, done))
    await synced
    const [, stat] = (await read) as [Buffer, Stat]
    return stat.version
  }

  /** Waits for the lock at `path` and gives it back: a sequence node, and a watch on the one before. */
  async lockAndRelease(path: string): Promise<void> {
    const { EPHEMERAL_SEQUENTIAL } = this.#package.CreateMode
    const [mine] = (await promised((done) =>
      this.#raw.create(`${path}/lock-`, Buffer.alloc(0), EPHEMERAL_SEQUENTIAL, done),
    )) as [string]
    const name = mine.slice(mine.lastIndexOf('/') + 1)
    for (;;) {
      const [children] = (await promised((done) => this.#raw.getChildren(path, done))) as [string[]]
      const before = children
        .filter((child) => child < name)
        .sort()
        .at(-1)
      if (before === undefined) break
      await this.#gone(`${path}/${before}`)
    }
    await promised((done) => this.#raw.remove(mine, done))
  }

  close(): void {
    this.#raw.close()
  }

  async #gone(path: string): Promise<void> {
    let wake: () => void = () => undefined
    const changed = new Promise<void>((resolve) => {
      wake = resolve
    })
    const [stat] = await promised((done) => this.#raw.exists(path, wake, done))
    if (stat !== null) await changed
  }

  /**
   * The package sends what it is given, but drops the connection at a reply of a type that it does
   * not know. So once it is written, the request says it was a delete, whose reply is as empty as
   * what we want to know of this one.
   */
  async #sync(path: string): Promise<void> {
    const jute = this.#jute
    const header = new jute.protocol.RequestHeader()
    header.type = jute.OP_CODES.SYNC
    const payload = new jute.protocol.GetACLRequest()
    payload.path = path
    const request = new jute.Request(header, payload)
    const toBuffer = request.toBuffer.bind(request)
    request.toBuffer = () => {
      header.type = jute.OP_CODES.SYNC
      const bytes = toBuffer()
      header.type = jute.OP_CODES.DELETE
      return bytes
    }
    await promised((done) => this.#raw.connectionManager.queue(request, done))
  }
}

function promised(start: (done: Callback) => void): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    start((error, ...results) => {
      if (error) reject(error)
      else resolve(results)
    })
  })
}

function codeOf(error: unknown): number | undefined {
  return (error as { code?: number }).code
}
