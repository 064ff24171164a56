/** etcd for sections that start it themselves, and so must see to its client too. */
import type { Bench } from '../harness/bench.ts'
import { installClients } from '../harness/clients.ts'
import { EtcdCluster } from './etcd.ts'

export async function startEtcd(bench: Bench): Promise<EtcdCluster> {
  const missing = installClients()
  if (missing !== null) throw new Error(missing)
  return EtcdCluster.start(bench)
}
