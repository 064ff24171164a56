/**
 * Ziplist, the packed form before Redis 7: total bytes, offset of the last entry, number of
 * entries, entries, 0xff. Each begins with the length of the one before.
 */
import { PackedReader } from './packed-reader.ts'
import { malformed } from './rdb-error.ts'

const END = 0xff
const COUNT_UNKNOWN = 0xffff
/** Then four bytes of the length follow. */
const LONG_PREVIOUS = 0xfe

/** Entries are views, or numbers as text. */
export function ziplistEntries(bytes: Buffer): Buffer[] {
  const from = new PackedReader(bytes)
  const total = from.unsigned(4)
  const tail = from.unsigned(4)
  const count = from.unsigned(2)
  if (total !== bytes.length) throw malformed('a ziplist has another size')
  const entries: Buffer[] = []
  let start = from.at
  let previous = 0
  while (from.left > 1) {
    start = from.at
    const first = from.byte()
    const told = first === LONG_PREVIOUS ? from.unsigned(4) : first
    if (told !== previous) throw malformed('a ziplist contradicts itself')
    entries.push(entry(from))
    previous = from.at - start
  }
  if (from.byte() !== END || tail !== start) throw malformed('a ziplist does not end')
  if (count !== COUNT_UNKNOWN && count !== entries.length) {
    throw malformed('a ziplist has another number of entries')
  }
  return entries
}

function entry(from: PackedReader): Buffer {
  const head = from.byte()
  if (head < 0x40) return from.take(head)
  if (head < 0x80) return from.take(((head & 0x3f) << 8) | from.byte())
  if (head < 0xc0) return from.take(from.unsignedBig(4))
  switch (head) {
    case 0xc0:
      return from.signedText(2)
    case 0xd0:
      return from.signedText(4)
    case 0xe0:
      return from.signedText(8)
    case 0xf0:
      return from.signedText(3)
    case 0xfe:
      return from.signedText(1)
    default:
      if (head > 0xf0 && head < 0xfe) return Buffer.from(String((head & 0x0f) - 1))
      throw malformed(`a ziplist has an unknown encoding ${head}`)
  }
}
