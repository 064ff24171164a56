/** ZooKeeper: three servers, their logs synced before an answer (forceSync, as by default). */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../harness/bench.ts'
import { type Child, until } from '../harness/children.ts'
import { versionOf } from '../harness/environment.ts'
import { fileNeed, programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Offer, Sizes, System } from '../harness/section.ts'
import { casLoop } from './cas-loop.ts'
import { ZooKeeperClient } from './zookeeper-client.ts'

const SERVERS = 3
const JAR = '/usr/share/java/zookeeper.jar'
/** As zkServer.sh has it. */
const HEAP = '-Xmx1000m'
const READY_MS = 60_000
const MAIN = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'

export const zookeeper: System = {
  name: 'zookeeper',
  title: 'ZooKeeper, three servers',
  needs: [fileNeed('zookeeper', JAR, 'zookeeper'), programNeed('java', 'default-jre-headless')],
  // The name behind the link: zookeeper-3.8.0.jar.
  clients: ['node-zookeeper-client'],
  version: () => {
    const java = versionOf('java', ['-version'], /version "([^"]+)"/)
    const own = /-([\d.]+)\.jar$/.exec(realpathSync(JAR))?.[1]
    return own === undefined ? null : `${own} on Java ${java}`
  },
  start: async (bench) => {
    const directory = bench.children.directory('zookeeper')
    const { servers, address } = await startServers(bench, directory)
    const client = await connected(address, servers)
    await client.ensure('/bench', Buffer.alloc(0))
    await client.ensure('/lock', Buffer.alloc(0))
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

async function startServers(
  bench: Bench,
  directory: string,
): Promise<{ servers: Child[]; address: string }> {
  const ports = await bench.children.freePorts(3 * SERVERS)
  const line = (i: number) => {
    const [quorum, election, client] = ports.slice(3 * i, 3 * i + 3)
    return `server.${i + 1}=127.0.0.1:${quorum}:${election};127.0.0.1:${client}`
  }
  const members = Array.from({ length: SERVERS }, (_, i) => line(i))
  const servers = members.map((_, i) => {
    const data = join(directory, `data${i + 1}`)
    const config = join(directory, `zoo${i + 1}.cfg`)
    mkdirSync(data)
    writeFileSync(join(data, 'myid'), `${i + 1}\n`)
    const settings = [
      'tickTime=2000',
      'initLimit=10',
      'syncLimit=5',
      `dataDir=${data}`,
      'admin.enableServer=false',
      ...members,
    ]
    writeFileSync(config, `${settings.join('\n')}\n`)
    const args = [HEAP, '-cp', `${JAR}:${directory}`, MAIN, config]
    return bench.children.spawn(`zookeeper ${i + 1}`, 'java', args)
  })
  writeFileSync(join(directory, 'log4j.properties'), 'log4j.rootLogger=OFF\n')
  const clients = members.map((member) => member.slice(member.indexOf(';') + 1))
  return { servers, address: clients.join(',') }
}

/** A connection to servers that have a leader. */
async function connected(address: string, servers: readonly Child[]): Promise<ZooKeeperClient> {
  const connecting = ZooKeeperClient.connect(address)
  const state = { client: null as ZooKeeperClient | null }
  connecting.then(
    (client) => {
      state.client = client
    },
    () => undefined,
  )
  await until(
    READY_MS,
    () => state.client !== null,
    () => `ZooKeeper has no leader:\n${servers.map(({ output }) => output).join('\n')}`,
  )
  return await connecting
}

function offersOf(bench: Bench, client: ZooKeeperClient): Offer[] {
  const filled = async ({ keys, valueBytes }: Sizes) => {
    const value = Buffer.from(bench.random.text(valueBytes))
    await pipelined(keys, 64, async (i) => {
      await client.ensure(`/bench/${i}`, value)
      await client.set(`/bench/${i}`, value)
    })
    return value
  }
  return [
    {
      work: 'write',
      what: 'ZooKeeper setData',
      prepare: async (sizes) => {
        const value = await filled(sizes)
        return (i) => client.set(`/bench/${i % sizes.keys}`, value)
      },
    },
    {
      work: 'read',
      what: 'ZooKeeper sync, getData',
      prepare: async (sizes) => {
        await filled(sizes)
        return (i) => client.syncedVersion(`/bench/${i % sizes.keys}`)
      },
    },
    {
      work: 'cas',
      what: 'ZooKeeper sync, getData, setData',
      prepare: async (sizes) => {
        const value = await filled(sizes)
        const store = {
          read: (path: string) => client.syncedVersion(path),
          cas: (path: string, version: number) => client.setIf(path, value, version),
        }
        return casLoop(store, (i) => `/bench/${i % sizes.keys}`, '')
      },
    },
    {
      work: 'lock',
      what: 'ZooKeeper lock recipe',
      prepare: () => Promise.resolve(() => client.lockAndRelease('/lock')),
    },
  ]
}
