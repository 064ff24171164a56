/**
 * Three of our daemons; the client is connected to the first, and the second is lost. The store has
 * no leader: every daemon is a replica of every key. A register has one that proposes, the first
 * of its key's replicas that is alive, so the registers written here are those of the second daemon.
 */
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'
import { type FailOverCluster, KEYS, type Subject, VALUE } from './fail-over-cluster.ts'

const REGISTERS_TRIED = 60

export async function startAtollTrio(bench: Bench): Promise<FailOverCluster> {
  const mesh = await Mesh.start(bench.children, 3)
  const [first, victim] = mesh.daemons as [Daemon, Daemon]
  const client = await first.connect()
  await pipelined(KEYS, 16, (i) => client.call('kv.put', { key: keyAt(i), value: VALUE }))
  const registers = await registersOf(client, victim)
  return {
    subjects: [...storeSubjects(client), ...registerSubjects(client, registers ?? [])],
    notes: registers === null ? ['These daemons have no registers (reg.set): left out.'] : [],
    strike: (fault) => victim.signal(fault),
    resume: () => victim.signal('SIGCONT'),
    stop: async () => {
      client.close()
      await mesh.stop()
    },
  }
}

function storeSubjects(client: RpcConnection): Subject[] {
  return [
    {
      work: 'write',
      what: 'atoll kv put (quorum)',
      operation: (i) => client.call('kv.put', { key: keyAt(i), value: VALUE, write: 'quorum' }),
    },
    {
      work: 'read',
      what: 'atoll kv get (quorum)',
      operation: (i) => client.call('kv.get', { key: keyAt(i), read: 'quorum' }),
    },
  ]
}

function registerSubjects(client: RpcConnection, keys: readonly string[]): Subject[] {
  if (keys.length === 0) return []
  const key = (i: number) => keys[i % keys.length]
  return [
    {
      work: 'write',
      what: 'atoll reg set',
      operation: (i) => client.call('reg.set', { key: key(i), value: VALUE }),
    },
    {
      work: 'read',
      what: 'atoll reg get',
      operation: (i) => client.call('reg.get', { key: key(i) }),
    },
  ]
}

/** Registers that the victim proposes for, written once; null when there are no registers. */
async function registersOf(client: RpcConnection, victim: Daemon): Promise<string[] | null> {
  const { methods } = await client.call<{ readonly methods: readonly { readonly name: string }[] }>(
    'rpc.discover',
    {},
  )
  const offered = new Set(methods.map(({ name }) => name))
  if (!offered.has('reg.set') || !offered.has('reg.get')) return null
  const keys: string[] = []
  await pipelined(REGISTERS_TRIED, 8, async (i) => {
    const key = `register/${i}`
    const { replicas } = await client.call<{
      readonly replicas: readonly { readonly name: string }[]
    }>('explain', { key })
    if (replicas[0]?.name === victim.name) keys.push(key)
  })
  if (keys.length === 0) throw new Error(`no register of ${victim.name} found`)
  await pipelined(keys.length, 8, (i) => client.call('reg.set', { key: keys[i], value: VALUE }))
  return keys
}

function keyAt(i: number): string {
  return `bench/${i % KEYS}`
}
