/**
 * Watches in random trouble: messages lost and late, nodes cut off, a partition that moves, deletions
 * that are forgotten, watches that end and go on at another node.
 */
import assert from 'node:assert/strict'
import type { RegEvent } from '../../src/paxos/api.ts'
import { equalBallots, NO_BALLOT } from '../../src/paxos/ballot.ts'
import { placeOf } from '../../src/paxos/place.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { Asker } from './ask.ts'
import { lettersOf, RegisterWorld } from './world.ts'

const NODES = 'abcde'
const KEYS = ['k0', 'k1']
const STEPS = 120

/** What somebody sees of a key who goes from node to node. */
class Wanderer {
  readonly key: string
  readonly events: RegEvent[] = []
  #ends = new AbortController()

  constructor(key: string) {
    this.key = key
  }

  goOn(world: RegisterWorld, node: string): void {
    this.#ends.abort()
    this.#ends = new AbortController()
    const { signal } = this.#ends
    const after = this.events.at(-1)?.version
    const options = after === undefined ? { signal } : { signal, after }
    this.#run(world.reg(node).watch(this.key, options), signal).catch(() => undefined)
  }

  async #run(events: AsyncIterable<RegEvent>, signal: AbortSignal): Promise<void> {
    for await (const event of events) if (!signal.aborted) this.events.push(event)
  }
}

/** The keys are deleted and forgotten, and whoever watches at x hears nothing of it. */
async function loseSight(world: RegisterWorld): Promise<void> {
  const { fate } = world
  world.fate = () => undefined
  world.hub.cut.clear()
  world.hub.cut.add(world.node('x').mesh.self.peer)
  for (const key of KEYS) {
    await world.drive(world.reg('a').del(key))
    await world.wait(100)
    const { replicas, previous } = placeOf(world.latest, key)
    const names = lettersOf(NODES).filter((name) => replicas.includes(world.idsOf(name)[0] ?? ''))
    const ballots = names.map((name) => world.record(name, key)?.accepted ?? NO_BALLOT)
    const [first = NO_BALLOT] = ballots
    if (previous !== null || !ballots.every((ballot) => equalBallots(ballot, first))) continue
    for (const name of names) await new Asker(world, names[0] ?? '', key).remove(name, first)
  }
  await world.wait(1000)
  world.hub.cut.clear()
  world.fate = fate
}

async function walk(seed: string): Promise<{ seen: number; changes: number }> {
  const world = await RegisterWorld.start(['abc'], { nodes: NODES, edges: 'x', seed })
  const random = new SimRandom(`watch walk ${seed}`)
  const net = random.fork('net')
  const pick = (from: string): string => from.charAt(random.int(from.length))
  /** What each version is known to be. */
  const written = new Map<string, number | null>()
  const wanderers = Array.from({ length: 6 }, (_, i) => new Wanderer(KEYS[i % 2] ?? ''))
  for (const each of wanderers) each.goOn(world, pick(`${NODES}x`))
  world.hub.delayMs = () => 0.2 + net.float() * (net.int(10) === 0 ? 80 : 2)
  world.fate = () => (net.int(100) < 10 ? (net.int(2) === 0 ? 'lost' : 'answer lost') : undefined)
  let isMoving = false
  for (let step = 0; step < STEPS; step++) {
    const [what, key] = [random.int(20), KEYS[random.int(2)] ?? '']
    if (what < 12) {
      const isSet = random.int(3) > 0
      const options = { deadlineMs: 400 }
      const reg = world.reg(pick(`${NODES}x`))
      const call = isSet ? reg.set(key, step, options) : reg.del(key, options)
      await world.drive(call).then(
        ({ version }) => written.set(version, isSet ? step : null),
        () => undefined,
      )
    } else if (what < 16) {
      wanderers[random.int(wanderers.length)]?.goOn(world, pick(`${NODES}x`))
    } else if (what === 16) {
      world.hub.cut.add(world.node(pick(NODES)).mesh.self.peer)
    } else if (what === 17) {
      world.hub.cut.clear()
    } else if (what === 18 && !isMoving) {
      isMoving = true
      world.hub.cut.clear()
      world.move([['abc', 'bcd', 'cde', 'ade'][random.int(4)] ?? ''])
      await world.tell()
      for (const name of NODES) world.node(name).installed.length = 0
    } else if (what === 19) {
      const isReady = world.latest.partitions[0]?.prev !== null
      world.hub.cut.clear()
      if (isReady) await world.wait(3000)
      const moved = [...world.nodes.values()].filter(({ installed }) => installed.length > 0)
      if (isMoving && moved.length >= 2) {
        isMoving = false
        world.finish()
        await world.tell()
      }
    }
    await world.wait(random.float() * 40)
    if (step % 40 === 39) await loseSight(world)
  }
  world.hub.cut.clear()
  world.fate = () => undefined
  world.hub.delayMs = () => 1
  await world.wait(25_000)
  for (const key of KEYS) {
    const read = await world.drive(world.reg('x').get(key))
    const all = wanderers.filter((each) => each.key === key)
    for (const { events } of all) assertSeen(events, read?.value ?? null, written)
  }
  for (const name of lettersOf(`${NODES}x`)) await world.drive(world.reg(name).stop())
  return {
    seen: wanderers.reduce((sum, { events }) => sum + events.length, 0),
    changes: written.size,
  }
}

function assertSeen(
  events: readonly RegEvent[],
  last: unknown,
  written: ReadonlyMap<string, number | null>,
): void {
  const versions = events.map(({ version }) => version)
  assert.deepEqual(versions, [...new Set(versions)].sort())
  const values = events.map((event) => (event.kind === 'absent' ? null : event.value))
  assert.equal(values.at(-1), last)
  for (const [i, version] of versions.entries()) {
    if (written.has(version)) assert.equal(values[i], written.get(version))
  }
}

describe('watches on a random walk', () => {
  for (const seed of ['1', '2', '9']) {
    it(`show each what is newer, and in the end what is there: seed ${seed}`, async () => {
      const { seen, changes } = await walk(seed)
      // Less than that would show nothing.
      assert.ok(changes > 30 && seen > 60, `${seen} seen of ${changes} changes`)
    })
  }
})
