/**
 * What makes a data directory part of a cluster: the private network's key, the certificate that
 * admits this node, and, on members, the key that admits others.
 */
import { utf8 } from '../base/bytes.ts'
import { type ClusterId, ID_BYTES_MAX } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { CERTIFICATE_BYTES_MAX } from '../mesh/certificate.ts'
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX } from '../mesh/limits.ts'
import type { Role } from '../mesh/mesh.ts'
import type { Contact } from '../mesh/ticket.ts'
import type { Storage } from '../seams/storage.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { damaged, readSealed, writeSealed } from './sealed-file.ts'

export interface ClusterFile {
  readonly clusterId: ClusterId
  readonly networkKey: Uint8Array
  readonly role: Role
  /** Encoded admission certificate of this node. */
  readonly certificate: Uint8Array
  /** Seed of the cluster's admission key; null on an edge. */
  readonly admissionSeed: Uint8Array | null
  /** Where others were when this node joined; membership's snapshot knows better later. */
  readonly contacts: readonly Contact[]
}

/** Name of the file in the data directory. */
export const CLUSTER_FILE = 'cluster'
/** In the database: that there is such a file. Without it a lost file would look like no claim. */
const CLAIMED_KEY = 'node/claimed'
const KEY_BYTES = 32
const CONTACTS_MAX = 64

/** null when the directory belongs to no cluster. Rejects with DISK_DAMAGED. */
export async function readClusterFile(
  storage: Storage,
  database: Database,
): Promise<ClusterFile | null> {
  const body = await readSealed(storage, CLUSTER_FILE)
  const claimed = database.get(CLAIMED_KEY) !== undefined
  if (body === null) {
    if (claimed) throw damaged(CLUSTER_FILE)
    return null
  }
  // A claim was cut off after its file.
  if (!claimed) await setClaimed(database, true)
  try {
    return decode(new WireReader(body))
  } catch (error) {
    throw error instanceof WireError ? damaged(CLUSTER_FILE) : error
  }
}

/** Once it is durable the directory belongs to the cluster. */
export async function writeClusterFile(
  storage: Storage,
  database: Database,
  file: ClusterFile,
): Promise<void> {
  await writeSealed(storage, CLUSTER_FILE, encode(file))
  try {
    await setClaimed(database, true)
  } catch (error) {
    // The claim has failed: the next start must not find it.
    await storage.remove(CLUSTER_FILE).catch(() => undefined)
    throw error
  }
}

/** From now on the directory belongs to no cluster. */
export async function removeClusterFile(storage: Storage, database: Database): Promise<void> {
  await setClaimed(database, false)
  await storage.remove(CLUSTER_FILE)
}

function setClaimed(database: Database, claimed: boolean): Promise<void> {
  return database.commit([{ key: CLAIMED_KEY, value: claimed ? utf8('1') : null }])
}

function encode(file: ClusterFile): Uint8Array {
  return new WireWriter()
    .string(file.clusterId)
    .bytes(file.networkKey)
    .bool(file.role === 'member')
    .bytes(file.certificate)
    .bytes(file.admissionSeed ?? new Uint8Array())
    .list(file.contacts.slice(0, CONTACTS_MAX), (to, { peer, addresses }) =>
      to.string(peer).list(addresses.slice(0, ADDRESSES_MAX), (each, text) => each.string(text)),
    )
    .finish()
}

function decode(from: WireReader): ClusterFile {
  const clusterId = from.string(ID_BYTES_MAX)
  const networkKey = from.bytes(KEY_BYTES)
  const role: Role = from.bool() ? 'member' : 'edge'
  const certificate = from.bytes(CERTIFICATE_BYTES_MAX)
  const seed = from.bytes(KEY_BYTES)
  const contacts = from.list(CONTACTS_MAX, (each) => ({
    peer: each.string(ID_BYTES_MAX),
    addresses: each.list(ADDRESSES_MAX, (address) => address.string(ADDRESS_BYTES_MAX)),
  }))
  const admissionSeed = seed.length === 0 ? null : seed
  return { clusterId, networkKey, role, certificate, admissionSeed, contacts }
}
