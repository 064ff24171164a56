/**
 * The lines of an import: cut as on the socket, within the same bound. What is too long or no UTF-8
 * is told in its place, and the next line is good again.
 */
import { LineSplitter } from '../../rpc/line-splitter.ts'

/** A line's text, or what is wrong with it. */
export type ImportLine = string | { readonly wrong: string }

const LF = 0x0a

/** Chunks are shorter than a line may be. Memory: one partial line. */
export async function* importLines(
  chunks: AsyncIterable<Buffer>,
  lineBytesMax: number,
): AsyncGenerator<ImportLine, void, undefined> {
  const tooLong = { wrong: `over ${lineBytesMax} bytes` }
  let splitter = new LineSplitter(lineBytesMax)
  /** The line that has not ended yet is too long already. */
  let skipping = false
  for await (const chunk of chunks) {
    const end = chunk.indexOf(LF)
    const line = end === -1 ? chunk.length : end
    if (skipping || splitter.partialBytes + line > lineBytesMax) {
      skipping = end === -1
      splitter = new LineSplitter(lineBytesMax)
      if (skipping) continue
      yield tooLong
      yield* told(splitter.push(chunk.subarray(end + 1)).lines)
    } else yield* told(splitter.push(chunk).lines)
  }
  if (skipping) yield tooLong
  else if (splitter.partialBytes > 0) yield* told(splitter.push(Buffer.of(LF)).lines)
}

function told(lines: readonly (string | null)[]): ImportLine[] {
  return lines.map((line) => line ?? { wrong: 'not UTF-8' })
}
