/**
 * Listpack, the packed form since Redis 7: total bytes, number of elements, elements, 0xff. Behind
 * each element stands how long it is, for reading backwards; here that is one more check.
 */
import { PackedReader } from './packed-reader.ts'
import { malformed } from './rdb-error.ts'

const HEADER_BYTES = 6
const END = 0xff
/** There may be more elements than the header can say. */
const COUNT_UNKNOWN = 0xffff
const SIGNED_13 = 1 << 12

/** Elements are views, or numbers as text. */
export function listpackElements(bytes: Buffer): Buffer[] {
  const from = new PackedReader(bytes)
  const total = from.unsigned(4)
  const count = from.unsigned(2)
  if (total !== bytes.length || total <= HEADER_BYTES)
    throw malformed('a listpack has another size')
  const elements: Buffer[] = []
  while (from.left > 1) {
    const start = from.at
    elements.push(element(from))
    checkBackLength(from, from.at - start)
  }
  if (from.byte() !== END) throw malformed('a listpack does not end')
  if (count !== COUNT_UNKNOWN && count !== elements.length) {
    throw malformed('a listpack has another number of elements')
  }
  return elements
}

function element(from: PackedReader): Buffer {
  const head = from.byte()
  if (head < 0x80) return Buffer.from(String(head))
  if (head < 0xc0) return from.take(head & 0x3f)
  if (head < 0xe0) {
    const unsigned = ((head & 0x1f) << 8) | from.byte()
    return Buffer.from(String(unsigned < SIGNED_13 ? unsigned : unsigned - 2 * SIGNED_13))
  }
  if (head < 0xf0) return from.take(((head & 0x0f) << 8) | from.byte())
  switch (head) {
    case 0xf0:
      return from.take(from.unsigned(4))
    case 0xf1:
      return from.signedText(2)
    case 0xf2:
      return from.signedText(3)
    case 0xf3:
      return from.signedText(4)
    case 0xf4:
      return from.signedText(8)
    default:
      throw malformed(`a listpack has an unknown encoding ${head}`)
  }
}

/** Groups of seven bits, the highest first; all but the first are marked. */
function checkBackLength(from: PackedReader, length: number): void {
  const groups =
    length < 128 ? 1 : length < 16383 ? 2 : length < 2097151 ? 3 : length < 268435455 ? 4 : 5
  let told = 0
  for (const [i, byte] of from.take(groups).entries()) {
    if (byte >= 0x80 !== i > 0) throw malformed('a listpack contradicts itself')
    told = told * 128 + (byte & 0x7f)
  }
  if (told !== length) throw malformed('a listpack contradicts itself')
}
