/**
 * Counters and sets as records: random histories of replicas against models that keep what was
 * added and what was replaced as plain sets. Joins come in any order, twice, or never.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  addCount,
  addElements,
  addWrite,
  contextAfter,
  elementName,
  joinRecords,
  removeElements,
} from '../../src/store/merge.ts'
import {
  decodeRecord,
  type Element,
  EMPTY_RECORD,
  encodeRecord,
  isDead,
  type Sibling,
  type StoreRecord,
} from '../../src/store/record.ts'
import { countOf, isCounting } from '../../src/store/sums.ts'
import {
  type Context,
  type Dot,
  EMPTY_CONTEXT,
  joinContexts,
} from '../../src/store/version-vector.ts'
import { ACTORS, nameOf } from './arbitrary.ts'

const NOTHING: ReadonlySet<string> = new Set()
const REPLICAS = ACTORS.map((_, i) => i)

function tombstone(dot: Dot): Sibling {
  return { dot, stamp: dot.n, expiresAtMs: 0, kind: 'tombstone', value: new Uint8Array() }
}

function union(...sets: readonly Iterable<string>[]): Set<string> {
  return new Set(sets.flatMap((set) => [...set]))
}

const three = fc.nat({ max: 2 })
const whom = { at: three, client: three }
type Step =
  | { readonly kind: 'join'; readonly from: number; readonly to: number }
  | { readonly kind: 'change'; readonly at: number; readonly client: number; readonly what: number }
  | { readonly kind: 'remove'; readonly at: number; readonly client: number; readonly what: number }
  | { readonly kind: 'replace'; readonly at: number; readonly client: number; blind: boolean }
  | { readonly kind: 'read'; readonly at: number; readonly client: number }
  | { readonly kind: 'collect' }

const choice = fc.integer({ min: -3, max: 3 })
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('join' as const), from: three, to: three }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('change' as const), ...whom, what: choice }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), ...whom, what: choice }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('replace' as const), ...whom, blind: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), ...whom }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('collect' as const) }) },
)

/** A replica or a client of the model: the additions it knows of, and those known as replaced. */
interface Model {
  readonly known: ReadonlySet<string>
  readonly gone: ReadonlySet<string>
}

const BLANK: Model = { known: NOTHING, gone: NOTHING }

/** Replicas that coordinate as actors of the same place; clients that carry versions between them. */
abstract class History {
  readonly records: StoreRecord[] = REPLICAS.map(() => EMPTY_RECORD)
  readonly models: Model[] = REPLICAS.map(() => BLANK)
  readonly #versions: Context[] = REPLICAS.map(() => EMPTY_CONTEXT)
  readonly #seen: ReadonlySet<string>[] = REPLICAS.map(() => NOTHING)
  #n = 0

  run(step: Step): void {
    if (step.kind === 'join') this.#join(step.from, step.to)
    else if (step.kind === 'collect') this.#collect()
    else if (step.kind === 'read') this.#read(step.at, step.client)
    else if (step.kind === 'replace') this.#replace(step.at, step.client, step.blind)
    else this.change(step.kind, step.at, step.client, step.what)
    for (const i of REPLICAS) {
      this.check(this.record(i), this.model(i))
      assert.deepEqual(decodeRecord(encodeRecord(this.record(i))), this.record(i))
    }
  }

  /** All have heard of all. */
  meet(): void {
    for (const i of REPLICAS) this.#join(i, 0)
    for (const i of REPLICAS) this.#join(0, i)
    for (const i of REPLICAS) {
      this.check(this.record(i), this.model(i))
      assert.deepEqual(encodeRecord(this.record(i)), encodeRecord(this.record(0)))
    }
  }

  abstract change(kind: 'change' | 'remove', at: number, client: number, what: number): void
  abstract check(record: StoreRecord, model: Model): void

  dot(at: number): Dot {
    return { actor: ACTORS[at] ?? '', n: ++this.#n }
  }

  record(i: number): StoreRecord {
    return this.records[i] ?? EMPTY_RECORD
  }

  model(i: number): Model {
    return this.models[i] ?? BLANK
  }

  version(client: number): Context {
    return this.#versions[client] ?? EMPTY_CONTEXT
  }

  seen(client: number): ReadonlySet<string> {
    return this.#seen[client] ?? NOTHING
  }

  #join(from: number, to: number): void {
    const [a, b] = [this.model(from), this.model(to)]
    this.records[to] = joinRecords(this.record(to), this.record(from))
    this.models[to] = { known: union(a.known, b.known), gone: union(a.gone, b.gone) }
  }

  #read(at: number, client: number): void {
    this.#versions[client] = this.record(at).known
    this.#seen[client] = this.model(at).known
  }

  /** A deletion replaces what its client has seen, and blindly what is here besides. */
  #replace(at: number, client: number, blind: boolean): void {
    const dot = this.dot(at)
    const before = this.record(at)
    const given = this.version(client)
    const context = blind ? joinContexts(before.known, given) : given
    const after = addWrite(before, context, tombstone(dot))
    this.records[at] = after
    this.#versions[client] = contextAfter(after, context, dot)
    const model = this.model(at)
    const replaced = blind ? union(this.seen(client), model.known) : this.seen(client)
    const known = union(model.known, replaced)
    this.models[at] = { known, gone: union(model.gone, replaced) }
    const isAlone = this.#versions[client] === after.known
    this.#seen[client] = isAlone ? known : replaced
  }

  /** When all hold the same and it is dead, it is forgotten. Clients keep the versions they have. */
  #collect(): void {
    const first = encodeRecord(this.record(0))
    const isSame = this.records.every((each) => Buffer.compare(encodeRecord(each), first) === 0)
    if (!isSame || !isDead(this.record(0), 0)) return
    for (const i of REPLICAS) this.records[i] = EMPTY_RECORD
  }
}

class CounterHistory extends History {
  readonly #deltas = new Map<string, number>()

  override change(_kind: string, at: number, _client: number, delta: number): void {
    const dot = this.dot(at)
    this.#deltas.set(nameOf(dot), delta)
    this.records[at] = addCount(this.record(at), dot, delta)
    const { known, gone } = this.model(at)
    this.models[at] = { known: union(known, [nameOf(dot)]), gone }
  }

  override check({ known, replaced, siblings }: StoreRecord, model: Model): void {
    const live = [...model.known].filter((name) => !model.gone.has(name))
    const value = live.reduce((sum, name) => sum + (this.#deltas.get(name) ?? 0), 0)
    assert.equal(Number(countOf(known.sums, replaced)), value)
    assert.equal(isCounting(known.sums, replaced), live.length > 0)
    assert.ok(siblings.every(({ kind }) => kind === 'tombstone'))
  }
}

class SetHistory extends History {
  readonly #values = new Map<string, string>()

  override change(kind: 'change' | 'remove', at: number, client: number, what: number): void {
    const value = `e${what}`
    if (kind === 'remove') this.#remove(at, client, value)
    else this.#add(at, value)
  }

  #add(at: number, value: string): void {
    const dot = this.dot(at)
    const equal = this.#live(this.model(at)).filter((name) => this.#values.get(name) === value)
    this.#values.set(nameOf(dot), value)
    this.records[at] = addElements(this.record(at), [textElement(dot, value)])
    const { known, gone } = this.model(at)
    this.models[at] = { known: union(known, [nameOf(dot)]), gone: union(gone, equal) }
  }

  #remove(at: number, client: number, value: string): void {
    const names = new Set([elementName(textElement({ actor: '', n: 0 }, value))])
    this.records[at] = removeElements(this.record(at), names, this.version(client))
    const model = this.model(at)
    const removed = this.#live(model).filter(
      (name) => this.#values.get(name) === value && this.seen(client).has(name),
    )
    this.models[at] = { ...model, gone: union(model.gone, removed) }
  }

  override check({ elements }: StoreRecord, model: Model): void {
    const held = elements.map(({ dot }) => nameOf(dot))
    assert.deepEqual(new Set(held), new Set(this.#live(model)))
    for (const element of elements) {
      assert.equal(new TextDecoder().decode(element.value), this.#values.get(nameOf(element.dot)))
    }
  }

  #live({ known, gone }: Model): string[] {
    return [...known].filter((name) => !gone.has(name))
  }
}

function textElement(dot: Dot, value: string): Element {
  return { dot, kind: 'text', value: new TextEncoder().encode(value) }
}

describe('counters in histories of replicas', () => {
  it('count every addition once that no deletion has seen', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40 }), (script) => {
        const history = new CounterHistory()
        for (const step of script) history.run(step)
        history.meet()
      }),
      { numRuns: 500 },
    )
  })
})

describe('sets in histories of replicas', () => {
  it('hold what was added and not removed by somebody who had seen it', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40 }), (script) => {
        const history = new SetHistory()
        for (const step of script) history.run(step)
        history.meet()
      }),
      { numRuns: 500 },
    )
  })
})
