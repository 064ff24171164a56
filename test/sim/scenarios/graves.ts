/**
 * Collection: clients delete and let things expire while machines crash, pause and are cut off; then a
 * machine is away for so long that its partitions are given to others, and comes back with what was
 * deleted meanwhile; then a wall clock is a day ahead; then an edge stops in the midst of its reads,
 * and goes on when what it read is deleted and collected. Nothing deleted comes back, nothing alive is
 * destroyed, and in the end no disk holds anything of the dead.
 */
import { AtollWorld } from '../atoll-world.ts'
import { Faults } from '../faults.ts'
import { GraveWorkload } from '../grave-workload.ts'
import { SimulationError } from '../kernel.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'

const DAY_MS = 86_400_000
/** Longer than anything of clocks that `faults` does to them, and than what a paused machine is late. */
const SLACK_MS = 4000
/** After ten minutes the dead are replaced. */
const AWAY_MS = 660_000
/** Some rounds of collection. */
const COLLECT_MS = 240_000
/** While keys are made and read, messages take up to so long, less than calls wait. */
const SLOW_MS = 1500
const RACES = 60

export const graves: Scenario = {
  name: 'graves',
  about: 'deletions, times, a machine away for long, clocks: no deleted key returns, and all go',
  run: runGraves,
}

async function runGraves(context: ScenarioContext): Promise<ScenarioReport> {
  const size = 4 + (Number(context.seed) % 2)
  const edge = size
  const atoll = new AtollWorld(context, size + 1, { partitions: 16 })
  const { world, cluster, random } = atoll
  const uses = (index: number): boolean => cluster.members.has(index)
  const diggers = new GraveWorkload(world, world.random.fork('graves'), uses, {
    prefix: 'grave',
    slackMs: SLACK_MS,
  })
  const faults = new Faults(world, world.random.fork('faults'), {
    kinds: ['crash', 'power', 'pause', 'stall', 'cut', 'one-way', 'split', 'slow', 'loss'],
    gapMs: random.between(3000, 8000),
    downMax: 1,
  })
  await world.run(async () => {
    await cluster.form(size)
    diggers.start(6, 150)
    faults.run().catch((error: unknown) => world.kernel.fail(error))
    await world.sleep(random.between(40_000, 90_000))
    faults.inject('crash')
    await world.sleep(5000)
    await faults.stop()
    await diggers.stop()
    await cluster.settled()
    await diggers.verify()
    await away()
    await clocks()
    await held()
    await diggers.buryAll()
    await world.sleep(TTL_OVER_MS)
    await diggers.verify()
    await allGone(cluster.members)
    await cluster.stop()
    if (diggers.acknowledged < 200) {
      throw new SimulationError(`only ${diggers.acknowledged} operations were acknowledged`)
    }
  })
  return atoll.report(
    faults.total + 2,
    `graves ${diggers.graves.length} (${diggers.acknowledged} changes)`,
  )

  /** Its disk keeps what the others delete; while it is a former replica they do not forget. */
  async function away(): Promise<void> {
    diggers.start(3, 400)
    // Not the founder, whose address the ticket names.
    const victim = 1 + random.int(size - 1)
    await world.sleep(10_000)
    world.crash(victim)
    await world.sleep(30_000)
    await diggers.stop()
    await world.sleep(AWAY_MS)
    await diggers.buryAll()
    await world.sleep(COLLECT_MS)
    world.log.add('world', 'info', 'graves.returns', { victim })
    await world.start(victim)
    await cluster.settled()
    await world.sleep(60_000)
    await diggers.verify()
  }

  /** Whatever one clock believes, values whose time has not come stay. */
  async function clocks(): Promise<void> {
    const long = new GraveWorkload(world, world.random.fork('long'), uses, {
      prefix: 'long',
      slackMs: SLACK_MS,
      ttlMsMin: DAY_MS / 2,
    })
    long.start(2, 200)
    await world.sleep(8000)
    await long.stop()
    const wild = random.int(size)
    world.host(wild).clock.jump(DAY_MS)
    await long.glance(wild)
    await world.sleep(COLLECT_MS)
    world.host(wild).clock.reset()
    await world.sleep(5000)
    await long.verify()
    await long.buryAll({ withTimes: true })
  }

  /**
   * A reader that has heard of some replicas and not of all stops, and what it would tell those that
   * lacked something is of the past when it goes on.
   */
  async function held(): Promise<void> {
    await cluster.joinEdge(edge)
    await cluster.settled()
    for (const from of world.hosts) {
      for (const to of world.hosts) {
        const path = world.fabric.path(from.machine, to.machine)
        if (random.chance(0.5)) path.extraDelayMs = random.between(0, SLOW_MS)
      }
    }
    const races = diggers.race(RACES, edge, SLOW_MS)
    await world.sleep(random.between(SLOW_MS, 2 * SLOW_MS))
    world.pause(edge)
    world.heal()
    await world.sleep(10_000)
    await diggers.buryAll()
    await world.sleep(COLLECT_MS)
    world.resume(edge)
    await races
    await cluster.settled()
    await diggers.verify()
  }

  /** On every disk, by what the nodes say of themselves. */
  async function allGone(members: Iterable<number>): Promise<void> {
    let left = 0
    try {
      await world.until('the dead are gone', 600_000, async () => {
        left = await diggers.records(members)
        return left === 0
      })
    } catch (error) {
      throw new SimulationError(`${left} records are left of what is dead`, { cause: error })
    }
  }
}

/** The longest time of a key, what it is late, and the minute that nobody doubts. */
const TTL_OVER_MS = 100_000
