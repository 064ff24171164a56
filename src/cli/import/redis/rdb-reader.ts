/**
 * RDB, the dump file of Redis (versions 1 to 12: Redis to 8.2): its keys one after the other, in one
 * pass, with memory for one value.
 *
 * What it does not know ends it with an error: nothing is guessed. The checksum at the end is
 * verified where the file has one; by then all keys have been given out, so whoever can should have
 * `checkRdbFile` look first.
 */
import { AtollError } from '../../../base/errors.ts'
import { KEY_BYTES_MAX } from '../../../base/value.ts'
import { ByteInput } from '../byte-input.ts'
import { Crc64 } from './crc64.ts'
import { malformed } from './rdb-error.ts'
import { readLength, readString, skipString } from './rdb-primitives.ts'
import { skipModuleParts } from './rdb-skip.ts'
import type { RdbKey } from './rdb-value.ts'
import { readValue } from './rdb-values.ts'

export const RDB_MAGIC = 'REDIS'
const VERSION_DIGITS = 4
const VERSION_MAX = 12
/** The first version whose files end with a checksum. */
export const VERSION_OF_CHECKSUM = 5
export const CHECKSUM_BYTES = 8

/** As Redis numbers them, `RDB_OPCODE_…`; whatever is below is a type of value. */
const OP = {
  SLOT_INFO: 244,
  FUNCTION: 245,
  MODULE_AUX: 247,
  IDLE: 248,
  FREQUENCY: 249,
  AUX: 250,
  SIZES: 251,
  EXPIRES_MS: 252,
  EXPIRES: 253,
  DATABASE: 254,
  END: 255,
} as const

/** `onFunction` is called for each library of functions, which has no counterpart here. */
export async function* readRdb(
  chunks: AsyncIterable<Buffer>,
  onFunction: () => void = () => undefined,
): AsyncGenerator<RdbKey, void, undefined> {
  const crc = new Crc64()
  const input = new ByteInput(chunks, crc)
  const version = await readVersion(input)
  let database = 0
  let expiresAtMs: number | null = null
  for (;;) {
    const op = await input.byte()
    if (op === OP.END) break
    if (op === OP.DATABASE) database = await readLength(input)
    else if (op === OP.EXPIRES_MS) expiresAtMs = await readTime(input)
    else if (op === OP.EXPIRES) expiresAtMs = (await input.take(4)).readInt32LE() * 1000
    else if (op === OP.FUNCTION) {
      onFunction()
      await skipString(input)
    } else if (op >= OP.SLOT_INFO) await skipNotice(input, op)
    else {
      const key = await readString(input, KEY_BYTES_MAX)
      yield { database, key, value: await readValue(input, op), expiresAtMs }
      expiresAtMs = null
    }
  }
  await readEnd(input, crc, version)
}

async function readVersion(input: ByteInput): Promise<number> {
  const magic = (await input.take(RDB_MAGIC.length)).toString('latin1')
  if (magic !== RDB_MAGIC) throw new AtollError('USAGE', 'the input is no RDB file')
  const digits = (await input.take(VERSION_DIGITS)).toString('latin1')
  if (!/^\d{4}$/.test(digits) || Number(digits) === 0) throw malformed('it has no version')
  const version = Number(digits)
  if (version <= VERSION_MAX) return version
  throw new AtollError(
    'UNSUPPORTED',
    `the RDB file is of version ${version}; versions up to ${VERSION_MAX} (Redis 8.2) are read`,
  )
}

async function readTime(input: ByteInput): Promise<number> {
  return Number((await input.take(8)).readBigInt64LE())
}

/** What says nothing of a key's value. */
async function skipNotice(input: ByteInput, op: number): Promise<void> {
  switch (op) {
    case OP.SLOT_INFO:
      await readLength(input)
      await readLength(input)
      await readLength(input)
      return
    case OP.MODULE_AUX:
      await readLength(input)
      await skipModuleParts(input)
      return
    case OP.IDLE:
      await readLength(input)
      return
    case OP.FREQUENCY:
      await input.byte()
      return
    case OP.AUX:
      await skipString(input)
      await skipString(input)
      return
    case OP.SIZES:
      await readLength(input)
      await readLength(input)
      return
    default:
      throw malformed(`it has the unknown notice ${op}`)
  }
}

async function readEnd(input: ByteInput, crc: Crc64, version: number): Promise<void> {
  input.sum()
  const computed = crc.value
  if (version >= VERSION_OF_CHECKSUM) {
    const told = (await input.take(CHECKSUM_BYTES)).readBigUInt64LE()
    // Zero: written with `rdbchecksum no`.
    if (told !== 0n && told !== computed) throw malformed('its checksum does not match')
  }
  if ((await input.ahead()).length === 0) return
  throw new AtollError('USAGE', `the RDB file ends at byte ${input.offset}, and more follows`, {
    hint: 'an append-only file goes on so: import dump.rdb, or what redis-cli --rdb writes',
  })
}
