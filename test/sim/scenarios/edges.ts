/**
 * Clients that ask edges alone: nodes that hold no data and keep no topology over their starts. Edges
 * and members crash, stop, move and are cut off; what was acknowledged through an edge is held to the
 * same as through a member, and within a bound after the faults everything must be well.
 */
import { lookupsOf } from '../../node/edge-calls.ts'
import { AtollWorld } from '../atoll-world.ts'
import { Faults, swarm as chooseKinds } from '../faults.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { SimRandom } from '../sim-random.ts'

const EDGES = 2

export const edges: Scenario = {
  name: 'edges',
  about: 'clients of edges alone, under random faults of edges and members; nothing is lost',
  run: runEdges,
}

async function runEdges(context: ScenarioContext): Promise<ScenarioReport> {
  const random = new SimRandom(context.seed).fork('edges')
  const members = 3 + random.int(3)
  const size = members + EDGES
  const atoll = new AtollWorld(context, size, { partitions: random.pick([8, 16, 64]) })
  const { world, cluster } = atoll
  const kinds = chooseKinds(random)
  const faults = new Faults(world, world.random.fork('faults'), {
    kinds,
    gapMs: random.between(2000, 10_000),
    downMax: (members - 1) >> 1,
  })
  let lookups = 0
  await world.run(async () => {
    await cluster.form(members)
    for (let index = members; index < size; index++) await cluster.joinEdge(index)
    await cluster.settled()
    atoll.startClients(2 + random.int(5), random.between(50, 400))
    faults.run().catch((error: unknown) => world.kernel.fail(error))
    for (let index = members; index < size; index++) {
      await world.sleep(random.between(5000, 15_000))
      // Unless a fault has it already.
      if (!world.host(index).running) continue
      // Its topology goes with it; whom it knew may have moved when it is back.
      world.crash(index)
      await world.sleep(random.between(1000, 20_000))
      await world.start(index)
    }
    faults.inject('crash')
    await atoll.enough()
    await faults.stop()
    for (let index = members; index < size; index++) {
      lookups += await world.call(index, async (node) => (node === null ? 0 : lookupsOf(node)))
    }
    await atoll.finish()
  })
  return atoll.report(faults.total, `${kinds.join(' ')} · lookups ${lookups}`)
}
