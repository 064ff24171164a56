/** LZF as Redis writes it: runs of literals, and copies of what came at most 8 KiB before. */
import { malformed } from './rdb-error.ts'

const LITERALS_MAX = 32
const LENGTH_MORE = 7

/** Exactly `length` bytes, which the caller bounds. */
export function lzfDecompress(packed: Buffer, length: number): Buffer {
  const out = Buffer.alloc(length)
  let from = 0
  let to = 0
  const next = (): number => {
    const byte = packed[from++]
    if (byte === undefined) throw malformed('compressed text ends too early')
    return byte
  }
  while (from < packed.length) {
    const control = next()
    if (control < LITERALS_MAX) {
      const count = control + 1
      if (from + count > packed.length || to + count > length) throw tooLong()
      packed.copy(out, to, from, from + count)
      from += count
      to += count
      continue
    }
    const short = control >> 5
    const count = (short === LENGTH_MORE ? LENGTH_MORE + next() : short) + 2
    const start = to - (((control & 0x1f) << 8) | next()) - 1
    if (start < 0 || to + count > length) throw tooLong()
    // Byte by byte: a copy may read what it has just written.
    for (let i = 0; i < count; i++) out[to + i] = out[start + i] as number
    to += count
  }
  if (to !== length) throw malformed('compressed text is shorter than it says')
  return out
}

function tooLong() {
  return malformed('compressed text is longer than it says')
}
