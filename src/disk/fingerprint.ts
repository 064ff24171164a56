/**
 * A fingerprint of a set of entries: how many there are, and a sum over their checks. LevelDB may
 * lose entries whole, or show an older one again, without a word; no check on one entry finds
 * that, and this does.
 *
 * It finds accidents, not malice. The check of an entry is a CRC, which is linear: entries that
 * change by the same bits change their CRCs by the same bits, and a plain sum or XOR of two such
 * changes may be zero. Hence the mixing.
 */
export interface Fingerprint {
  readonly count: number
  readonly sum: number
}

export const NOTHING: Fingerprint = { count: 0, sum: 0 }

export function withEntry({ count, sum }: Fingerprint, check: number): Fingerprint {
  return { count: count + 1, sum: (sum + mixed(check)) >>> 0 }
}

export function withoutEntry({ count, sum }: Fingerprint, check: number): Fingerprint {
  return { count: count - 1, sum: (sum - mixed(check)) >>> 0 }
}

export function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.count === b.count && a.sum === b.sum
}

/** The finalizer of MurmurHash3 (Appleby), a bijection on 32 bits. */
function mixed(check: number): number {
  let hash = check
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
