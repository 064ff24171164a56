/** Redis: one server, every write synced before its answer. The yardstick of one disk, not of three. */
import type { Bench } from '../harness/bench.ts'
import { until } from '../harness/children.ts'
import { loadClient } from '../harness/clients.ts'
import { versionOf } from '../harness/environment.ts'
import { programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, System } from '../harness/section.ts'

const READY_MS = 10_000

/** What is used of the package `ioredis`. */
interface RedisClient {
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
  on(event: 'error', listener: () => void): void
  disconnect(): void
}

interface RedisModule {
  readonly Redis: new (port: number, host: string) => RedisClient
}

export const redis: System = {
  name: 'redis',
  title: 'Redis, one server, appendfsync always',
  needs: [programNeed('redis-server', 'redis-server')],
  clients: ['ioredis'],
  version: () => versionOf('redis-server', ['--version'], / v=(\S+)/),
  start: async (bench) => {
    const directory = bench.children.directory('redis')
    const port = await bench.children.freePort()
    const settings = {
      bind: '127.0.0.1',
      port: String(port),
      dir: directory,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const server = bench.children.spawn('redis', 'redis-server', args)
    const { Redis } = await loadClient<RedisModule>('ioredis')
    const client = new Redis(port, '127.0.0.1')
    // It connects again by itself.
    client.on('error', () => undefined)
    const write = async () => (await client.set('ready', 'yes')) !== null
    await until(READY_MS, write, () => `Redis does not answer:\n${server.output}`)
    return {
      offers: offersOf(bench, client),
      pids: () => [server.pid],
      stop: async () => {
        client.disconnect()
        await server.signal('SIGKILL')
        bench.children.remove(directory)
      },
    }
  },
}

function offersOf(bench: Bench, client: RedisClient): Offer[] {
  return [
    {
      work: 'write',
      what: 'Redis set (one disk)',
      prepare: ({ keys, valueBytes }) => {
        const value = bench.random.text(valueBytes)
        return Promise.resolve((i) => client.set(`bench/${i % keys}`, value))
      },
    },
    {
      work: 'read',
      what: 'Redis get (one server)',
      prepare: async ({ keys, valueBytes }) => {
        const value = bench.random.text(valueBytes)
        await pipelined(keys, 64, (i) => client.set(`bench/${i}`, value))
        return (i) => client.get(`bench/${i % keys}`)
      },
    },
  ]
}
