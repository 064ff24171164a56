/** Whether the replicas of each partition hold the same bytes, read from the disks of stopped nodes. */
import { openDatabase } from '../../../src/disk/log-database.ts'
import type { Clock } from '../../../src/seams/clock.ts'
import type { Log } from '../../../src/seams/log.ts'
import type { Storage } from '../../../src/seams/storage.ts'
import { decodeRecord, isDead } from '../../../src/store/record.ts'
import { partitionPrefix, STORE_RANGE, userKey } from '../../../src/store/place.ts'
import { storedTopology } from '../../../src/topology/stored-topology.ts'
import type { Topology } from '../../../src/topology/topology.ts'

export interface Stored {
  /** Of the member. */
  readonly name: string
  readonly topology: Topology
  /** Records by their name in the database. */
  readonly records: ReadonlyMap<string, Uint8Array>
}

/** Opens, reads and closes. */
export async function readStored(
  name: string,
  { storage, clock, log }: { storage: Storage; clock: Clock; log: Log },
): Promise<Stored> {
  const database = await openDatabase({ storage, clock, log })
  try {
    const stored = storedTopology(database)
    if (stored === null) throw new Error(`${name} has no topology`)
    const records = new Map<string, Uint8Array>()
    for await (const [key, record] of database.scan(STORE_RANGE)) records.set(key, record)
    return { name, topology: stored.topology, records }
  } finally {
    await database.close()
    await storage.close()
  }
}

export interface Comparison {
  readonly records: number
  /** Keys, and partitions that are not at rest. */
  readonly different: readonly string[]
}

/** By the newest topology that any of the disks has. */
export function compareStored(disks: readonly Stored[]): Comparison {
  const different: string[] = []
  let records = 0
  for (const { prefix, isMoving, replicas } of replicaSets(disks)) {
    if (isMoving) different.push(`partition ${prefix}, which moves`)
    const names = new Set(replicas.flatMap((disk) => under(disk, prefix)))
    for (const name of names) {
      records++
      const [first, ...others] = replicas.map((disk) => disk.records.get(name))
      const isSame = others.every((bytes) => areEqual(bytes, first))
      if (!isSame && !isGoing([first, ...others])) different.push(userKey(name))
    }
  }
  return { records, different }
}

function replicaSets(disks: readonly Stored[]) {
  const [first, ...others] = disks
  if (first === undefined) return []
  const { topology } = others.reduce(
    (a, b) => (b.topology.number > a.topology.number ? b : a),
    first,
  )
  const names = new Map(topology.members.map(({ storageId, name }) => [storageId, name]))
  return topology.partitions.map(({ replicas, prev }, partition) => {
    const held = replicas.map((id) => disks.find(({ name }) => names.get(id) === name))
    const here = held.filter((disk) => disk !== undefined)
    return {
      prefix: partitionPrefix(partition),
      isMoving: prev !== null || here.length < replicas.length,
      replicas: here,
    }
  })
}

function under({ records }: Stored, prefix: string): string[] {
  return [...records.keys()].filter((name) => name.startsWith(prefix))
}

/** What is dead goes from one replica after the other: those who have it still have the same. */
function isGoing(held: readonly (Uint8Array | undefined)[]): boolean {
  const [first, ...others] = held.filter((bytes) => bytes !== undefined)
  if (first === undefined || others.some((bytes) => !areEqual(bytes, first))) return false
  return others.length + 1 < held.length && isDead(decodeRecord(first), Number.POSITIVE_INFINITY)
}

function areEqual(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0
}
