/**
 * How a node comes to belong to a cluster: it founds one, or is admitted to one by a ticket.
 * Either ends with the cluster file, the last thing written: before it, the directory is unclaimed
 * and a new attempt starts over.
 */
import { AtollError } from '../base/errors.ts'
import type { Database, Write } from '../disk/database.ts'
import { AdmissionKey } from '../mesh/admission-key.ts'
import { issueCertificate, validityFrom } from '../mesh/certificate.ts'
import { joinCluster } from '../mesh/join.ts'
import { decodeTicket } from '../mesh/ticket.ts'
import type { Seams } from '../seams/seams.ts'
import { decodeTopology } from '../topology/codec.ts'
import { genesisTopology } from '../topology/genesis.ts'
import type { Topology } from '../topology/topology.ts'
import type { ClusterFile } from './cluster-file.ts'
import type { NodeConfig } from './config.ts'
import type { Identity } from './identity.ts'

export interface Claim {
  readonly file: ClusterFile
  /** null when whoever admitted us knew none yet. */
  readonly topology: Topology | null
}

const KEY_BYTES = 32
/** What a cluster may have put into the database; the counter of dots stays. */
const CLUSTER_PREFIXES = ['gc/', 'kv/', 'mesh/', 'paxos/', 'reg/', 'swim/', 'ticket/', 'topology/']
const ERASE_BATCH = 256

/** Founds a cluster of one. */
export function foundCluster(
  config: NodeConfig,
  identity: Identity,
  seams: Seams,
): Claim & { readonly topology: Topology } {
  const key = new AdmissionKey(seams.random.bytes(KEY_BYTES))
  const times = validityFrom(seams.clock.wallMs())
  const facts = { peer: identity.peer, role: 'member', ...times } as const
  const { clusterId } = key
  const file: ClusterFile = {
    clusterId,
    networkKey: seams.random.bytes(KEY_BYTES),
    role: 'member',
    certificate: issueCertificate(key, facts),
    admissionSeed: key.seed,
    contacts: [],
  }
  const { name, zone, capacity, announce, partitions, replicationFactor } = config
  const { storageId, peer } = identity
  const founder = { storageId, id: peer, name, addresses: announce, zone, capacity }
  return { file, topology: genesisTopology({ clusterId, founder, partitions, replicationFactor }) }
}

/** Is admitted by a member that the ticket names. Rejects as `joinCluster` and `decodeTicket` do. */
export async function redeemTicket(
  text: string,
  config: NodeConfig,
  identity: Identity,
  seams: Seams,
  signal: AbortSignal | undefined,
): Promise<Claim> {
  const ticket = decodeTicket(text)
  const { clusterId, networkKey } = ticket
  const { role } = ticket.grant
  if (role === 'member' && config.dataDir === null) {
    throw new AtollError('UNSUPPORTED', 'the ticket admits a member, which keeps data', {
      hint: 'give it a data directory, or ask for a ticket with: atoll ticket create --role edge',
    })
  }
  const { listen, announce, name } = config
  const { privateKeySeed } = identity
  const network = seams.network({ privateKeySeed, networkKey, listen, announce })
  await network.start((link) => {
    // Nobody knows this node yet: whoever calls has the wrong number.
    link.open({ onFrame: () => {}, onDrain: () => {}, onClose: () => {} })
    link.abort()
  })
  try {
    const storageId = role === 'edge' ? '' : identity.storageId
    const admission = await joinCluster({
      network,
      clock: seams.clock,
      ticket,
      self: { storageId, name, role },
      ...(signal !== undefined && { signal }),
    })
    const { certificate, admissionSeed, contacts } = admission
    const known = [...ticket.contacts, ...contacts]
    const file = { clusterId, networkKey, role, certificate, admissionSeed, contacts: known }
    const topology = admission.topology.length === 0 ? null : decodeTopology(admission.topology)
    return { file, topology }
  } finally {
    await network.stop()
  }
}

/** Whether the database holds anything of a cluster. */
export async function holdsClusterData(database: Database): Promise<boolean> {
  for (const prefix of CLUSTER_PREFIXES) {
    const range = { from: prefix, to: endOf(prefix), limit: 1 }
    for await (const _ of database.scan(range)) return true
  }
  return false
}

/** Removes what an earlier cluster left in the database. */
export async function eraseClusterData(database: Database): Promise<void> {
  for (const prefix of CLUSTER_PREFIXES) {
    for (;;) {
      const writes: Write[] = []
      const range = { from: prefix, to: endOf(prefix), limit: ERASE_BATCH }
      for await (const [key] of database.scan(range)) writes.push({ key, value: null })
      if (writes.length === 0) break
      await database.commit(writes)
    }
  }
}

/** '0' is the character after '/'. */
function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`
}
