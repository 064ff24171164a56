/**
 * `atoll recover --offline`: for the day when a majority of the roots, or of a partition's replicas,
 * is lost for good. What the surviving data directories hold goes into a new one,
 * which founds a new cluster with a new id: nobody of the old one can ever be part of it, so it does
 * no harm if some of the lost turn up after all.
 *
 * The daemons of the directories must be stopped: their locks are taken. The old directories stay as
 * they are. The new one becomes a member's with its last write; a recovery that was cut off leaves a
 * directory that is nobody's, to be removed.
 */
import { AtollError, isAtollError } from '../../base/errors.ts'
import { openDatabase } from '../../disk/log-database.ts'
import type { Seams } from '../../seams/seams.ts'
import type { Storage } from '../../seams/storage.ts'
import type { Database } from '../../disk/database.ts'
import { registerExporter } from '../../paxos/export.ts'
import { keyExporter } from '../../store/export.ts'
import { encodeTopology } from '../../topology/codec.ts'
import { storedTopology, topologyWrite } from '../../topology/stored-topology.ts'
import type { Partition, Topology } from '../../topology/topology.ts'
import { foundCluster, holdsClusterData } from '../claim.ts'
import { type ClusterFile, readClusterFile, writeClusterFile } from '../cluster-file.ts'
import { NODE_DEFAULTS } from '../config.ts'
import { openIdentity, readStorageId } from '../identity.ts'
import type { Exporter, Founded, Source } from './exporter.ts'
import { isDoubtful, isMissing } from './losses.ts'

export interface Recovered {
  /** Of the new cluster. */
  readonly clusterId: string
  readonly from: {
    readonly clusterId: string
    /** The newest topology that any of the directories knows. */
    readonly topology: number
    readonly disks: number
  }
  /** By kind, how many were taken over. */
  readonly taken: Readonly<Record<string, number>>
  readonly partitions: {
    readonly all: number
    /** No disk of theirs was given: what they held is lost. */
    readonly missing: readonly number[]
    /** So few that the last acknowledged changes may be lost. */
    readonly doubtful: readonly number[]
  }
}

export interface RecoverOptions {
  readonly data: readonly string[]
  readonly into: string
  /** Of the new cluster's first member. */
  readonly name: string
}

interface Directory {
  readonly storage: Storage
  readonly database: Database
}

const EXPORTERS: readonly Exporter[] = [keyExporter, registerExporter]

/** Rejects with USAGE, CONFLICT, and what opening a directory rejects with. */
export async function recover(
  { data, into, name }: RecoverOptions,
  seams: Seams,
  exporters: readonly Exporter[] = EXPORTERS,
): Promise<Recovered> {
  const closers: (() => Promise<void>)[] = []
  try {
    const sources: Source[] = []
    for (const directory of data) sources.push(await openSource(directory, seams, closers))
    const newest = newestOf(sources)
    const target = await openTarget(into, seams, closers)
    const { partitions } = newest
    const { file, founded } = await foundAnew(target, newest, { into, name }, seams)
    const taken: Record<string, number> = {}
    for (const exporter of exporters) {
      taken[exporter.what] = await exporter.run(sources, newest, founded)
    }
    await target.database.commit([topologyWrite(encodeTopology(founded.topology))])
    await writeClusterFile(target.storage, target.database, file)
    const disks = new Set(sources.map(({ storageId }) => storageId))
    return {
      clusterId: file.clusterId,
      from: { clusterId: newest.clusterId, topology: newest.number, disks: disks.size },
      taken,
      partitions: {
        all: partitions.length,
        missing: partitionsWith(newest, (each) => isMissing(each, disks)),
        doubtful: partitionsWith(newest, (each) => isDoubtful(each, disks)),
      },
    }
  } finally {
    for (const close of closers.toReversed()) await close()
  }
}

async function openSource(
  directory: string,
  seams: Seams,
  closers: (() => Promise<void>)[],
): Promise<Source> {
  const { storage, database } = await openDirectory(directory, seams, closers)
  const file = await readClusterFile(storage, database)
  const stored = storedTopology(database)
  if (file?.role !== 'member' || stored === null) {
    throw new AtollError('USAGE', `${directory} is no data directory of a member`)
  }
  const { topology } = stored
  if (topology.clusterId !== file.clusterId) {
    throw new AtollError('DISK_DAMAGED', `${directory} holds the topology of another cluster`)
  }
  return { directory, storageId: await readStorageId(storage), database, topology }
}

async function openTarget(
  directory: string,
  seams: Seams,
  closers: (() => Promise<void>)[],
): Promise<Directory> {
  const target = await openDirectory(directory, seams, closers)
  const claimed = (await readClusterFile(target.storage, target.database)) !== null
  if (!claimed && !(await holdsClusterData(target.database))) return target
  throw new AtollError('CONFLICT', `${directory} is not empty`, {
    hint: 'name a directory that does not exist yet; what a recovery that was cut off left may be removed',
  })
}

/** Nothing of it is written yet but the identity. */
async function foundAnew(
  { storage, database }: Directory,
  { partitions, replicationFactor }: Topology,
  { into, name }: { readonly into: string; readonly name: string },
  seams: Seams,
): Promise<{ readonly file: ClusterFile; readonly founded: Founded }> {
  const identity = await openIdentity(storage, database, seams.random, false)
  const config = { ...NODE_DEFAULTS, name, dataDir: into, replicationFactor }
  const ofSize = { ...config, partitions: partitions.length }
  const { file, topology } = foundCluster(ofSize, identity, seams)
  const { storageId, boot } = identity
  return { file, founded: { storageId, boot, database, topology, clock: seams.clock } }
}

async function openDirectory(
  directory: string,
  seams: Seams,
  closers: (() => Promise<void>)[],
): Promise<Directory> {
  const storage = await opened(directory, () => seams.storage(directory))
  closers.push(() => storage.close())
  const options = { storage, clock: seams.clock, log: seams.log }
  const database = await opened(directory, () => openDatabase(options))
  closers.push(() => database.close())
  return { storage, database }
}

/** Says which of the directories it was. */
async function opened<T>(directory: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (cause) {
    if (!isAtollError(cause)) throw cause
    const hint = cause.code === 'DIR_LOCKED' ? 'stop its daemon first' : cause.hint
    const message = cause.message.includes(directory) ? '' : `${directory}: `
    throw new AtollError(cause.code, message + cause.message, {
      ...(hint !== undefined && { hint }),
      cause,
    })
  }
}

function newestOf(sources: readonly Source[]): Topology {
  const [first] = sources.toSorted((a, b) => b.topology.number - a.topology.number)
  if (first === undefined) throw new AtollError('USAGE', 'no data directory is given')
  const other = sources.find(({ topology }) => topology.clusterId !== first.topology.clusterId)
  if (other === undefined) return first.topology
  throw new AtollError('CONFLICT', `${other.directory} and ${first.directory} are of two clusters`)
}

function partitionsWith(topology: Topology, holds: (partition: Partition) => boolean): number[] {
  return topology.partitions.flatMap((partition, index) => (holds(partition) ? [index] : []))
}
