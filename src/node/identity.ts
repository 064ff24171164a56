/**
 * Who this node is: the key that it speaks with, the name of its disk, and how often it has
 * started. Both names live in the data directory, so a wiped disk loses both and can never vote
 * or count under its old name (registers.md §6).
 */
import { ed25519FromSeed, ed25519PublicBytes, idFromBytes, isId } from '../base/ids.ts'
import { type PeerId, peerIdFromPublicKey, type StorageId } from '../base/ids.ts'
import type { Database } from '../disk/database.ts'
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
}

/** Name of the file that holds it. */
export const IDENTITY_FILE = 'identity'
const BOOT_KEY = 'node/boot'
const SEED_BYTES = 32
const ID_BYTES = 16

/**
 * The identity of a data directory, made at its first start; counts this start.
 *
 * The file and the boot counter vouch for each other. Only one gap is innocent: a first start that
 * was cut off before it counted itself, when nothing had been said to anybody (`claimed` is false).
 */
export async function openIdentity(
  storage: Storage,
  database: Database,
  random: Random,
  claimed: boolean,
): Promise<Identity> {
  const file = await readSealed(storage, IDENTITY_FILE)
  const lastBoot = readBoot(database)
  if (file === null && (lastBoot !== null || claimed)) throw damaged(IDENTITY_FILE)
  if (file !== null && lastBoot === null && claimed) throw damaged('boot counter')
  const names = file === null ? newIdentity(random) : decode(file)
  if (file === null)
    await writeSealed(storage, IDENTITY_FILE, encode(names.privateKeySeed, names.storageId))
  const boot = (lastBoot ?? 0) + 1
  await database.commit([{ key: BOOT_KEY, value: new WireWriter().uint(boot).finish() }])
  return { ...names, boot }
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
  const boot = old.boot + 1
  await database.commit([{ key: BOOT_KEY, value: new WireWriter().uint(boot).finish() }])
  await writeSealed(storage, IDENTITY_FILE, encode(old.privateKeySeed, storageId))
  return { ...old, storageId, boot }
}

/** The identity of an edge: new at every start, and no disk. */
export function edgeIdentity(random: Random): Identity {
  return { ...newIdentity(random), storageId: '', boot: 1 }
}

function newIdentity(random: Random): Omit<Identity, 'boot'> {
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

function decode(file: Uint8Array): Omit<Identity, 'boot'> {
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

function readBoot(database: Database): number | null {
  const bytes = database.get(BOOT_KEY)
  return bytes === undefined ? null : new WireReader(bytes).uint()
}
