/** Lengths, strings and numbers of an RDB file. */
import type { ByteInput } from '../byte-input.ts'
import { lzfDecompress } from './lzf.ts'
import { malformed } from './rdb-error.ts'

/** The first two bits of a length. */
const BITS_6 = 0
const BITS_14 = 1
const LONG = 2
const LENGTH_32 = 0x80
const LENGTH_64 = 0x81
/** What is no length, but the encoding of a string. */
const INT_8 = 0
const INT_16 = 1
const INT_32 = 2
const LZF = 3

type Length = { readonly length: number } | { readonly encoding: number }

async function lengthOrEncoding(input: ByteInput): Promise<Length> {
  const first = await input.byte()
  const low = first & 0x3f
  switch (first >> 6) {
    case BITS_6:
      return { length: low }
    case BITS_14:
      return { length: (low << 8) | (await input.byte()) }
    case LONG:
      if (first === LENGTH_32) return { length: (await input.take(4)).readUInt32BE() }
      if (first !== LENGTH_64) throw malformed(`an unknown form of length ${first}`)
      return { length: Number((await input.take(8)).readBigUInt64BE()) }
    default:
      return { encoding: low }
  }
}

/** One above 2^53 is not exact; there is no so long a file, and as an id nobody asks for it. */
export async function readLength(input: ByteInput): Promise<number> {
  const read = await lengthOrEncoding(input)
  if ('length' in read) return read.length
  throw malformed('an encoding stands where a length should')
}

/** null: over `bytesMax`, and read over. */
export async function readString(input: ByteInput, bytesMax: number): Promise<Buffer | null> {
  const read = await lengthOrEncoding(input)
  if ('length' in read) return await takeOrSkip(input, read.length, bytesMax)
  switch (read.encoding) {
    case INT_8:
      return text((await input.take(1)).readInt8())
    case INT_16:
      return text((await input.take(2)).readInt16LE())
    case INT_32:
      return text((await input.take(4)).readInt32LE())
    case LZF: {
      const packedLength = await readLength(input)
      const length = await readLength(input)
      const packed = await takeOrSkip(input, packedLength, length > bytesMax ? -1 : bytesMax)
      return packed === null ? null : lzfDecompress(packed, length)
    }
    default:
      throw malformed(`a string of unknown encoding ${read.encoding}`)
  }
}

async function takeOrSkip(input: ByteInput, length: number, max: number): Promise<Buffer | null> {
  if (length <= max) return await input.take(length)
  await input.skip(length)
  return null
}

export async function skipString(input: ByteInput): Promise<void> {
  await readString(input, -1)
}

function text(number: number): Buffer {
  return Buffer.from(String(number))
}

const NOT_A_NUMBER = 253
const INFINITE = 254
const MINUS_INFINITE = 255

/** A score as old versions write it: as text. */
export async function readScoreText(input: ByteInput): Promise<number> {
  const length = await input.byte()
  if (length === NOT_A_NUMBER) return Number.NaN
  if (length === INFINITE) return Number.POSITIVE_INFINITY
  if (length === MINUS_INFINITE) return Number.NEGATIVE_INFINITY
  return scoreOf(await input.take(length))
}

/** A score that stands as text, in a packed collection too. */
export function scoreOf(bytes: Buffer): number {
  const written = bytes.toString('latin1')
  if (written === 'inf' || written === '+inf') return Number.POSITIVE_INFINITY
  if (written === '-inf') return Number.NEGATIVE_INFINITY
  const score = written.trim() === '' ? Number.NaN : Number(written)
  if (Number.isNaN(score)) throw malformed('a score is no number')
  return score
}
