/** Read, compare, put, and again until nobody was in between: what one does without transactions. */
import type { Operation } from '../harness/section.ts'

/** A caller that loses so often has met a defect, not a rival. */
const ATTEMPTS_MAX = 10_000

export interface CasStore<Version> {
  read(key: string): Promise<Version>
  /** False when the key was changed since. */
  cas(key: string, version: Version, value: string): Promise<boolean>
}

export function casLoop<Version>(
  store: CasStore<Version>,
  keyOf: (i: number) => string,
  value: string,
): Operation {
  return async (i) => {
    const key = keyOf(i)
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const version = await store.read(key)
      if (await store.cas(key, version, value)) return
    }
    throw new Error(`${ATTEMPTS_MAX} attempts at ${key} lost`)
  }
}
