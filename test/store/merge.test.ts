/**
 * Records are a lattice, and follow the plain meaning of "has seen": the second half runs random
 * histories of replicas against a model that keeps sets of dots instead of vectors.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { addWrite, contextAfter, joinRecords } from '../../src/store/merge.ts'
import {
  EMPTY_RECORD,
  encodeRecord,
  type StoreRecord,
  visibleSiblings,
} from '../../src/store/record.ts'
import {
  type Context,
  contextCovers,
  contextOfText,
  covers,
  type Dot,
  EMPTY_CONTEXT,
  EMPTY_VECTOR,
  joinContexts,
  joinVectors,
  contextText,
  withDot,
} from '../../src/store/version-vector.ts'
import {
  ACTORS,
  contexts,
  dots,
  isElement,
  nameOf,
  namesOf,
  records,
  vectors,
  writeOf,
} from './arbitrary.ts'

const seen = (record: StoreRecord): Uint8Array => encodeRecord(record)

describe('joining records', () => {
  it('is commutative', () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        assert.deepEqual(seen(joinRecords(a, b)), seen(joinRecords(b, a)))
      }),
    )
  })

  it('is associative', () => {
    fc.assert(
      fc.property(records, records, records, (a, b, c) => {
        const left = joinRecords(joinRecords(a, b), c)
        assert.deepEqual(seen(left), seen(joinRecords(a, joinRecords(b, c))))
      }),
    )
  })

  it('is idempotent, also with what is already in it', () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        assert.deepEqual(seen(joinRecords(a, a)), seen(a))
        const joined = joinRecords(a, b)
        assert.deepEqual(seen(joinRecords(joined, b)), seen(joined))
        assert.deepEqual(seen(joinRecords(a, joined)), seen(joined))
      }),
    )
  })

  it('keeps a sibling exactly when nobody who knows its write has dropped it', () => {
    fc.assert(
      fc.property(records, records, (a, b) => {
        const joined = joinRecords(a, b)
        const inA = new Set(namesOf(a))
        const inB = new Set(namesOf(b))
        const expected = [...a.siblings, ...b.siblings, ...a.elements, ...b.elements]
          .filter(({ dot }) => inA.has(nameOf(dot)) || !contextCovers(a.known, dot))
          .filter(({ dot }) => inB.has(nameOf(dot)) || !contextCovers(b.known, dot))
          .map(({ dot }) => nameOf(dot))
        assert.deepEqual(new Set(namesOf(joined)), new Set(expected))
        assert.ok(joined.siblings.every(({ dot }) => !isElement(dot)))
        assert.ok(joined.elements.every(({ dot }) => isElement(dot)))
        assert.deepEqual(joined.known, joinContexts(a.known, b.known))
      }),
    )
  })
})

describe('adding a write', () => {
  it('removes exactly what its context covers', () => {
    fc.assert(
      fc.property(records, contexts, (record, context) => {
        const dot = { actor: 'disk-a', n: 100 }
        const after = addWrite(record, context, writeOf(dot))
        const kept = [...record.siblings, ...record.elements]
          .filter((each) => !contextCovers(context, each.dot))
          .map((each) => nameOf(each.dot))
        assert.deepEqual(new Set(namesOf(after)), new Set([...kept, nameOf(dot)]))
        assert.ok(after.siblings.every((each) => covers(after.known.vector, each.dot)))
      }),
    )
  })

  it('knows what the record and the context knew', () => {
    fc.assert(
      fc.property(records, contexts, dots, (record, context, probe) => {
        const after = addWrite(record, context, writeOf({ actor: 'disk-a', n: 100 }))
        const known = contextCovers(record.known, probe) || contextCovers(context, probe)
        assert.equal(contextCovers(after.known, probe), known || probe.actor === 'disk-a')
      }),
    )
  })

  it('tells its writer of everything once nothing is left beside it', () => {
    const dot = { actor: 'disk-a', n: 9 }
    fc.assert(
      fc.property(records, (record) => {
        const after = addWrite(record, record.known, writeOf(dot))
        assert.deepEqual(contextAfter(after, record.known, dot), after.known)
      }),
    )
  })

  it('does not tell its writer of siblings that it has not seen', () => {
    fc.assert(
      fc.property(records, contexts, (record, context) => {
        const dot = { actor: 'disk-a', n: 9 }
        const after = addWrite(record, context, writeOf(dot))
        fc.pre(after.siblings.length > 1)
        const told = contextAfter(after, context, dot)
        for (const each of after.siblings) {
          assert.equal(contextCovers(told, each.dot), nameOf(each.dot) === nameOf(dot))
        }
      }),
    )
  })

  it('hides what it replaces wherever that was not yet known, once the two meet', () => {
    fc.assert(
      fc.property(records, records, contexts, (here, elsewhere, context) => {
        const after = addWrite(here, context, writeOf({ actor: 'disk-d', n: 1 }))
        const joined = joinRecords(elsewhere, after)
        for (const { dot } of joined.siblings) {
          const isHeldInBoth = namesOf(after).includes(nameOf(dot))
          assert.ok(isHeldInBoth || !contextCovers(context, dot), nameOf(dot))
        }
      }),
    )
  })

  it('shows what is no tombstone, newest first, ties in one order everywhere', () => {
    const at = (actor: string, stamp: number) => ({ ...writeOf({ actor, n: 1 }), stamp })
    const vector = new Map(['a', 'b', 'c', 'd'].map((actor) => [actor, 4]))
    const dead = { ...writeOf({ actor: 'd', n: 3 }), stamp: 99 }
    const siblings = [at('a', 5), at('b', 7), at('c', 7), dead]
    const shown = visibleSiblings(
      { ...EMPTY_RECORD, known: { ...EMPTY_CONTEXT, vector }, siblings },
      0,
    ).map(({ dot }) => dot.actor)
    assert.deepEqual(shown, ['c', 'b', 'a'])
  })
})

describe('contexts', () => {
  it('cover what the vector covers, and single dots beside it', () => {
    fc.assert(
      fc.property(vectors, dots, dots, (vector, own, probe) => {
        const context = withDot({ ...EMPTY_CONTEXT, vector }, own)
        const isOwn = nameOf(own) === nameOf(probe)
        assert.equal(contextCovers(context, probe), covers(vector, probe) || isOwn)
      }),
    )
  })

  it('do not grow with each write of their client', () => {
    let context: Context = EMPTY_CONTEXT
    for (let n = 1; n <= 40; n++) context = withDot(context, { actor: 'disk-a', n })
    assert.deepEqual(context.dots, [{ actor: 'disk-a', n: 40 }])
    assert.deepEqual(contextOfText(contextText(context, 'k'), 'k'), context)
  })

  it('join to what either covers, in one form', () => {
    fc.assert(
      fc.property(contexts, contexts, dots, (a, b, probe) => {
        const joined = joinContexts(a, b)
        const either = contextCovers(a, probe) || contextCovers(b, probe)
        assert.equal(contextCovers(joined, probe), either)
        assert.deepEqual(joinContexts(b, a), joined)
        assert.deepEqual(joinContexts(joined, a), joined)
        assert.deepEqual(contextOfText(contextText(joined, 'k'), 'k'), joined)
      }),
    )
  })

  it('join to the least vector that covers both', () => {
    fc.assert(
      fc.property(vectors, vectors, dots, (a, b, probe) => {
        const joined = joinVectors(a, b)
        assert.equal(covers(joined, probe), covers(a, probe) || covers(b, probe))
        assert.deepEqual(joinVectors(b, a), joined)
        assert.deepEqual(joinVectors(a, EMPTY_VECTOR), a)
      }),
    )
  })
})

/** A replica of the model: dots it has heard of, and those of them whose values it still has. */
interface Model {
  readonly known: ReadonlySet<string>
  readonly live: ReadonlySet<string>
}

function union(...sets: readonly Iterable<string>[]): Set<string> {
  return new Set(sets.flatMap((set) => [...set]))
}

function joinModels(a: Model, b: Model): Model {
  const dead = (of: Model, dot: string): boolean => of.known.has(dot) && !of.live.has(dot)
  const known = union(a.known, b.known)
  return { known, live: new Set([...known].filter((dot) => !dead(a, dot) && !dead(b, dot))) }
}

type Step =
  | { readonly kind: 'join'; readonly from: number; readonly to: number }
  | { readonly kind: 'put'; readonly at: number; readonly client: number; readonly blind: boolean }
  | { readonly kind: 'read'; readonly at: number; readonly client: number }

const three = fc.nat({ max: 2 })
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('join' as const), from: three, to: three }),
  fc.record({ kind: fc.constant('put' as const), at: three, client: three, blind: fc.boolean() }),
  fc.record({ kind: fc.constant('read' as const), at: three, client: three }),
)

/** Three replicas, three clients; what clients hold is a version and, in the model, a set. */
class History {
  readonly #records: StoreRecord[] = ACTORS.map(() => EMPTY_RECORD)
  readonly #models: Model[] = ACTORS.map(() => ({ known: new Set(), live: new Set() }))
  readonly #versions: Context[] = ACTORS.map(() => EMPTY_CONTEXT)
  readonly #seen: ReadonlySet<string>[] = ACTORS.map(() => new Set())
  readonly #dots = new Map<string, Dot>()
  #n = 0

  run(step: Step): void {
    if (step.kind === 'put') this.#put(step.at, step.client, step.blind)
    else if (step.kind === 'join') this.#join(step.from, step.to)
    else this.#read(step.at, step.client)
    this.#check()
  }

  #join(from: number, to: number): void {
    this.#records[to] = joinRecords(this.#record(to), this.#record(from))
    this.#models[to] = joinModels(this.#model(to), this.#model(from))
  }

  #read(at: number, client: number): void {
    this.#versions[client] = this.#record(at).known
    this.#seen[client] = this.#model(at).known
  }

  #put(at: number, client: number, blind: boolean): void {
    const dot = { actor: ACTORS[at] ?? '', n: ++this.#n }
    const name = nameOf(dot)
    this.#dots.set(name, dot)
    const before = this.#record(at)
    const given = this.#versions[client] ?? EMPTY_CONTEXT
    const context = blind ? joinContexts(before.known, given) : given
    const after = addWrite(before, context, writeOf(dot))
    this.#records[at] = after
    this.#versions[client] = contextAfter(after, context, dot)

    const model = this.#model(at)
    const had = this.#seen[client] ?? new Set()
    const replaced = blind ? union(had, model.known) : had
    const live = new Set([...[...model.live].filter((each) => !replaced.has(each)), name])
    const known = union(model.known, replaced, [name])
    this.#models[at] = { known, live }
    // Of single writes a version carries the last; the record of that knows the others.
    const carried = [...replaced].filter((each) => covers(context.vector, this.#dot(each)))
    this.#seen[client] = live.size === 1 ? known : union(carried, [name])
  }

  #check(): void {
    for (const [i] of ACTORS.entries()) {
      assert.deepEqual(new Set(namesOf(this.#record(i))), new Set(this.#model(i).live))
      for (const [name, dot] of this.#dots) {
        assert.equal(
          contextCovers(this.#record(i).known, dot),
          this.#model(i).known.has(name),
          name,
        )
      }
    }
  }

  #dot(name: string): Dot {
    return this.#dots.get(name) ?? { actor: '', n: 0 }
  }

  #record(i: number): StoreRecord {
    return this.#records[i] ?? EMPTY_RECORD
  }

  #model(i: number): Model {
    return this.#models[i] ?? { known: new Set(), live: new Set() }
  }
}

describe('histories of replicas', () => {
  it('say of every write what sets of dots say', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40 }), (script) => {
        const history = new History()
        for (const step of script) history.run(step)
      }),
      { numRuns: 200 },
    )
  })
})
