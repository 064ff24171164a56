/** Records and contexts of one imagined history: a dot stands for the same write wherever it is. */
import fc from 'fast-check'
import {
  type Element,
  EMPTY_RECORD,
  KINDS,
  type Sibling,
  type StoreRecord,
} from '../../src/store/record.ts'
import type { Sum, Sums } from '../../src/store/sums.ts'
import {
  type Context,
  type Dot,
  EMPTY_CONTEXT,
  joinContexts,
  type VersionVector,
} from '../../src/store/version-vector.ts'

export const ACTORS = ['disk-a', 'disk-b', 'disk-c'] as const
const COUNTER_MAX = 8
/** Here every disk has begun to count anew. */
const SECOND_START = 5

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

/** Of the dots of a record, every third brought an element; few values, so that some are equal. */
export function isElement({ n }: Dot): boolean {
  return n % 3 === 0
}

export function elementOf({ actor, n }: Dot): Element {
  const kind = n % 2 === 0 ? 'text' : 'json'
  return { dot: { actor, n }, kind, value: new TextEncoder().encode(String(n % 2)) }
}

/** What the disk had counted when it made the write `n`. */
export function sumOf(actor: string, n: number): Sum {
  const start = n < SECOND_START ? 1 : SECOND_START
  let total = 0n
  for (let i = start; i <= n; i++) total += BigInt(i % 2 === 0 ? -(2 ** 51) * i : i)
  return { actor, start, n, total }
}

export function contextOf(vector: VersionVector, dots: readonly Dot[] = []): Context {
  return { ...EMPTY_CONTEXT, vector, dots }
}

/** Of values that were put. */
export function recordOf(known: Context, siblings: readonly Sibling[]): StoreRecord {
  return { ...EMPTY_RECORD, known, siblings }
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

/** Of each disk at most one sum, and no later one than `last` has. */
function sumsUpTo(last: (actor: string) => Sum | undefined): fc.Arbitrary<Sums> {
  const each = ACTORS.map((actor) => {
    const { start, n } = last(actor) ?? { start: 1, n: 0 }
    if (n < start) return fc.constant([])
    const some = fc.integer({ min: start, max: n }).map((at) => [sumOf(actor, at)])
    return fc.oneof(fc.constant([]), some)
  })
  return fc.tuple(...each).map((sums) => sums.flat())
}

export const contexts: fc.Arbitrary<Context> = fc
  .tuple(vectors, fc.array(dots, { maxLength: 4 }))
  .chain(([vector, beyond]) => {
    const last = (actor: string): Sum => ({ ...sumOf(actor, vector.get(actor) ?? 0), start: 1 })
    const known = joinContexts(EMPTY_CONTEXT, contextOf(vector, beyond))
    return sumsUpTo(last).map((sums) => ({ ...known, sums }))
  })

/** Any context with any of the writes that its vector covers. */
export const records: fc.Arbitrary<StoreRecord> = contexts.chain((known) => {
  const covered = ACTORS.flatMap((actor) =>
    Array.from({ length: known.vector.get(actor) ?? 0 }, (_, i) => ({ actor, n: i + 1 })),
  )
  const sums = new Map(known.sums.map((sum) => [sum.actor, sum]))
  const replaced = sumsUpTo((actor) => sums.get(actor))
  return fc.tuple(fc.subarray(covered), replaced).map(([kept, gone]) => ({
    known,
    siblings: kept.filter((dot) => !isElement(dot)).map(writeOf),
    elements: kept.filter(isElement).map(elementOf),
    replaced: gone,
  }))
})

/** Of its siblings and elements. */
export function namesOf({ siblings, elements }: StoreRecord): string[] {
  return [...siblings, ...elements].map(({ dot }) => nameOf(dot))
}

export function nameOf({ actor, n }: Dot): string {
  return `${actor}/${n}`
}
