import assert from 'node:assert/strict'
import type { RegEvent } from '../../src/paxos/api.ts'
import { TOMBSTONE_MS, UPKEEP_MS } from '../../src/paxos/limits.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { isRead, RegisterWorld } from './world.ts'

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
    return this.events.map((event) => (event.kind === 'absent' ? null : event.value))
  }

  get versions(): string[] {
    return this.events.map(({ version }) => version)
  }

  end(): void {
    this.#aborter.abort()
  }

  async #run(events: AsyncIterable<RegEvent>): Promise<void> {
    for await (const event of events) this.events.push(event)
    this.isOver = true
  }
}

/** Each event is newer than the one before. */
function assertGrows(versions: readonly string[]): void {
  assert.deepEqual(versions, [...new Set(versions)].sort())
}

/** Deletes the key and waits until nobody remembers that. */
async function forget(world: RegisterWorld, key: string): Promise<void> {
  await world.drive(world.reg('a').del(key))
  await world.wait(TOMBSTONE_MS + 3 * UPKEEP_MS)
  for (const name of 'abc') assert.equal(world.record(name, key), null, name)
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
      assertGrows(events.map(({ version }) => version))
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
  it('begins with what a read finds, whatever is known of the key by other watches', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.reg('a').set('k', 'v1'))
    const first = new Seen(world, 'e', 'k')
    await world.until('it begins', () => first.events.length === 1)
    world.fate = ({ kind }) => (kind === REQUEST_KINDS.REG_HINT ? 'lost' : undefined)
    await world.drive(world.reg('a').set('k', 'v2'))
    const second = new Seen(world, 'e', 'k')
    await world.until('it begins', () => second.events.length > 0, 100)
    assert.deepEqual([first.values, second.values], [['v1', 'v2'], ['v2']])
  })

  it('begins as soon as a majority answers: a replica that stands still is not waited for', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.reg('a').set('k', 'v1'))
    world.fate = ({ to }) => (to === 'c' ? 'lost' : undefined)
    const seen = ['a', 'e'].map((node) => new Seen(world, node, 'k'))
    await world.until('they begin', () => seen.every(({ events }) => events.length === 1), 100)
    await world.drive(world.reg('b').set('k', 'v2'))
    const isThere = (): boolean => seen.every(({ values }) => values.at(-1) === 'v2')
    await world.until('v2 is seen', isThere, 1500)
  })

  it('tells a deletion from a value that is null', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { version } = await world.drive(world.reg('a').set('k', null))
    const seen = new Seen(world, 'b', 'k')
    await world.until('it begins', () => seen.events.length === 1)
    assert.deepEqual(seen.events, [{ kind: 'value', key: 'k', value: null, version }])
    const deleted = await world.drive(world.reg('a').del('k'))
    await world.until('the end is seen', () => seen.events.length === 2)
    assert.deepEqual(seen.events[1], { kind: 'absent', key: 'k', version: deleted.version })
  })

  it('shows a reader that is slow the last of many', async () => {
    const world = await RegisterWorld.start(['abc'])
    const events = world.reg('b').watch('n')[Symbol.asyncIterator]()
    const { value: first } = await world.drive(events.next())
    for (let i = 0; i < 50; i++) await world.drive(world.reg('a').incr('n'))
    await world.wait(100)
    const { value: second } = await world.drive(events.next())
    assert.deepEqual([first?.kind, second?.kind === 'value' && second.value], ['absent', 50])
  })

  it('reads what changes all the time as often as one read follows another', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.reg('a').set('n', 0))
    const seen = new Seen(world, 'e', 'n')
    await world.until('it begins', () => seen.events.length === 1)
    world.hub.delayMs = () => 10
    let sum = 0
    let behind = 0
    world.asked.length = 0
    for (let ms = 0; ms < 1500; ms++) {
      world
        .reg('a')
        .incr('n')
        .then(
          ({ value }) => (sum = Math.max(sum, value)),
          () => assert.fail('a change failed'),
        )
      await world.wait(1)
      if (ms > 100) behind = Math.max(behind, sum - Number(seen.values.at(-1)))
    }
    const reads = world.asked.filter((q) => isRead(q) && q.from === 'e').length
    assert.ok(behind < 200, `${behind} changes behind`)
    // A read takes 20 ms and asks two replicas, or all three.
    assert.ok(reads > 50 && reads < 225, `${reads} questions in 1.5 s`)
    await world.until('the last is seen', () => seen.values.at(-1) === 1500, 200)
    assertGrows(seen.versions)
  })
})

describe('a watch that goes on', () => {
  it('is told of a deletion that was forgotten meanwhile, though another watch is on the key', async () => {
    const world = await RegisterWorld.start(['abc'])
    const { version } = await world.drive(world.reg('a').set('k', 'v1'))
    await forget(world, 'k')
    const other = new Seen(world, 'b', 'k')
    await world.until('it begins', () => other.events.length === 1)
    const seen = new Seen(world, 'b', 'k', version)
    await world.until('it is told', () => seen.events.length === 1, 1000)
    assert.deepEqual(seen.values, [null])
    const again = new Seen(world, 'c', 'k', seen.versions.at(-1))
    await world.wait(30_000)
    assert.deepEqual([seen.values, again.values, other.values], [[null], [], [null]])
    await world.drive(world.reg('a').set('k', 'v2'))
    const all = [seen, again, other]
    await world.until('v2 is seen', () => all.every(({ values }) => values.at(-1) === 'v2'), 100)
    assertGrows([version, ...seen.versions])
    assertGrows([...seen.versions.slice(0, 1), ...again.versions])
  })

  it('does not go back by a read that began before the version it comes from', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    // Answered now, and the answers are on their way for half a second.
    world.hub.delayMs = () => (world.clock.monotonicMs() > 0 && slow ? 500 : 1)
    let slow = false
    const other = new Seen(world, 'e', 'k')
    await world.wait(0)
    slow = true
    await world.wait(1)
    slow = false
    const { version } = await world.drive(world.reg('a').set('k', 'v1'))
    const seen = new Seen(world, 'e', 'k', version)
    await world.wait(1000)
    assert.deepEqual([seen.values, other.values], [[], [null, 'v1']])
    assertGrows(other.versions)
  })

  it('and lost sight until the deletion was forgotten is told of it', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.reg('a').set('k', 'v1'))
    const seen = new Seen(world, 'e', 'k')
    await world.until('it begins', () => seen.events.length === 1)
    const { peer } = world.node('e').mesh.self
    world.hub.cut.add(peer)
    await forget(world, 'k')
    world.hub.cut.delete(peer)
    await world.until('it is told', () => seen.events.length === 2, 25_000)
    await world.wait(30_000)
    assert.deepEqual(seen.values, ['v1', null])
    // Whoever takes the version of that for a condition asks for no value.
    const ifVersion = seen.versions.at(-1) ?? ''
    await world.drive(world.reg('a').set('k', 'v2', { ifVersion }))
    await assert.rejects(world.drive(world.reg('a').set('k', 'v3', { ifVersion })), {
      code: 'CONFLICT',
    })
    await world.until('v2 is seen', () => seen.events.length === 3, 100)
    assertGrows(seen.versions)
  })

  it('asks now and then while it reaches nobody', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    const { peer } = world.node('e').mesh.self
    world.hub.cut.add(peer)
    const seen = new Seen(world, 'e', 'k')
    await world.wait(60_000)
    world.asked.length = 0
    await world.wait(60_000)
    const asked = world.asked.filter(({ from }) => from === 'e').length
    assert.ok(asked > 10 && asked < 800, `${asked} questions a minute`)
    world.hub.cut.delete(peer)
    await world.until('it begins', () => seen.events.length === 1, 6000)
  })

  it('goes on at another node when its own dies', async () => {
    const world = await RegisterWorld.start(['abc'], { edges: 'e' })
    await world.drive(world.reg('a').set('k', 'v1'))
    const seen = new Seen(world, 'c', 'k')
    await world.until('it begins', () => seen.events.length === 1)
    world.crash('c')
    await world.drive(world.reg('a').del('k'))
    await world.drive(world.reg('b').set('k', 'v2'))
    const next = new Seen(world, 'e', 'k', seen.versions.at(-1))
    await world.until('v2 is seen', () => next.values.at(-1) === 'v2', 200)
    assertGrows([...seen.versions, ...next.versions])
  })

  it('shows nothing on the side of the fewer, and what it missed when that is over', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set('k', 'v1'))
    const seen = new Seen(world, 'c', 'k')
    await world.until('it begins', () => seen.events.length === 1)
    world.hub.cut.add(world.node('c').mesh.self.peer)
    await world.drive(world.reg('a').set('k', 'v2', { deadlineMs: 10_000 }))
    const late = new Seen(world, 'c', 'k')
    await world.wait(15_000)
    assert.deepEqual([seen.values, late.values], [['v1'], []])
    world.hub.cut.clear()
    const isThere = (): boolean => [seen, late].every(({ values }) => values.at(-1) === 'v2')
    await world.until('v2 is seen', isThere, 12_000)
    assert.deepEqual([seen.values, late.values], [['v1', 'v2'], ['v2']])
  })
})
