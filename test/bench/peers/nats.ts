/**
 * NATS JetStream's key-value store: three servers, three replicas, files. It answers once a majority
 * has written, not synced: a power loss of all may take what was acknowledged.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../harness/bench.ts'
import { type Child, until } from '../harness/children.ts'
import { loadClient } from '../harness/clients.ts'
import { versionOf } from '../harness/environment.ts'
import { findProgram, programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, Sizes, System } from '../harness/section.ts'
import { casLoop } from './cas-loop.ts'

const SERVERS = 3
const READY_MS = 30_000
const PROGRAM = 'nats-server'

/** What is used of the packages `@nats-io/…`. */
interface Kv {
  put(key: string, value: string): Promise<number>
  get(key: string): Promise<{ readonly revision: number } | null>
  update(key: string, value: string, revision: number): Promise<number>
}

interface Connection {
  close(): Promise<void>
}

interface TransportModule {
  connect(options: object): Promise<Connection>
}

interface KvModule {
  readonly Kvm: new (
    connection: Connection,
  ) => {
    create(bucket: string, options: object): Promise<Kv>
  }
}

export const nats: System = {
  name: 'nats',
  title: 'NATS JetStream KV, three servers, R3, files',
  needs: [programNeed(PROGRAM, 'nats-server')],
  clients: ['@nats-io/transport-node', '@nats-io/jetstream', '@nats-io/kv'],
  version: () => versionOf(PROGRAM, ['--version'], / v(\S+)/),
  start: async (bench) => {
    const directory = bench.children.directory('nats')
    const { servers, ports } = await startServers(bench, directory)
    const transport = await loadClient<TransportModule>('@nats-io/transport-node')
    const { Kvm } = await loadClient<KvModule>('@nats-io/kv')
    const options = {
      servers: ports.map((port) => `127.0.0.1:${port}`),
      waitOnFirstConnect: true,
      reconnectTimeWait: 100,
    }
    const connection = await transport.connect(options)
    const bucket: { kv: Kv | null } = { kv: null }
    const create = async () => {
      bucket.kv = await new Kvm(connection).create('bench', { replicas: SERVERS, storage: 'file' })
      return (await bucket.kv.put('ready', 'yes')) > 0
    }
    await until(READY_MS, create, () => `NATS has no leader:\n${servers[0]?.output}`)
    if (bucket.kv === null) throw new Error('NATS gave no bucket')
    return {
      offers: offersOf(bench, bucket.kv),
      pids: () => servers.map(({ pid }) => pid),
      stop: async () => {
        await connection.close()
        await Promise.all(servers.map((server) => server.signal('SIGKILL')))
        bench.children.remove(directory)
      },
    }
  },
}

function program(): string {
  return findProgram(PROGRAM) ?? PROGRAM
}

async function startServers(
  bench: Bench,
  directory: string,
): Promise<{ servers: Child[]; ports: number[] }> {
  const all = await bench.children.freePorts(2 * SERVERS)
  const [ports, routes] = [all.slice(0, SERVERS), all.slice(SERVERS)]
  const urls = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
  const servers = ports.map((port, i) => {
    const name = `n${i + 1}`
    const config = join(directory, `${name}.conf`)
    writeFileSync(
      config,
      `server_name: ${name}
listen: "127.0.0.1:${port}"
jetstream { store_dir: "${join(directory, name)}" }
cluster { name: bench, listen: "127.0.0.1:${routes[i]}", routes: [${urls}] }
`,
    )
    return bench.children.spawn(`nats ${name}`, program(), ['--config', config])
  })
  return { servers, ports }
}

function offersOf(bench: Bench, kv: Kv): Offer[] {
  const filled = async ({ keys, valueBytes }: Sizes) => {
    const value = bench.random.text(valueBytes)
    await pipelined(keys, 64, (i) => kv.put(`bench.${i}`, value))
    return value
  }
  return [
    {
      work: 'write',
      what: 'NATS KV put (no fsync per ack)',
      prepare: ({ keys, valueBytes }) => {
        const value = bench.random.text(valueBytes)
        return Promise.resolve((i) => kv.put(`bench.${i % keys}`, value))
      },
    },
    {
      work: 'read',
      what: 'NATS KV get (any replica)',
      prepare: async (sizes) => {
        await filled(sizes)
        return (i) => kv.get(`bench.${i % sizes.keys}`)
      },
    },
    {
      work: 'cas',
      what: 'NATS KV get, update (no fsync per ack)',
      prepare: async (sizes) => {
        const value = await filled(sizes)
        const read = async (key: string) => (await kv.get(key))?.revision ?? 0
        const cas = (key: string, revision: number) =>
          kv.update(key, value, revision).then(
            () => true,
            (error: unknown) => {
              if (String(error).includes('wrong last sequence')) return false
              throw error
            },
          )
        return casLoop({ read, cas }, (i) => `bench.${i % sizes.keys}`, value)
      },
    },
  ]
}
