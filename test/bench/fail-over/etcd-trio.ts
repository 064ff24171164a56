/**
 * Three etcd members of which the leader is lost. Two clients: `etcd3` as it comes, with all three
 * endpoints; and one as good as it can be made, with a deadline of a second, without the circuit
 * breaker, and only the endpoint of a member that stays.
 */
import type { Bench } from '../harness/bench.ts'
import type { Child } from '../harness/children.ts'
import { loadClient } from '../harness/clients.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { EtcdClient } from '../peers/etcd.ts'
import { startEtcd } from '../peers/start-etcd.ts'
import { type FailOverCluster, KEYS, type Subject, VALUE } from './fail-over-cluster.ts'

const DEADLINE_MS = 1_000

export async function startEtcdTrio(bench: Bench): Promise<FailOverCluster> {
  const cluster = await startEtcd(bench)
  const leader = await leaderOf(cluster.endpoints)
  const victim = cluster.members[leader] as Child
  const stays = cluster.endpoints[(leader + 1) % cluster.endpoints.length]
  const usual = await cluster.client()
  const { noop } = await loadClient<{ readonly noop: unknown }>('cockatiel')
  const tuned = await cluster.client({
    hosts: stays,
    defaultCallOptions: ({ isStream }: { isStream: boolean }) =>
      isStream ? {} : { deadline: Date.now() + DEADLINE_MS },
    faultHandling: { host: () => noop },
  })
  await pipelined(KEYS, 16, (i) => usual.put(keyAt(i)).value(VALUE))
  return {
    subjects: [...subjectsOf('defaults', usual), ...subjectsOf('tuned', tuned)],
    notes: [
      'Of etcd the leader is lost. Tuned: a deadline of 1 s, no circuit breaker, and only the ' +
        'endpoint of a member that stays.',
    ],
    strike: (fault) => victim.signal(fault),
    resume: () => victim.signal('SIGCONT'),
    stop: async () => {
      usual.close()
      tuned.close()
      await cluster.stop()
    },
  }
}

function subjectsOf(name: string, client: EtcdClient): Subject[] {
  return [
    {
      work: 'write',
      what: `etcd put (${name})`,
      operation: (i) => client.put(keyAt(i)).value(VALUE),
    },
    { work: 'read', what: `etcd get (${name})`, operation: (i) => client.get(keyAt(i)) },
  ]
}

function keyAt(i: number): string {
  return `bench/${i % KEYS}`
}

/** Its place among the endpoints. */
async function leaderOf(endpoints: readonly string[]): Promise<number> {
  for (const [i, endpoint] of endpoints.entries()) {
    const response = await fetch(`${endpoint}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
    })
    const status = (await response.json()) as {
      readonly leader: string
      readonly header: { readonly member_id: string }
    }
    if (status.leader === status.header.member_id) return i
  }
  throw new Error('etcd has no leader')
}
