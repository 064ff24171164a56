/**
 * A small whole file that says of itself whether it is intact: its bytes, then their CRC32.
 * Identity lives in such files rather than in the database, so that losing the one is noticed
 * by the other.
 */
import { crc32 } from 'node:zlib'
import { concatBytes } from '../base/bytes.ts'
import type { AtollError } from '../base/errors.ts'
import { damaged as damagedDisk } from '../disk/damage.ts'
import type { Storage } from '../seams/storage.ts'

const CRC_BYTES = 4

/** The bytes of the file, or null when there is none. Rejects with DISK_DAMAGED. */
export async function readSealed(storage: Storage, name: string): Promise<Uint8Array | null> {
  const file = await storage.read(name)
  if (file === null) return null
  const body = file.subarray(0, Math.max(0, file.length - CRC_BYTES))
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < CRC_BYTES || view.getUint32(body.length) !== crc32(body)) {
    throw damaged(name)
  }
  return body
}

/** Durable when it resolves; a crash leaves the old file or the new one. */
export async function writeSealed(storage: Storage, name: string, body: Uint8Array): Promise<void> {
  const crc = new Uint8Array(CRC_BYTES)
  new DataView(crc.buffer).setUint32(0, crc32(body))
  await storage.replace(name, concatBytes([body, crc]))
}

export function damaged(name: string): AtollError {
  return damagedDisk(`the file "${name}" of the data directory fails its check`)
}
