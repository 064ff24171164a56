/**
 * S8: wall clocks an hour ahead, a day behind, at double speed. Nobody is called dead for it, and
 * writes go on or are refused with CLOCK_SKEW; none is lost.
 */
import { AtollWorld } from '../atoll-world.ts'
import { SimulationError } from '../kernel.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'

const HOUR_MS = 3_600_000

export const clocks: Scenario = {
  name: 'clocks',
  about: 'wall clocks an hour ahead, a day behind, at double speed; no false death, no lost write',
  run: runClocks,
}

async function runClocks(context: ScenarioContext): Promise<ScenarioReport> {
  const size = 4
  const atoll = new AtollWorld(context, size, { partitions: 16 })
  const { world, cluster, random } = atoll
  let changes = 0
  await world.run(async () => {
    await cluster.form(size)
    atoll.startClients(4, 100)
    for (const act of [
      (host: number) => world.host(host).clock.jump(HOUR_MS),
      (host: number) => world.host(host).clock.jump(-24 * HOUR_MS),
      (host: number) => world.host(host).clock.setWallRate(2),
    ]) {
      act(random.int(size))
      changes++
      await world.sleep(15_000)
      for (const host of world.hosts) {
        const status = await world.call(host.index, async (node) => node?.status())
        if (status?.members.alive !== size) {
          throw new SimulationError(`${host.name} believes somebody dead because of a wall clock`)
        }
      }
    }
    for (const { clock } of world.hosts) clock.reset()
    const victim = random.int(size)
    world.crash(victim)
    await world.sleep(random.exponential(3000))
    await world.start(victim)
    await atoll.enough()
    await atoll.finish()
  })
  return atoll.report(changes)
}
