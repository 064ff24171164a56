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
    subjects: [
      ...storeSubjects(client),
      ...(registers === null ? [] : registerSubjects(client, registers)),
    ],
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

/** Keys of registers, by whether the daemon that is lost proposes for them. */
interface Registers {
  readonly ofTheLost: readonly string[]
  readonly ofOthers: readonly string[]
}

function registerSubjects(client: RpcConnection, { ofTheLost, ofOthers }: Registers): Subject[] {
  const set = (keys: readonly string[]) => (i: number) =>
    client.call('reg.set', { key: keys[i % keys.length], value: VALUE })
  const get = (keys: readonly string[]) => (i: number) =>
    client.call('reg.get', { key: keys[i % keys.length] })
  return [
    { work: 'write', what: 'atoll reg set (proposer lost)', operation: set(ofTheLost) },
    { work: 'write', what: 'atoll reg set (other keys)', operation: set(ofOthers) },
    { work: 'read', what: 'atoll reg get (proposer lost)', operation: get(ofTheLost) },
  ]
}

/** Written once; null when these daemons have no registers. */
async function registersOf(client: RpcConnection, victim: Daemon): Promise<Registers | null> {
  const { methods } = await client.call<{ readonly methods: readonly { readonly name: string }[] }>(
    'rpc.discover',
    {},
  )
  const offered = new Set(methods.map(({ name }) => name))
  if (!offered.has('reg.set') || !offered.has('reg.get')) return null
  const ofTheLost: string[] = []
  const ofOthers: string[] = []
  await pipelined(REGISTERS_TRIED, 8, async (i) => {
    const key = `register/${i}`
    const { replicas } = await client.call<{
      readonly replicas: readonly { readonly name: string }[]
    }>('explain', { key })
    const keys = replicas[0]?.name === victim.name ? ofTheLost : ofOthers
    keys.push(key)
    await client.call('reg.set', { key, value: VALUE })
  })
  if (ofTheLost.length === 0 || ofOthers.length === 0) {
    throw new Error(`${victim.name} proposes for all registers, or for none`)
  }
  return { ofTheLost, ofOthers }
}

function keyAt(i: number): string {
  return `bench/${i % KEYS}`
}
