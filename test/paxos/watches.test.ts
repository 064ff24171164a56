import assert from 'node:assert/strict'
import type { RegEvent } from '../../src/paxos/api.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { RegisterWorld } from './world.ts'

/** Takes what a watch gives, as it comes. */
class Seen {
  readonly events: RegEvent[] = []
  readonly #aborter = new AbortController()
  isOver = false

  constructor(world: RegisterWorld, node: string, key: string, after?: string) {
    const { signal } = this.#aborter
    const options = after === undefined ? { signal } : { signal, after }
    this.#run(world.reg(node).watch(key, options)).catch(() => undefined)
  }

  get values(): unknown[] {
    return this.events.map(({ value }) => value)
  }

  end(): void {
    this.#aborter.abort()
  }

  async #run(events: AsyncIterable<RegEvent>): Promise<void> {
    for await (const event of events) this.events.push(event)
    this.isOver = true
  }
}

describe('watching registers', () => {
  it('shows what there is, then what it becomes, through whichever node it is changed', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    const seen = ['a', 'b', 'e'].map((node) => new Seen(world, node, 'k'))
    await world.until('nothing is seen', () => seen.every(({ events }) => events.length === 1))
    for (const [i, node] of ['a', 'b', 'c', 'e'].entries()) {
      await world.drive(world.reg(node).set('k', `v${i}`))
      await world.until(
        `v${i} is seen`,
        () => seen.every(({ values }) => values.at(-1) === `v${i}`),
        100,
      )
    }
    await world.drive(world.reg('b').del('k'))
    await world.until(
      'the end is seen',
      () => seen.every(({ values }) => values.at(-1) === null),
      100,
    )
    for (const { events, values } of seen) {
      assert.deepEqual(values, [null, 'v0', 'v1', 'v2', 'v3', null])
      const versions = events.map(({ version }) => version)
      assert.deepEqual(versions, [...versions].sort())
      assert.equal(new Set(versions).size, versions.length)
    }
  })

  it('goes on from a version', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { version } = await world.drive(world.reg('a').set('k', 'v1'))
    const seen = new Seen(world, 'b', 'k', version)
    await world.wait(200)
    assert.deepEqual(seen.events, [])
    await world.drive(world.reg('c').set('k', 'v2'))
    await world.until('v2 is seen', () => seen.values.at(-1) === 'v2', 100)
    assert.deepEqual(seen.values, ['v2'])
  })

  it('finds a change although every hint is lost', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    world.fate = ({ kind }) => (kind === REQUEST_KINDS.REG_HINT ? 'lost' : undefined)
    const seen = new Seen(world, 'e', 'k')
    await world.until('it begins', () => seen.events.length === 1)
    await world.drive(world.reg('a').set('k', 'v1'))
    await world.until('v1 is seen', () => seen.values.at(-1) === 'v1', 11_000)
  })

  it('waits for a majority, and ends with its signal or its node', async () => {
    const world = await RegisterWorld.start(['abc'])
    const seen = new Seen(world, 'a', 'k')
    const other = new Seen(world, 'a', 'other')
    await world.until('it begins', () => seen.events.length + other.events.length === 2)
    world.lose('b')
    world.lose('c')
    const late = new Seen(world, 'a', 'late')
    await world.wait(10_000)
    assert.deepEqual(late.events, [])
    world.find('b')
    await world.until('there is a majority again', () => late.events.length === 1)
    seen.end()
    await world.until('it ends', () => seen.isOver)
    await world.drive(world.reg('a').stop())
    await world.until('they end', () => other.isOver && late.isOver)
  })
})
