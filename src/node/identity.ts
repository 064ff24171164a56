/**
 * Who this node is: the key that it speaks with, the name of its disk, and how often it has
 * started. Both names live in the data directory, so a wiped disk loses both and can never vote
 * or count under its old name.
 */
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  idFromBytes,
  isId,
  type PeerId,
  peerIdFromPublicKey,
  type StorageId,
} from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
import { PAST_MAX } from '../mesh/lineage.ts'
import type { Random } from '../seams/random.ts'
import type { Storage } from '../seams/storage.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import { damaged, readSealed, writeSealed } from './sealed-file.ts'

export interface Identity {
  readonly privateKeySeed: Uint8Array
  readonly peer: PeerId
  /** '' on an edge. */
  readonly storageId: StorageId
  /** 1 at the first start of the data directory; durable before anything is said. */
  readonly boot: number
  /** Runs of this start and of those before, newest first (mesh/lineage.ts). */
  readonly runs: readonly number[]
}

/** Name of the file that holds it. */
export const IDENTITY_FILE = 'identity'
const BOOT_KEY = 'node/boot'
const RUN_MAX = 2 ** 31
const SEED_BYTES = 32
const ID_BYTES = 16

/**
 * The identity of a data directory, made at its first start; counts this start.
 *
 * The file and the boot counter vouch for each other. Only one gap is innocent: a first start that
 * was cut off before it counted itself, when nothing had been said to anybody (not `isClaimed`).
 */
export async function openIdentity(
  storage: Storage,
  database: Database,
  random: Random,
  isClaimed: boolean,
): Promise<Identity> {
  const file = await readSealed(storage, IDENTITY_FILE)
  const last = readBoot(database)
  if (file === null && (last !== null || isClaimed)) throw damaged(IDENTITY_FILE)
  if (file !== null && last === null && isClaimed) throw damaged('boot counter')
  const names = file === null ? newIdentity(random) : decode(file)
  if (file === null) {
    await writeSealed(storage, IDENTITY_FILE, encode(names.privateKeySeed, names.storageId))
  }
  return { ...names, ...(await countStart(database, random, last)) }
}

/** Of a data directory whose node does not run. Rejects with DISK_DAMAGED. */
export async function readStorageId(storage: Storage): Promise<StorageId> {
  const file = await readSealed(storage, IDENTITY_FILE)
  if (file === null) throw damaged(IDENTITY_FILE)
  return decode(file).storageId
}

/**
 * A disk that is about to be emptied for another cluster, or for the same one again, is another
 * disk from then on: nobody may take it for one that knows what it knew. Same key, next boot.
 */
export async function renewIdentity(
  storage: Storage,
  database: Database,
  random: Random,
  old: Identity,
): Promise<Identity> {
  const storageId = idFromBytes(random.bytes(ID_BYTES))
  const starts = await countStart(database, random, old)
  await writeSealed(storage, IDENTITY_FILE, encode(old.privateKeySeed, storageId))
  return { ...old, storageId, ...starts }
}

/** The identity of an edge: new at every start, and no disk. */
export function edgeIdentity(random: Random): Identity {
  return { ...newIdentity(random), storageId: '', boot: 1, runs: [random.int(RUN_MAX)] }
}

type Starts = Pick<Identity, 'boot' | 'runs'>

async function countStart(
  database: Database,
  random: Random,
  last: Starts | null,
): Promise<Starts> {
  const boot = (last?.boot ?? 0) + 1
  const runs = [random.int(RUN_MAX), ...(last?.runs ?? [])].slice(0, PAST_MAX + 1)
  const value = new WireWriter()
    .uint(boot)
    .list(runs, (to, run) => to.uint(run))
    .finish()
  await database.commit([{ key: BOOT_KEY, value }])
  return { boot, runs }
}

function newIdentity(random: Random): Omit<Identity, 'boot' | 'runs'> {
  const privateKeySeed = random.bytes(SEED_BYTES)
  const storageId = idFromBytes(random.bytes(ID_BYTES))
  return { privateKeySeed, peer: peerOfSeed(privateKeySeed), storageId }
}

function peerOfSeed(seed: Uint8Array): PeerId {
  return peerIdFromPublicKey(ed25519PublicBytes(ed25519FromSeed(seed)))
}

function encode(seed: Uint8Array, storageId: StorageId): Uint8Array {
  return new WireWriter().bytes(seed).string(storageId).finish()
}

function decode(file: Uint8Array): Omit<Identity, 'boot' | 'runs'> {
  try {
    const reader = new WireReader(file)
    const privateKeySeed = reader.bytes(SEED_BYTES)
    const storageId = reader.string(64)
    if (privateKeySeed.length !== SEED_BYTES || !isId(storageId)) throw damaged(IDENTITY_FILE)
    return { privateKeySeed, peer: peerOfSeed(privateKeySeed), storageId }
  } catch (error) {
    throw error instanceof WireError ? damaged(IDENTITY_FILE) : error
  }
}

function readBoot(database: Database): Starts | null {
  const bytes = database.get(BOOT_KEY)
  if (bytes === undefined) return null
  try {
    const reader = new WireReader(bytes)
    const boot = reader.uint()
    // Runs were not kept from the beginning.
    return { boot, runs: reader.done ? [] : reader.list(PAST_MAX + 1, (each) => each.uint()) }
  } catch (error) {
    throw error instanceof WireError ? damaged('boot counter') : error
  }
}
