/** Records and contexts of one imagined history: a dot stands for the same write wherever it is. */
import fc from 'fast-check'
import { KINDS, type Sibling, type StoreRecord } from '../../src/store/record.ts'
import {
  compareDots,
  type Context,
  type Dot,
  EMPTY_CONTEXT,
  joinContexts,
} from '../../src/store/version-vector.ts'

export const ACTORS = ['disk-a', 'disk-b', 'disk-c'] as const
const COUNTER_MAX = 6

/** Objects as code makes them. */
export function plain<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

/** The write of a dot: all of it follows from the dot. */
export function writeOf({ actor, n }: Dot): Sibling {
  const kind = KINDS[n % KINDS.length] ?? 'bytes'
  const value = kind === 'tombstone' ? new Uint8Array() : new TextEncoder().encode(`${actor} ${n}`)
  return { dot: { actor, n }, stamp: 1000 * n, expiresAtMs: 0, kind, value }
}

export const dots: fc.Arbitrary<Dot> = plain({
  actor: fc.constantFrom(...ACTORS),
  n: fc.integer({ min: 1, max: COUNTER_MAX }),
})

export const vectors = fc
  .tuple(...ACTORS.map(() => fc.integer({ min: 0, max: COUNTER_MAX })))
  .map((counts) => {
    const entries = ACTORS.map((actor, i) => [actor as string, counts[i] ?? 0] as const)
    return new Map(entries.filter(([, n]) => n > 0))
  })

export const contexts: fc.Arbitrary<Context> = plain<Context>({
  vector: vectors,
  dots: fc.array(dots, { maxLength: 4 }),
}).map((context) => joinContexts(EMPTY_CONTEXT, context))

/** Any context with any of the writes that its vector covers. */
export const records: fc.Arbitrary<StoreRecord> = contexts.chain((known) => {
  const covered = [...known.vector].flatMap(([actor, n]) =>
    Array.from({ length: n }, (_, i) => ({ actor, n: i + 1 })),
  )
  return fc.subarray(covered).map((kept) => {
    return { known, siblings: kept.map(writeOf).sort((a, b) => compareDots(a.dot, b.dot)) }
  })
})

export function namesOf({ siblings }: StoreRecord): string[] {
  return siblings.map(({ dot }) => nameOf(dot))
}

export function nameOf({ actor, n }: Dot): string {
  return `${actor}/${n}`
}
