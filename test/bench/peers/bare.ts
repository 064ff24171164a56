/** The limit: what Node, sockets and disks give to three processes that do nothing else. */
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Bench } from '../harness/bench.ts'
import type { Child } from '../harness/children.ts'
import type { Offer, System } from '../harness/section.ts'
import { frame, FrameWriter, readFrames } from './bare-frames.ts'
import { READ, WRITE } from './bare-protocol.ts'

const PROGRAM = join(import.meta.dirname, 'bare-server.ts')
const SERVERS = 3
const READY_MS = 10_000

class BareClient {
  readonly #socket: Socket
  readonly #writer: FrameWriter
  readonly #waiting = new Map<number, () => void>()
  #next = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#writer = new FrameWriter(socket.setNoDelay())
    readFrames(socket, (id) => {
      this.#waiting.get(id)?.()
      this.#waiting.delete(id)
    })
  }

  static open(port: number): Promise<BareClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('connect', () => resolve(new BareClient(socket)))
    })
  }

  request(kind: number, body: Uint8Array): Promise<void> {
    const id = this.#next++
    this.#writer.send(frame(id, kind, body))
    return new Promise((resolve) => this.#waiting.set(id, resolve))
  }

  close(): void {
    this.#socket.destroy()
  }
}

export const bare: System = {
  name: 'bare',
  title: 'bare node:net and fdatasync, three processes',
  needs: [],
  clients: [],
  version: () => null,
  start: async (bench) => {
    const directory = bench.children.directory('bare')
    const ports = await bench.children.freePorts(SERVERS)
    const [leader = 0, ...followers] = ports
    const start = (port: number, more: readonly number[]) =>
      bench.children.spawn(`bare ${port}`, process.execPath, [
        PROGRAM,
        String(port),
        join(directory, `${port}.log`),
        ...more.map(String),
      ])
    const servers = followers.map((port) => start(port, []))
    // The first one connects to the others when it starts.
    for (const [i, server] of servers.entries()) (await opened(followers[i] ?? 0, server)).close()
    servers.push(start(leader, followers))
    const client = await opened(leader, servers.at(-1))
    return {
      offers: offersOf(bench, client),
      pids: () => servers.map(({ pid }) => pid),
      stop: async () => {
        client.close()
        await Promise.all(servers.map((server) => server.signal('SIGKILL')))
        bench.children.remove(directory)
      },
    }
  },
}

async function opened(port: number, server: Child | undefined): Promise<BareClient> {
  const end = performance.now() + READY_MS
  for (;;) {
    try {
      return await BareClient.open(port)
    } catch (error) {
      if (performance.now() > end)
        throw new Error(`no answer:\n${server?.output}`, { cause: error })
      await delay(20)
    }
  }
}

function offersOf(bench: Bench, client: BareClient): Offer[] {
  return [
    {
      work: 'write',
      what: 'bare append, 2 of 3 synced',
      prepare: ({ valueBytes }) => {
        const value = Buffer.from(bench.random.text(valueBytes))
        return Promise.resolve(() => client.request(WRITE, value))
      },
    },
    {
      work: 'read',
      what: 'bare round to 2 of 3',
      prepare: async ({ valueBytes }) => {
        await client.request(WRITE, Buffer.from(bench.random.text(valueBytes)))
        const nothing = Buffer.alloc(0)
        return () => client.request(READ, nothing)
      },
    },
  ]
}
