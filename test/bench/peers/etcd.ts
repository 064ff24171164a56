/** etcd: three members, each with its own log, synced before an answer as it is by default. */
import { join } from 'node:path'
import type { Bench } from '../harness/bench.ts'
import { type Child, until } from '../harness/children.ts'
import { loadClient } from '../harness/clients.ts'
import { versionOf } from '../harness/environment.ts'
import { programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, Sizes, System } from '../harness/section.ts'
import { casLoop } from './cas-loop.ts'
import { FanOut } from './fan-out.ts'

const MEMBERS = 3
const READY_MS = 30_000

export const etcd: System = {
  name: 'etcd',
  title: 'etcd, three members',
  needs: [programNeed('etcd', 'etcd-server')],
  clients: ['etcd3'],
  version: () => versionOf('etcd', ['--version'], /Version: (\S+)/),
  start: async (bench) => {
    const cluster = await EtcdCluster.start(bench)
    const client = await cluster.client()
    return {
      offers: offersOf(bench, client),
      pids: () => cluster.members.map(({ pid }) => pid),
      stop: async () => {
        client.close()
        await cluster.stop()
      },
    }
  },
}

/** What is used of the package `etcd3`. */
export interface EtcdClient {
  put(key: string): { value(value: string): Promise<unknown> }
  get(key: string): Promise<string | null> & {
    exec(): Promise<{ kvs: { mod_revision: string }[] }>
  }
  watch(): { key(key: string): { create(): Promise<EtcdWatcher> } }
  if(key: string, column: 'Mod', compare: '==', value: string): EtcdTransaction
  close(): void
}

interface EtcdWatcher {
  on(event: 'put', listener: () => void): void
}

interface EtcdTransaction {
  then(...operations: unknown[]): { commit(): Promise<{ succeeded: boolean }> }
}

interface EtcdModule {
  Etcd3: new (options: object) => EtcdClient
}

export class EtcdCluster {
  /** By the order of `endpoints`. */
  readonly members: Child[] = []
  readonly endpoints: string[] = []
  readonly #bench: Bench
  readonly #directory: string

  private constructor(bench: Bench) {
    this.#bench = bench
    this.#directory = bench.children.directory('etcd')
  }

  static async start(bench: Bench): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(bench)
    const ports = await bench.children.freePorts(2 * MEMBERS)
    const urls = ports.map((port) => `http://127.0.0.1:${port}`)
    const [clients, peers] = [urls.slice(0, MEMBERS), urls.slice(MEMBERS)]
    cluster.endpoints.push(...clients)
    const initial = peers.map((url, i) => `m${i + 1}=${url}`).join(',')
    for (const [i, url] of clients.entries()) {
      cluster.#startMember(i, url, peers[i] ?? '', initial)
    }
    const client = await cluster.client()
    try {
      const write = async () => {
        await client.put('ready').value('yes')
        return true
      }
      await until(READY_MS, write, () => `etcd has no leader:\n${cluster.members[0]?.output}`)
    } finally {
      client.close()
    }
    return cluster
  }

  /** `more` are options of etcd3. */
  async client(more: object = {}): Promise<EtcdClient> {
    const { Etcd3 } = await loadClient<EtcdModule>('etcd3')
    return new Etcd3({ hosts: this.endpoints, ...more })
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.signal('SIGKILL')))
    this.#bench.children.remove(this.#directory)
  }

  #startMember(i: number, client: string, peer: string, initial: string): void {
    const name = `m${i + 1}`
    const args = {
      name,
      'data-dir': join(this.#directory, name),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': initial,
      'initial-cluster-token': this.#directory,
      'log-level': 'error',
      logger: 'zap',
      // The default of 2 GB is less than what larger values come to.
      'quota-backend-bytes': String(8 * 2 ** 30),
    }
    const flags = Object.entries(args).flatMap(([flag, value]) => [`--${flag}`, value])
    this.members.push(this.#bench.children.spawn(`etcd ${name}`, 'etcd', flags))
  }
}

function offersOf(bench: Bench, client: EtcdClient): Offer[] {
  const filled = async ({ keys, valueBytes }: Sizes) => {
    const value = bench.random.text(valueBytes)
    await pipelined(keys, 64, (i) => client.put(`bench/${i}`).value(value))
    return value
  }
  return [
    {
      work: 'write',
      what: 'etcd put',
      prepare: ({ keys, valueBytes }) => {
        const value = bench.random.text(valueBytes)
        return Promise.resolve((i) => client.put(`bench/${i % keys}`).value(value))
      },
    },
    {
      work: 'read',
      what: 'etcd get (linearizable)',
      prepare: async (sizes) => {
        await filled(sizes)
        return (i) => client.get(`bench/${i % sizes.keys}`)
      },
    },
    {
      work: 'cas',
      what: 'etcd get, txn',
      prepare: async (sizes) => {
        const value = await filled(sizes)
        const read = async (key: string) =>
          (await client.get(key).exec()).kvs[0]?.mod_revision ?? '0'
        const cas = async (key: string, revision: string) => {
          const put = client.put(key).value(value)
          return (await client.if(key, 'Mod', '==', revision).then(put).commit()).succeeded
        }
        return casLoop({ read, cas }, (i) => `bench/${i % sizes.keys}`, value)
      },
    },
    {
      work: 'fan-out',
      what: 'etcd put → watchers',
      prepare: async ({ keys: watchers }) => {
        const fan = new FanOut(watchers)
        await pipelined(watchers, 64, async () => {
          const watcher = await client.watch().key('watched').create()
          watcher.on('put', () => fan.heard())
        })
        return fan.operation((value) => client.put('watched').value(value))
      },
    },
  ]
}
