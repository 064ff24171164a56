/** etcd for sections that start it themselves, and so must see to its client too. */
import type { Bench } from '../harness/bench.ts'
import { clientVersions, installClients } from '../harness/clients.ts'
import { etcd, EtcdCluster } from './etcd.ts'

export async function startEtcd(bench: Bench): Promise<EtcdCluster> {
  const missing = installClients()
  if (missing !== null) throw new Error(missing)
  return EtcdCluster.start(bench)
}

/** Of the servers and of the client, for the notes of a report. */
export function etcdVersions(): string {
  return `etcd ${etcd.version()}, client etcd3 ${clientVersions()['etcd3']}.`
}
