/** Intset, a sorted set of whole numbers: bytes of each, how many, the numbers. */
import { PackedReader } from './packed-reader.ts'
import { malformed } from './rdb-error.ts'

/** The numbers as text. */
export function intsetMembers(bytes: Buffer): Buffer[] {
  const from = new PackedReader(bytes)
  const size = from.unsigned(4)
  const count = from.unsigned(4)
  if (size !== 2 && size !== 4 && size !== 8) throw malformed('an intset of unknown size')
  if (from.left !== size * count) throw malformed('an intset has another length')
  return Array.from({ length: count }, () => from.signedText(size))
}
