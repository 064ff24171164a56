/**
 * S6: a machine comes back with an empty disk, and another leaves in order. The wiped one is
 * somebody new, whose old name counts nowhere; what a majority acknowledged is still there.
 */
import { AtollWorld } from '../atoll-world.ts'
import { SimulationError } from '../kernel.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'

export const wipe: Scenario = {
  name: 'wipe',
  about: 'a machine returns with an empty disk: somebody new, and no quorum write is lost',
  run: runWipe,
}

async function runWipe(context: ScenarioContext): Promise<ScenarioReport> {
  const size = 4 + (Number(context.seed) % 3)
  const atoll = new AtollWorld(context, size, { partitions: 16 })
  const { world, cluster, workload, registers, random } = atoll
  await world.run(async () => {
    await cluster.form(size)
    atoll.startClients(4, 100)
    await world.sleep(random.between(5000, 15_000))
    // Not the founder, whose address the ticket names.
    const victim = 1 + random.int(size - 1)
    const before = await world.call(victim, async (node) => node?.status())
    world.crash(victim)
    world.wipe(victim)
    cluster.expel(victim)
    await world.sleep(random.exponential(5000))
    await world.start(victim)
    await cluster.join(victim)
    const after = await world.call(victim, async (node) => node?.status())
    if (after?.storageId === before?.storageId || after?.id === before?.id) {
      throw new SimulationError('a wiped disk kept its name')
    }
    await atoll.enough()
    await Promise.all([workload.stop(), registers.stop()])
    await workload.verify({ disksLost: true })
    await registers.verify()
  })
  return atoll.report(1)
}
