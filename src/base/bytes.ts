/** Small things on byte arrays that `uint8arrays` does not have in the shape we need. */
import { concat } from 'uint8arrays/concat'

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return concat(parts as Uint8Array[])
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** The text, or null when the bytes are not valid UTF-8. */
export function utf8ToText(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}

/** Bytes of the text as UTF-8 if they are over the limit, else 0. Most texts need no count. */
export function utf8Excess(text: string, bytesMax: number): number {
  // One unit takes three bytes at most.
  if (text.length * 3 <= bytesMax) return 0
  const bytes = utf8Length(text)
  return bytes > bytesMax ? bytes : 0
}

/** Number of bytes of the UTF-8 form, without making it. */
export function utf8Length(text: string): number {
  return Buffer.byteLength(text, 'utf8')
}

/**
 * Order of the UTF-8 forms: the order of the index and of every scan. It differs from `<` on
 * strings only where surrogate pairs meet U+E000 to U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return orderOfUnit(x) - orderOfUnit(y)
  }
  return a.length - b.length
}

/** The first in order; null where there is none. */
export function lowestKey(keys: Iterable<string | null>): string | null {
  let lowest: string | null = null
  for (const key of keys) {
    if (key !== null && (lowest === null || compareKeys(key, lowest) < 0)) lowest = key
  }
  return lowest
}

/** Lifts surrogates above the rest of the basic plane, as UTF-8 does. */
function orderOfUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
