/**
 * Three of our daemons, of which the one is lost that is the first replica of the most registers;
 * clients are connected to the two others. The store has no leader: every daemon is a replica of
 * every key. A register is proposed by the daemon of its caller while nobody else changes it; those
 * that are changed through two daemons are handed to their first replica, so they lose the most.
 */
import type { Bench } from '../harness/bench.ts'
import { pipelined } from '../harness/pipelined.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'
import { type FailOverCluster, KEYS, type Subject, VALUE } from './fail-over-cluster.ts'

const REGISTERS = 60

export async function startAtollTrio(bench: Bench): Promise<FailOverCluster> {
  const mesh = await Mesh.start(bench.children, 3)
  const [founder, second] = mesh.daemons as [Daemon, Daemon]
  const firsts = await firstReplicas(founder)
  const victim = mesh.daemons.find(({ name }) => name === mostFrequent(firsts)) ?? second
  const others = mesh.daemons.filter((daemon) => daemon !== victim)
  const clients = await Promise.all(others.map((daemon) => daemon.connect()))
  const [client, rival] = clients as [RpcConnection, RpcConnection]
  await pipelined(KEYS, 16, (i) => client.call('kv.put', { key: keyAt(i), value: VALUE }))
  const handed = [...firsts].flatMap(([key, name]) => (name === victim.name ? [key] : []))
  const registers = handed.length === 0 ? [] : registerSubjects(client, rival, handed)
  for (const { operation } of registers) await operation(0)
  return {
    subjects: [...storeSubjects(client), ...registers],
    notes: [
      handed.length === 0
        ? 'These daemons have no registers (reg.set): left out.'
        : 'reg set (two writers): keys changed through two daemons in turn, which the lost one ' +
          'proposes for; other registers are proposed by the daemon of their caller.',
    ],
    strike: (fault) => victim.signal(fault),
    resume: () => victim.signal('SIGCONT'),
    stop: async () => {
      for (const each of clients) each.close()
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

function registerSubjects(
  client: RpcConnection,
  rival: RpcConnection,
  handed: readonly string[],
): Subject[] {
  const own = (i: number) => `own/${i % KEYS}`
  return [
    {
      work: 'write',
      what: 'atoll reg set',
      operation: (i) => client.call('reg.set', { key: own(i), value: VALUE }),
    },
    {
      work: 'write',
      what: 'atoll reg set (two writers)',
      operation: (i) => {
        const key = handed[Math.floor(i / 2) % handed.length]
        return (i % 2 === 0 ? client : rival).call('reg.set', { key, value: VALUE })
      },
    },
    {
      work: 'read',
      what: 'atoll reg get',
      operation: (i) => client.call('reg.get', { key: own(i) }),
    },
  ]
}

/** Names of the first replicas of some keys; empty when there are no registers. */
async function firstReplicas(daemon: Daemon): Promise<Map<string, string>> {
  const firsts = new Map<string, string>()
  const { methods } = await daemon.call<{ methods: readonly { name: string }[] }>('rpc.discover')
  const offered = new Set(methods.map(({ name }) => name))
  if (!offered.has('reg.set') || !offered.has('reg.get')) return firsts
  const client = await daemon.connect()
  await pipelined(REGISTERS, 8, async (i) => {
    const key = `shared/${i}`
    const { replicas } = await client.call<{ replicas: readonly { name: string }[] }>('explain', {
      key,
    })
    firsts.set(key, replicas[0]?.name ?? '')
  })
  client.close()
  return firsts
}

function mostFrequent(names: ReadonlyMap<string, string>): string | null {
  const counts = new Map<string, number>()
  for (const name of names.values()) counts.set(name, (counts.get(name) ?? 0) + 1)
  const [most] = [...counts].sort(([, a], [, b]) => b - a)
  return most?.[0] ?? null
}

function keyAt(i: number): string {
  return `bench/${i % KEYS}`
}
