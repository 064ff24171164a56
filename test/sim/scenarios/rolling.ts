/**
 * Members are restarted one after another, some before the watches have found the last one equal,
 * while clients write, also what one disk alone acknowledges. Watches at an edge live through all of
 * it: whatever a disk took in while nobody read it must be told, or a gap.
 */
import type { AtollProgramNode } from '../atoll-program.ts'
import { AtollWorld } from '../atoll-world.ts'
import { Clients } from '../clients.ts'
import { NodeCalls } from '../node-calls.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import type { SimRandom } from '../sim-random.ts'
import { SimulationError } from '../kernel.ts'
import { Watchers } from '../watchers.ts'
import { shuffled } from '../../../src/seams/random.ts'

const DEADLINE_MS = 4000
const ROUNDS = 2
const WATCHERS = 2
/** Longer than the run. */
const STAY_MS = 3_600_000
/** Enough for a disk that is back to be found equal, and vouched for. */
const CALM_MS = 20_000

export const rolling: Scenario = {
  name: 'rolling',
  about: 'members restart one after another under watches: nothing is missed without a gap',
  run: runRolling,
}

async function runRolling(context: ScenarioContext): Promise<ScenarioReport> {
  const members = 3 + (Number(context.seed) % 2)
  const edge = members
  const atoll = new AtollWorld(context, members + 1, { partitions: 16 })
  const { world, cluster, random } = atoll
  const isCalm = random.chance(0.3)
  // Values end by clocks: what a list still shows, others may have called ended before it.
  const areClocksWrong = random.chance(0.4)
  const steady = new Watchers(world, world.random.fork('steady'), (index) => index === edge)
  const content = new Alone(atoll, members, !areClocksWrong)
  await world.run(async () => {
    await cluster.form(members)
    await cluster.joinEdge(edge)
    await cluster.settled()
    steady.start(WATCHERS, STAY_MS)
    await world.sleep(3000)
    atoll.startClients(2, 400)
    content.start()
    if (isCalm) for (const index of shuffled(random, [...cluster.members])) await calmly(index)
    else for (let round = 0; round < ROUNDS; round++) await roughly()
    world.heal()
    for (const { clock } of world.hosts) clock.reset()
    await atoll.enough()
    await content.stop()
    await steadyIsRight()
    await atoll.finish()
  })
  const kind = isCalm ? 'calm' : 'rough'
  return atoll.report(
    isCalm ? members : ROUNDS * members,
    `${kind}, at the edge ${steady.notes}, alone ${content.keys.length}`,
  )

  async function calmly(index: number): Promise<void> {
    await cluster.settled()
    await world.sleep(CALM_MS)
    await restart(index)
  }

  /**
   * One is cut off as it restarts and takes writes alone; the others get them while the edge hears
   * none of them, and restart in their turn: what they know of it is in no memory then.
   */
  async function roughly(): Promise<void> {
    const order = shuffled(random, [...cluster.members])
    const [alone = 0, ...others] = order
    for (const { clock } of world.hosts) {
      if (areClocksWrong && random.chance(0.3)) clock.jump(random.between(-20_000, 20_000))
    }
    for (const other of [...others, edge]) world.cut(alone, other)
    await restart(alone)
    await world.sleep(random.exponential(4000))
    if (random.chance(0.7)) {
      join(alone, edge)
      await world.sleep(random.between(0, 12_000))
    }
    for (const other of others) world.cut(edge, other)
    for (const other of others) join(alone, other)
    await world.sleep(random.between(1000, 12_000))
    for (const other of others) {
      if (random.chance(0.8)) await restart(other)
      await world.sleep(random.exponential(2000))
    }
    world.heal()
    await world.sleep(random.between(3000, 15_000))
  }

  async function restart(index: number): Promise<void> {
    const how = random.pick(['stop', 'crash', 'powerLoss'] as const)
    await world[how](index)
    await world.sleep(random.exponential(1500))
    await world.start(index)
  }

  function join(a: number, b: number): void {
    world.cutOneWay(a, b, false)
    world.cutOneWay(b, a, false)
  }

  async function steadyIsRight(): Promise<void> {
    await Promise.all([atoll.workload.stop(), atoll.sets.stop(), atoll.counters.stop()])
    await cluster.settled()
    const { workload, sets, counters } = atoll
    const keys = [...workload.keys, ...sets.keys, ...counters.keys, ...content.keys]
    await cluster.converged(keys, 180_000)
    await steady.verify(keys, { disksLost: false })
    await steady.stop()
    if (isCalm && steady.gaps > 0) throw new SimulationError(`${steady.gaps} gaps in a calm run`)
  }
}

/** Clients of members that are content with one disk; each key is written once. */
class Alone {
  readonly keys: string[] = []
  readonly #clients: Clients
  readonly #calls: NodeCalls<AtollProgramNode>
  readonly #haveEnds: boolean

  /** `haveEnds`: some of the values do. */
  constructor(atoll: AtollWorld, members: number, haveEnds: boolean) {
    this.#haveEnds = haveEnds
    this.#clients = new Clients(atoll.world, atoll.world.random.fork('alone'), 'alone')
    this.#calls = new NodeCalls(atoll.world, DEADLINE_MS, (index) => index < members)
  }

  start(): void {
    this.#clients.start(3, 250, (random) => () => this.#put(random))
  }

  stop(): Promise<void> {
    return this.#clients.stop('those content with one disk')
  }

  async #put(random: SimRandom): Promise<void> {
    const key = `alone/${this.keys.length}`
    this.keys.push(key)
    const ends =
      this.#haveEnds && random.chance(0.3) ? { ttlMs: Math.ceil(random.between(1000, 20_000)) } : {}
    const options = { write: 'one', deadlineMs: DEADLINE_MS, ...ends } as const
    const index = this.#calls.someHost(random)
    const answer = await this.#calls.call(index, ({ kv }) => kv.put(key, 'v', options))
    if ('error' in answer) this.#calls.outcomeOf(answer.error)
  }
}
