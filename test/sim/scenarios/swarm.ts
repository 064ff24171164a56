/**
 * Whole nodes under a random subset of all faults: clients write and read while machines crash,
 * stop and lose power, paths break, and another node joins. Then the faults end, and within a
 * bound everything must be well: safety first, liveness after it.
 */
import { AtollWorld } from '../atoll-world.ts'
import { Faults, swarm as chooseKinds } from '../faults.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { SimRandom } from '../sim-random.ts'

export const swarm: Scenario = {
  name: 'swarm',
  about: 'random faults, a crash and a join for certain; nothing acknowledged is lost',
  run: runSwarm,
}

async function runSwarm(context: ScenarioContext): Promise<ScenarioReport> {
  const random = new SimRandom(context.seed).fork('swarm')
  const size = 3 + random.int(5)
  const atoll = new AtollWorld(context, size, { partitions: random.pick([8, 16, 64]) })
  const { world, cluster } = atoll
  const kinds = chooseKinds(random)
  const faults = new Faults(world, world.random.fork('faults'), {
    kinds,
    gapMs: random.between(2000, 10_000),
    downMax: Math.max(1, (size - 1) >> 1),
  })
  await world.run(async () => {
    await cluster.form(size - 1)
    atoll.startClients(2 + random.int(5), random.between(50, 400))
    faults.run().catch((error: unknown) => world.kernel.fail(error))
    await world.sleep(random.between(5000, 20_000))
    const joining = cluster.join(size - 1)
    joining.catch((error: unknown) => world.kernel.fail(error))
    await world.sleep(random.between(1000, 10_000))
    faults.inject('crash')
    await atoll.enough()
    await faults.stop()
    await joining
    await atoll.finish()
  })
  return atoll.report(faults.total, kinds.join(' '))
}
