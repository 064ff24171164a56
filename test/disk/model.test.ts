/** Any sequence of commits, crashes and restarts, held against a model. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Database, Write } from '../../src/disk/database.ts'
import { Bench, put, text } from './bench.ts'

type Step =
  | { readonly kind: 'commit'; readonly writes: readonly (readonly [number, number | null])[] }
  | { readonly kind: 'wait' | 'close' | 'compare' }
  | { readonly kind: 'events' | 'kill' | 'power-loss'; readonly events: number }

const aStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      writes: fc.array(
        fc.tuple(fc.nat({ max: 11 }), fc.option(fc.nat({ max: 400 }), { freq: 4 })),
        { maxLength: 4 },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('wait', 'close', 'compare') }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('events', 'kill', 'power-loss'),
      events: fc.nat({ max: 12 }),
    }),
  },
)

/** The database, and every state that it went through since it was last opened. */
class Run {
  readonly #bench: Bench
  #database: Database | null = null
  /** The first is what was there at the opening; each commit adds one. */
  #states: ReadonlyMap<string, string>[] = [new Map()]
  /** Of the states, the newest that was acknowledged. */
  #acked = 0
  #commits = 0

  constructor(seed: string) {
    this.#bench = new Bench(seed)
  }

  async step(step: Step): Promise<void> {
    const { clock, disk } = this.#bench
    const database = this.#database ?? (await this.#open())
    switch (step.kind) {
      case 'commit':
        return this.#commit(database, step.writes)
      case 'events':
        for (let i = 0; i < step.events; i++) await clock.step()
        return
      case 'wait':
        await clock.advance(200)
        assert.equal(this.#acked, this.#states.length - 1, 'all commits are acknowledged by now')
        return
      case 'compare':
        return this.#compare(database)
      case 'close':
        await clock.drive(database.close())
        assert.equal(this.#acked, this.#states.length - 1, 'closing ends all commits')
        disk.powerLoss()
        break
      case 'kill':
      case 'power-loss':
        for (let i = 0; i < step.events; i++) await clock.step()
        if (step.kind === 'kill') disk.crash()
        else disk.powerLoss()
    }
    this.#database = null
  }

  #commit(database: Database, of: readonly (readonly [number, number | null])[]): void {
    const after = new Map(this.#states.at(-1))
    const writes: Write[] = []
    for (const [n, size] of of) {
      const value = size === null ? null : `${++this.#commits}`.padEnd(size, '.')
      writes.push(put(`k${n}`, value))
      if (value === null) after.delete(`k${n}`)
      else after.set(`k${n}`, value)
    }
    const states = this.#states
    const number = states.push(after) - 1
    const acknowledge = () => {
      // Of a dead process nothing may be heard, but this promise is one of the test's.
      if (states !== this.#states) return
      assert.ok(number > this.#acked, 'in the order of the commits')
      this.#acked = number
    }
    database.commit(writes).then(acknowledge, (error: unknown) => {
      throw error
    })
  }

  async #open(): Promise<Database> {
    const database = await this.#bench.open()
    const found = await this.#bench.all(database)
    const survived = this.#states.findLastIndex((state) => isEqual(state, found))
    assert.ok(
      survived >= this.#acked,
      `found ${survived < 0 ? 'no state that ever was' : `state ${survived}`}: ${JSON.stringify(found)}, acknowledged ${this.#acked}: ${JSON.stringify([...(this.#states[this.#acked] ?? [])])}`,
    )
    this.#states = [this.#states[survived] ?? new Map()]
    this.#acked = 0
    this.#database = database
    return database
  }

  async #compare(database: Database): Promise<void> {
    const acked = this.#acked
    const durable = this.#states[acked]
    const newest = this.#states.at(-1)
    for (let n = 0; n < 12; n++) {
      assert.equal(text(database.get(`k${n}`)), durable?.get(`k${n}`), 'get')
      assert.equal(text(database.latest(`k${n}`)), newest?.get(`k${n}`), 'latest')
    }
    const found = await this.#bench.all(database)
    const among = this.#states.slice(acked, this.#acked + 1)
    assert.ok(
      among.some((state) => isEqual(state, found)),
      'a scan sees one durable state',
    )
  }

  /** The index is whole, and everything is there. */
  async end(): Promise<void> {
    await this.step({ kind: 'wait' })
    await this.step({ kind: 'compare' })
    await this.step({ kind: 'close' })
    const database = await this.#open()
    await this.#bench.clock.advance(200)
    await this.#compare(database)
    assert.deepEqual(this.#bench.logged, [])
    // A crash may leave segments that are not needed; the next checkpoint removes them all.
    this.#commit(
      database,
      Array.from({ length: 8 }, (_, n) => [n, 300]),
    )
    await this.step({ kind: 'wait' })
    assert.equal(this.#bench.segments().length, 1)
  }
}

function isEqual(state: ReadonlyMap<string, string>, found: Record<string, string>): boolean {
  const entries = Object.entries(found)
  return entries.length === state.size && entries.every(([key, value]) => state.get(key) === value)
}

describe('database model', () => {
  it('holds in every sequence of commits, crashes and restarts', async () => {
    const steps = fc.array(aStep, { maxLength: 60, size: 'max' })
    const property = fc.asyncProperty(steps, fc.nat({ max: 1e6 }), async (sequence, seed) => {
      const run = new Run(`model-${seed}`)
      for (const step of sequence) await run.step(step)
      await run.end()
    })
    await fc.assert(property, { numRuns: 150 })
  })
})
