/** Looks over a whole RDB file before anything of it is used: its checksum is at its end. */
import { createReadStream, type Stats, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { Crc64 } from './crc64.ts'
import { malformed } from './rdb-error.ts'
import { CHECKSUM_BYTES, RDB_MAGIC, VERSION_OF_CHECKSUM } from './rdb-reader.ts'

/** `REDIS` and four digits of the version. */
const HEAD_BYTES = RDB_MAGIC.length + 4

/** Throws AtollError USAGE for a file that is damaged or cut off; a pipe is not looked at. */
export async function checkRdbFile(path: string): Promise<void> {
  const stats: Stats = statSync(path)
  if (!stats.isFile()) return
  const end = stats.size - CHECKSUM_BYTES
  if (end <= HEAD_BYTES) throw malformed('it is cut off')
  const told = await checksumIn(path, end)
  if (told === 0n) return
  const crc = new Crc64()
  for await (const chunk of createReadStream(path, { end: end - 1 })) crc.update(chunk as Buffer)
  if (crc.value !== told) throw malformed('its checksum does not match, or it is cut off')
}

/** Zero: it has none. */
async function checksumIn(path: string, at: number): Promise<bigint> {
  const file = await open(path)
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    await file.read(head, 0, HEAD_BYTES, 0)
    if (Number(head.subarray(RDB_MAGIC.length).toString('latin1')) < VERSION_OF_CHECKSUM) return 0n
    const tail = Buffer.alloc(CHECKSUM_BYTES)
    await file.read(tail, 0, CHECKSUM_BYTES, at)
    return tail.readBigUInt64LE()
  } finally {
    await file.close()
  }
}
